//! What was done to a challenge by those who run it: the audit log, in words.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::challenge::{Challenge, ChallengeError};
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{audit_log, users};

/// One act.
#[derive(Debug, Clone)]
pub struct LoggedAct {
    /// The row.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who; none where an operator acted on the command line, or the platform by itself.
    pub actor: Option<String>,
    /// What, as `thing.verb`.
    pub action: String,
    /// To what, as `thing:name`.
    pub subject: String,
    /// What else there is to say.
    pub detail: String,
}

impl LoggedAct {
    /// The act as a sentence without its subject: “published the challenge”.
    pub fn sentence(&self) -> String {
        sentence(&self.action, &self.subject)
    }
}

/// The acts on a challenge, newest first, older than `before` where given.
pub fn of_challenge(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<LoggedAct>, DatabaseError> {
    type Row = (i64, NaiveDateTime, Option<String>, String, String, String);
    let rows: Vec<Row> = audit_log::table
        .left_join(users::table.on(users::id.nullable().eq(audit_log::actor_id)))
        .filter(audit_log::challenge_id.eq(challenge_id))
        .filter(audit_log::id.lt(before.unwrap_or(i64::MAX)))
        .order(audit_log::id.desc())
        .limit(limit)
        .select((
            audit_log::id,
            audit_log::at,
            users::username.nullable(),
            audit_log::action,
            audit_log::subject,
            audit_log::detail,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, at, actor, action, subject, detail)| LoggedAct {
            id,
            at: at.and_utc(),
            actor,
            action,
            subject,
            detail,
        })
        .collect())
}

/// An act in words; one that has none here is told by its parts, so that nothing is left out.
fn sentence(action: &str, subject: &str) -> String {
    let name = subject.split_once(':').map_or(subject, |(_, name)| name);
    match action {
        "challenge.create" => "posted the challenge as a draft".into(),
        "challenge.complete" => "completed the draft".into(),
        "challenge.edit" => "changed the texts".into(),
        "challenge.configure" => "changed prizes, eligibility or the rules for teams".into(),
        "challenge.submit_for_review" => "handed the challenge in for review".into(),
        "challenge.send_back" => "sent the challenge back to be changed".into(),
        "challenge.publish" => "published the challenge".into(),
        "challenge.reschedule" => "changed the dates".into(),
        "challenge.archive" => "archived the challenge".into(),
        "challenge.restore" => "took the challenge out of the archive".into(),
        "challenge.announce" => "announced something to everybody who takes part".into(),
        "challenge.export" => "exported the challenge as a bundle".into(),
        "talent_board.publish" => "published the talent board".into(),
        "contact_request.ask" => format!("asked to meet a driver (request {name})"),
        "contact_request.forward" => format!("passed contact request {name} on"),
        "contact_request.refuse" => format!("refused contact request {name}"),
        "contact_request.cancel" => format!("took contact request {name} back"),
        "contact_request.accept" => format!("accepted contact request {name}"),
        "contact_request.decline" => format!("declined contact request {name}"),
        "contact_request.withdraw" => format!("took back the consent to contact request {name}"),
        "contact_request.expire" => format!("contact request {name} expired"),
        "identity.unlock" => format!("looked at the identity of contact request {name}"),
        "phase.rescore" => "had a phase scored anew".into(),
        "submission.cancel" => format!("stopped submission {name}"),
        "submission.rescore" => format!("had submission {name} scored anew"),
        "submission.retry" => format!("had submission {name} tried again"),
        "submission.verify" => format!("verified the score of submission {name}"),
        "submission.unverify" => format!("took back the verification of submission {name}"),
        "flag.resolve" => format!("resolved flag {name}"),
        "baseline.add" => format!("put the baseline {name} on the board"),
        "baseline.remove" => format!("took the baseline {name} off the board"),
        "team.disqualify" => format!("disqualified the team {name}"),
        "team.reinstate" => format!("let the team {name} back"),
        "participants.approve" => "let somebody in who had asked".into(),
        "participants.decline" => "declined somebody's request to join".into(),
        "invitation_link.make" => "made an invitation's link".into(),
        "invitation_link.renew" => "made a new invitation's link; the old one is void".into(),
        "invitation_link.take_back" => "took the invitation's link back".into(),
        "invitations.add" => "invited people by e-mail address".into(),
        "invitations.remove" => "took an e-mail address off the list".into(),
        "phase.correct" => "began to correct a phase".into(),
        "phase.correct.cancel" => "cancelled a correction".into(),
        "phase.corrected" => "corrected a phase; the board changed".into(),
        other => {
            let words = other.replace(['.', '_'], " ");
            format!("{words}: {subject}")
        }
    }
}

/// Writes an act on a challenge to the log. Call it in the act's own write transaction.
pub(super) fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    challenge: &Challenge,
    action: &str,
    detail: &str,
) -> Result<(), ChallengeError> {
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action,
        subject: &format!("challenge:{}", challenge.slug),
        challenge_id: Some(challenge.id),
        detail,
    };
    Ok(audit::record(connection, now, &act)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_reads_as_a_sentence_and_an_unknown_one_keeps_its_parts() {
        assert_eq!(
            sentence("submission.verify", "submission:42"),
            "verified the score of submission 42"
        );
        assert_eq!(
            sentence("baseline.add", "team:Last lap: mean"),
            "put the baseline Last lap: mean on the board"
        );
        assert_eq!(
            sentence("discussion.hide_post", "post:7"),
            "discussion hide post: post:7"
        );
    }
}
