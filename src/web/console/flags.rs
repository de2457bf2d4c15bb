//! Submissions of two teams that are alike, side by side; and what the organizer found. Here too: whether a
//! score was reproduced.

use actix_web::web::{Data, Form, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self as challenges, Challenge, ChallengeError};
use crate::challenges::flags::{self, Flag, FlagKind};
use crate::challenges::selection;
use crate::challenges::submissions::{self, Submission};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::format;
use crate::web::page::{Page, see_other_saying};

/// Flags on a page.
const PAGE: usize = 20;

/// Where the list begins.
#[derive(Deserialize)]
pub struct Paging {
    before: Option<i64>,
}

/// One of the two.
struct Side {
    id: i64,
    team: String,
    received_at: Option<DateTime<Utc>>,
    file_name: String,
    public: String,
    private: String,
}

impl Side {
    fn new(id: i64, team: &str, found: &[Submission]) -> Self {
        let submission = found.iter().find(|submission| submission.id == id);
        let score = |score: Option<f64>| score.map(format::score).unwrap_or_default();
        Self {
            id,
            team: team.to_owned(),
            received_at: submission.map(|submission| submission.received_at),
            file_name: submission
                .map(|submission| submission.file_name.clone())
                .unwrap_or_default(),
            public: score(submission.and_then(|submission| submission.public_score)),
            private: score(submission.and_then(|submission| submission.private_score)),
        }
    }
}

struct FlagView {
    id: i64,
    kind: &'static str,
    similarity: String,
    raised_at: DateTime<Utc>,
    sides: [Side; 2],
    resolved_at: Option<DateTime<Utc>>,
    resolution: String,
}

impl FlagView {
    fn new(flag: Flag, found: &[Submission]) -> Self {
        Self {
            id: flag.id,
            kind: match flag.kind {
                FlagKind::SameFile => "The very same file",
                FlagKind::NearIdentical => "Predictions that err alike",
            },
            similarity: format!("{:.4}", flag.similarity),
            raised_at: flag.raised_at,
            sides: [
                Side::new(flag.submission_id, &flag.team, found),
                Side::new(flag.other_submission_id, &flag.other_team, found),
            ],
            resolved_at: flag.resolved.as_ref().map(|(at, _)| *at),
            resolution: flag.resolved.map(|(_, text)| text).unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "console/flags.html")]
struct FlagsPage {
    page: Page,
    challenge: Challenge,
    flags: Vec<FlagView>,
    next: String,
}

/// The page.
pub async fn list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let (slug, before) = (slug.into_inner(), paging.before);
    let (challenge, mut found, sides) = state
        .database
        .read(move |connection| {
            let challenge = challenges::find_managed(connection, &principal, &slug)?;
            let found = flags::of_challenge(connection, challenge.id, before, PAGE as i64 + 1)?;
            let ids: Vec<i64> = found
                .iter()
                .flat_map(|flag| [flag.submission_id, flag.other_submission_id])
                .collect();
            let sides = submissions::these(connection, challenge.id, &ids)?;
            Ok::<_, ChallengeError>((challenge, found, sides))
        })
        .await
        .map_err(Fault::from)?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let shown = FlagsPage {
        page: Page::new(&request, "console"),
        next: match found.last() {
            Some(last) if more => format!("?before={}", last.id),
            _ => String::new(),
        },
        flags: found
            .into_iter()
            .map(|flag| FlagView::new(flag, &sides))
            .collect(),
        challenge,
    };
    shown.page.show(&shown)
}

/// What the organizer found.
#[derive(Deserialize)]
pub struct ResolveForm {
    resolution: String,
}

/// Resolves a flag.
pub async fn resolve(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<ResolveForm>,
) -> Result<HttpResponse, Fault> {
    let ((slug, id), now) = (path.into_inner(), state.clock.now());
    let address = format!("/console/challenges/{slug}/flags");
    let resolved = state
        .database
        .write(move |connection| {
            flags::resolve(connection, now, &principal, &slug, id, &form.resolution)
        })
        .await;
    let (kind, message) = match resolved {
        Ok(()) => ("success", "The flag is resolved.".to_owned()),
        Err(ChallengeError::Invalid { problem, .. }) => ("error", problem),
        Err(error) => return Err(error.into()),
    };
    Ok(see_other_saying(&request, &address, kind, message))
}

/// Whether the score was reproduced.
#[derive(Deserialize)]
pub struct VerifyForm {
    verified: bool,
    /// The challenge that the organizer comes from.
    slug: String,
}

/// Verifies a submission, or takes that back.
pub async fn verify(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
    form: Form<VerifyForm>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (*id, state.clock.now());
    let VerifyForm { verified, slug } = form.into_inner();
    state
        .database
        .write(move |connection| selection::verify(connection, now, &principal, id, verified))
        .await
        .map_err(Fault::from)?;
    let message = match verified {
        true => format!("Submission {id} is verified; the board says so."),
        false => format!("Submission {id} is no longer verified."),
    };
    let address = match crate::platform::slug::is_slug(&slug) {
        true => format!("/console/challenges/{slug}#submissions"),
        false => "/console".to_owned(),
    };
    Ok(see_other_saying(&request, &address, "success", message))
}
