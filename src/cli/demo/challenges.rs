//! The demo's challenges, posted from the files in `datasets/championship/challenges`, and a
//! competitor's way through them: accept the rules, submit.

use anyhow::{anyhow, bail};
use chrono::TimeDelta;

use super::baselines::Baseline;
use super::championship::Season;
use super::people::Person;
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::challenges::challenge::{self, ChallengeError, current_phase};
use crate::challenges::draft::ChallengeDraft;
use crate::challenges::life;
use crate::challenges::membership::{self, Acceptance, Joined};
use crate::challenges::posting::{self, ChallengeFiles};
use crate::challenges::submissions;
use crate::challenges::submissions::Upload;
use crate::cli::challenge::parse_draft;
use crate::cli::progress::Progress;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::http::uploads;
use crate::platform::database::DatabaseError;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;

pub const LAP_TIMES: &str = "lap-times";
pub const DRIVER_RATING: &str = "driver-rating";

/// A file of a challenge that is part of the program.
macro_rules! text {
    ($file:literal) => {
        include_str!(concat!("../../../datasets/championship/challenges/", $file))
    };
}

fn lap_times() -> anyhow::Result<ChallengeDraft> {
    parse_draft(text!("lap-times/challenge.toml"), |name| {
        Ok(match name {
            "overview.md" => text!("lap-times/overview.md"),
            "data.md" => text!("lap-times/data.md"),
            "rules.md" => text!("lap-times/rules.md"),
            _ => bail!("{name} is not part of the program"),
        }
        .to_owned())
    })
}

fn driver_rating() -> anyhow::Result<ChallengeDraft> {
    parse_draft(text!("driver-rating/challenge.toml"), |name| {
        Ok(match name {
            "overview.md" => text!("driver-rating/overview.md"),
            "data.md" => text!("driver-rating/data.md"),
            "rules.md" => text!("driver-rating/rules.md"),
            _ => bail!("{name} is not part of the program"),
        }
        .to_owned())
    })
}

/// Posts and publishes what is not there yet; returns the addresses.
pub async fn post(state: &State, organizer: &User, season: &Season) -> anyhow::Result<Vec<String>> {
    let posting = Progress::begin("Posting challenges", 2)?;
    let principal = Principal::Browser(organizer.clone());
    let now = state.clock.now();
    let mut slugs = Vec::new();
    let drafts = [
        (lap_times()?, &season.lap_times),
        (driver_rating()?, &season.driver_rating),
    ];
    for (done, (mut draft, solution)) in (1..).zip(drafts) {
        let slug = draft.slug.clone();
        slugs.push(slug.clone());
        for phase in &mut draft.phases {
            phase.starts_at = now - TimeDelta::days(1);
            phase.ends_at = now + TimeDelta::days(60);
            // The files are everybody's to read; their seed must not tell the private rows.
            phase.solution.split_seed = rand::random();
        }
        let (asking, name) = (principal.clone(), slug.clone());
        let known = state
            .database
            .read(move |connection| challenge::find(connection, &asking, &name))
            .await;
        match known {
            Ok(_) => {}
            Err(ChallengeError::NotFound(_)) => {
                let files = ChallengeFiles {
                    solutions: vec![solution.clone()],
                    ..ChallengeFiles::default()
                };
                posting::post(
                    &state.database,
                    &state.storage,
                    now,
                    organizer,
                    draft,
                    files,
                )
                .await?;
            }
            Err(error) => return Err(error.into()),
        }
        let publisher = principal.clone();
        state
            .database
            .write(move |connection| life::publish(connection, now, &publisher, &slug, false))
            .await
            .map_err(|error: ChallengeError| error)?;
        posting.done(done);
    }
    posting.finish(&slugs.join(", "))?;
    Ok(slugs)
}

/// A team in the phase that is open.
#[derive(Clone, Copy)]
pub struct Team {
    phase_id: i64,
    team_id: i64,
    /// Whether its challenge takes code: one of a demo that an older version began does not.
    pub may_send_code: bool,
}

/// Accepts a challenge's rules, where that is still to do.
pub async fn join(state: &State, slug: &'static str, user: &User) -> anyhow::Result<Team> {
    let now = state.clock.now();
    let user = user.clone();
    state
        .database
        .write(move |connection| {
            let principal = Principal::Browser(user.clone());
            let (challenge, phases) = challenge::find(connection, &principal, slug)?;
            let phase_id = current_phase(&phases, now)
                .map(|phase| phase.id)
                .ok_or_else(|| ChallengeError::NotFound(slug.to_owned()))?;
            let membership = match membership::of(connection, challenge.id, user.id)? {
                Some(known) if known.rules_version == challenge.rules_version => known,
                _ => {
                    let acceptance = Acceptance {
                        rules_version: challenge.rules_version,
                        is_eligible: true,
                        ..Acceptance::default()
                    };
                    match membership::accept_rules(connection, now, &user, &challenge, &acceptance)?
                    {
                        Joined::Member(membership) => membership,
                        Joined::Waiting => return Err(ChallengeError::NotYours),
                    }
                }
            };
            Ok(Team {
                phase_id,
                team_id: membership.team_id,
                may_send_code: challenge.kinds.contains(&SubmissionKind::Python),
            })
        })
        .await
        .map_err(|error: ChallengeError| error.into())
}

/// The team's submission of this description.
pub async fn find_submission(
    state: &State,
    team: Team,
    description: &'static str,
) -> anyhow::Result<Option<i64>> {
    let Team {
        phase_id, team_id, ..
    } = team;
    let found = state
        .database
        .read(move |connection| {
            let mut before = None;
            loop {
                let page = submissions::of_team(connection, phase_id, team_id, before, 200)?;
                let same = |sent: &&submissions::Submission| sent.description == description;
                if let Some(sent) = page.iter().find(same) {
                    return Ok(Some(sent.id));
                }
                match page.last() {
                    Some(oldest) => before = Some(oldest.id),
                    None => return Ok(None),
                }
            }
        })
        .await;
    found.map_err(|error: DatabaseError| error.into())
}

/// Sends a baseline the way the API does.
pub async fn submit(
    state: &State,
    person: &Person,
    baseline: &Baseline,
    file: Vec<u8>,
) -> anyhow::Result<i64> {
    let principal = person.principal();
    let slug = baseline.challenge;
    let sent = async {
        let admission = uploads::admission(state, &principal, slug).await?;
        let bytes = futures_util::stream::iter([Ok::<_, std::io::Error>(file.into())]);
        let upload =
            uploads::receive_body(state, bytes, baseline.kind, FileFormat::Csv, &admission).await?;
        let upload = Upload {
            description: baseline.name.to_owned(),
            ..upload
        };
        uploads::accept(state, &principal, slug, upload).await
    };
    sent.await.map_err(|fault: Fault| {
        anyhow!(
            "the baseline `{}` was not accepted: {}",
            baseline.name,
            fault.detail
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_files_are_complete() {
        for (draft, slug) in [
            (lap_times().unwrap(), LAP_TIMES),
            (driver_rating().unwrap(), DRIVER_RATING),
        ] {
            assert_eq!(draft.slug, slug);
            draft.check().unwrap();
        }
    }
}
