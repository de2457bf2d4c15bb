//! The caller's team: its members, invitations and limits, and what a member or its captain does.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Json, Path};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::permissions::Principal;
use crate::api::{Answer as Answered, House};
use crate::challenges::challenge::{self, current_phase};
use crate::challenges::limits::Used;
use crate::challenges::submissions;
use crate::challenges::teams::invitations::{self, Answer, Invitation, InvitationKind};
use crate::challenges::teams::{self, Team, TeamError, merge_rules};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::platform::database::DatabaseConnection;

/// A member of a team.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberView {
    username: String,
    is_captain: bool,
    /// The rules that were accepted.
    rules_version: i32,
    accepted_at: DateTime<Utc>,
}

/// A team.
#[derive(Debug, Serialize, ToSchema)]
pub struct TeamView {
    /// Its number, by which organizers name it.
    id: i64,
    /// Its name on the leaderboard.
    name: String,
    members: Vec<MemberView>,
    /// Why it is off the boards; null where it is not.
    disqualified: Option<DisqualificationView>,
}

/// Why a team is off the boards.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisqualificationView {
    at: DateTime<Utc>,
    reason: String,
}

impl From<Team> for TeamView {
    fn from(team: Team) -> Self {
        Self {
            members: team
                .members
                .iter()
                .map(|member| MemberView {
                    username: member.username.clone(),
                    is_captain: team.is_captain(member.user_id),
                    rules_version: member.rules_version,
                    accepted_at: member.accepted_at,
                })
                .collect(),
            id: team.id,
            name: team.name,
            disqualified: team.disqualified.map(|off| DisqualificationView {
                at: off.at,
                reason: off.reason,
            }),
        }
    }
}

/// An invitation that waits for an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationView {
    id: i64,
    kind: InvitationKind,
    /// The team that asks.
    team: String,
    /// The person who is asked, or the team.
    invited: String,
    created_at: DateTime<Utc>,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: invitation.id,
            kind: invitation.kind,
            team: invitation.team,
            invited: invitation.invited,
            created_at: invitation.created_at,
        }
    }
}

/// The caller's team, and what waits for an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnTeam {
    /// Null for those who did not join.
    team: Option<TeamView>,
    /// Counted submissions of all members today, in the challenge's zone.
    used_today: u32,
    /// Counted submissions of all members in the phase that matters now.
    used_total: u32,
    /// What waits for the caller's answer, or for their team's captain's.
    received: Vec<InvitationView>,
    /// What the team sent and nobody has answered.
    sent: Vec<InvitationView>,
    /// From then on teams stay as they are.
    locked_from: Option<DateTime<Utc>>,
}

fn own(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<OwnTeam, Fault> {
    let (challenge, phases) = challenge::find(connection, principal, slug)?;
    let user_id = guard::user(principal)?.id;
    let team = teams::of_user(connection, challenge.id, user_id)?;
    let team_id = team.as_ref().map(|team| team.id);
    let received = invitations::received(connection, challenge.id, user_id, team_id)?;
    let (mut sent, mut used) = (Vec::new(), Used::default());
    if let Some(team_id) = team_id {
        sent = invitations::sent(connection, team_id)?;
        if let Some(phase) = current_phase(&phases, now) {
            used = submissions::used(connection, now, challenge.time_zone, phase.id, team_id)?;
        }
    }
    Ok(OwnTeam {
        team: team.map(TeamView::from),
        used_today: used.today,
        used_total: used.total,
        received: received.into_iter().map(InvitationView::from).collect(),
        sent: sent.into_iter().map(InvitationView::from).collect(),
        locked_from: merge_rules::locked_from(challenge.teams_locked_at, &phases),
    })
}

/// Does one act in a write transaction; answers with the caller's team as it is then.
async fn act(
    house: House,
    principal: Principal,
    slug: String,
    status: StatusCode,
    work: impl FnOnce(&mut DatabaseConnection, DateTime<Utc>, &Principal, &str) -> Result<(), TeamError>
    + Send
    + 'static,
) -> Answered {
    let now = house.clock.now();
    let team = house
        .database
        .write(move |connection| {
            work(connection, now, &principal, &slug)?;
            own(connection, now, &principal, &slug)
        })
        .await?;
    Ok(HttpResponse::build(status).json(team))
}

/// Reads your team
///
/// Its members, what it has used of the limits, and the invitations that wait for an answer.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/team", operation_id = "get_team", tag = "teams",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 200, description = "Your team", body = OwnTeam)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    slug: Path<String>,
) -> Result<Json<OwnTeam>, Fault> {
    let (slug, now) = (slug.into_inner(), house.clock.now());
    let team = house
        .database
        .read(move |connection| own(connection, now, &principal, &slug))
        .await?;
    Ok(Json(team))
}

/// What changes of a team.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamChange {
    /// Its new name on the leaderboard.
    #[serde(default)]
    #[schema(min_length = 2, max_length = 40)]
    name: Option<String>,
    /// The user name of the member who becomes its captain.
    #[serde(default)]
    captain: Option<String>,
}

/// Renames your team, or hands it over
///
/// The captain alone may. The name is unique in the challenge. What is left away stays as it is.
#[utoipa::path(
    patch, path = "/api/v1/challenges/{slug}/team", operation_id = "change_team", tag = "teams",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = TeamChange,
    responses(
        (status = 200, description = "Changed", body = OwnTeam),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "The challenge is over."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn change(
    house: House,
    principal: Principal,
    slug: Path<String>,
    change: Json<TeamChange>,
) -> Answered {
    let TeamChange { name, captain } = change.into_inner();
    if name.is_none() && captain.is_none() {
        return Err(Fault::invalid("name", "send a name, a captain, or both"));
    }
    let slug = slug.into_inner();
    act(
        house,
        principal,
        slug,
        StatusCode::OK,
        move |connection, now, actor, slug| {
            if let Some(name) = name {
                teams::rename(connection, now, actor, slug, &name)?;
            }
            if let Some(captain) = captain {
                teams::hand_over(connection, actor, slug, &captain)?;
            }
            Ok(())
        },
    )
    .await
}

/// Who is invited: a person or a team, one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationDraft {
    /// The user name of a person who is to join.
    #[serde(default)]
    username: Option<String>,
    /// The name of a team that is to merge into yours.
    #[serde(default)]
    team: Option<String>,
}

/// Invites a person, or asks a team to merge
///
/// The captain alone may. Together the teams may have sent no more than one team could have by now, and
/// have no more members than a team may.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/team/invitations", operation_id = "invite_to_team",
    tag = "teams",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = InvitationDraft,
    responses(
        (status = 201, description = "Invited", body = OwnTeam),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "The teams may not become one; `type` and `detail` say why."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn invite(
    house: House,
    principal: Principal,
    slug: Path<String>,
    draft: Json<InvitationDraft>,
) -> Answered {
    let InvitationDraft { username, team } = draft.into_inner();
    let slug = slug.into_inner();
    act(
        house,
        principal,
        slug,
        StatusCode::CREATED,
        move |connection, now, actor, slug| {
            match (username, team) {
                (Some(username), None) => {
                    invitations::invite(connection, now, actor, slug, &username)?;
                }
                (None, Some(team)) => {
                    invitations::ask_to_merge(connection, now, actor, slug, &team)?;
                }
                _ => {
                    return Err(TeamError::Invalid {
                        field: "username",
                        problem: "send either a username or a team".into(),
                    });
                }
            }
            Ok(())
        },
    )
    .await
}

/// An answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerDraft {
    /// The invited accept or decline; the captain who asked withdraws.
    answer: Answer,
}

/// Answers an invitation
///
/// Accepting makes one team of two: members, submissions and entries of all phases go to the team that
/// asked. One person is in one team of a challenge, whatever is accepted at the same time.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/team/invitations/{id}",
    operation_id = "answer_team_invitation", tag = "teams",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The invitation"),
    ),
    request_body = AnswerDraft,
    responses(
        (status = 200, description = "Answered", body = OwnTeam),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "The teams may not become one; `type` and `detail` say why."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn answer(
    house: House,
    principal: Principal,
    path: Path<(String, i64)>,
    draft: Json<AnswerDraft>,
) -> Answered {
    let (slug, id) = path.into_inner();
    let answer = draft.answer;
    act(
        house,
        principal,
        slug,
        StatusCode::OK,
        move |connection, now, actor, slug| {
            invitations::answer(connection, now, actor, slug, id, answer)?;
            Ok(())
        },
    )
    .await
}

/// Leaves your team
///
/// For a new team of your own. What you sent stays with the team; the last member cannot leave, and nobody
/// on a day on which they sent something that counts.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/team/leave", operation_id = "leave_team", tag = "teams",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses(
        (status = 200, description = "Left; this is your own team", body = OwnTeam),
        (status = 409, description = "You cannot leave now; `detail` says why."),
    ),
)]
pub async fn leave(house: House, principal: Principal, slug: Path<String>) -> Answered {
    let slug = slug.into_inner();
    act(
        house,
        principal,
        slug,
        StatusCode::OK,
        |connection, now, actor, slug| {
            teams::leave(connection, now, actor, slug)?;
            Ok(())
        },
    )
    .await
}
