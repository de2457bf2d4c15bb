//! What was done to a challenge, and its submissions, as pages and as CSV for other programs.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::stream::try_unfold;
use futures_util::{Stream, TryStreamExt};
use serde::Deserialize;

use crate::accounts::permissions::Principal;
use crate::challenges::act_log::{self, LoggedAct};
use crate::challenges::challenge::{self as challenges, Challenge, ChallengeError};
use crate::challenges::submissions::{self, ListedSubmissions};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::platform::spreadsheet::harmless;
use crate::web::page::Page;

/// Acts on a page.
const PAGE: usize = 50;

/// Rows that an export asks for at once.
const BATCH: i64 = 1000;

/// Where the list begins.
#[derive(Deserialize)]
pub struct Paging {
    before: Option<i64>,
}

struct ActLine {
    at: DateTime<Utc>,
    actor: String,
    sentence: String,
    detail: String,
}

/// Who acts where no person does.
const NOBODY: &str = "the operator";

impl From<LoggedAct> for ActLine {
    fn from(act: LoggedAct) -> Self {
        Self {
            at: act.at,
            sentence: act.sentence(),
            actor: act.actor.unwrap_or_else(|| NOBODY.into()),
            detail: act.detail,
        }
    }
}

#[derive(Template)]
#[template(path = "console/log.html")]
struct LogPage {
    page: Page,
    challenge: Challenge,
    acts: Vec<ActLine>,
    next: String,
}

/// The page.
pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let (slug, before) = (slug.into_inner(), paging.before);
    let (challenge, mut acts) = state
        .database
        .read(move |connection| {
            let challenge = challenges::find_managed(connection, &principal, &slug)?;
            let acts = act_log::of_challenge(connection, challenge.id, before, PAGE as i64 + 1)?;
            Ok::<_, ChallengeError>((challenge, acts))
        })
        .await
        .map_err(Fault::from)?;
    let more = acts.len() > PAGE;
    acts.truncate(PAGE);
    let shown = LogPage {
        page: Page::new(&request, "console"),
        challenge,
        next: match acts.last() {
            Some(last) if more => format!("?before={}", last.id),
            _ => String::new(),
        },
        acts: acts.into_iter().map(ActLine::from).collect(),
    };
    shown.page.show(&shown)
}

/// The whole log as CSV.
pub async fn log_csv(
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let challenge = managed(&state, principal, slug.into_inner()).await?;
    let head = ["at", "actor", "action", "subject", "what", "detail"];
    let name = format!("{}-log.csv", challenge.slug);
    let rows = paged(state, head, move |state, before| {
        let challenge_id = challenge.id;
        async move {
            let acts = state
                .database
                .read(move |connection| {
                    act_log::of_challenge(connection, challenge_id, before, BATCH)
                })
                .await?;
            Ok(acts
                .into_iter()
                .map(|act| {
                    let what = act.sentence();
                    let row = vec![
                        moment(act.at),
                        act.actor.unwrap_or_default(),
                        act.action,
                        act.subject,
                        what,
                        act.detail,
                    ];
                    (act.id, row)
                })
                .collect())
        }
    });
    Ok(csv_download(&name, rows))
}

/// All submissions of a challenge as CSV, private scores with them.
pub async fn submissions_csv(
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    let (challenge, phases) = state
        .database
        .read(move |connection| challenges::find_managed_with_phases(connection, &principal, &slug))
        .await
        .map_err(Fault::from)?;
    let head = [
        "submission",
        "phase",
        "team",
        "received_at",
        "kind",
        "state",
        "verdict",
        "reason",
        "public_score",
        "private_score",
        "counts",
        "late",
        "withdrawn_at",
        "verified_at",
        "selected",
        "sha256",
        "bytes",
    ];
    let name = format!("{}-submissions.csv", challenge.slug);
    let rows = paged(state, head, move |state, before| {
        let challenge_id = challenge.id;
        let names: Vec<(i64, String)> = phases
            .iter()
            .map(|phase| (phase.id, phase.name.clone()))
            .collect();
        async move {
            let all = ListedSubmissions::default();
            let found = state
                .database
                .read(move |connection| {
                    submissions::of_challenge(connection, challenge_id, &all, before, BATCH)
                })
                .await?;
            let score =
                |score: Option<f64>| score.map(|score| score.to_string()).unwrap_or_default();
            Ok(found
                .into_iter()
                .map(|(sent, team)| {
                    let phase = names.iter().find(|(id, _)| *id == sent.phase_id);
                    let row = vec![
                        sent.id.to_string(),
                        phase.map(|(_, name)| name.clone()).unwrap_or_default(),
                        team,
                        moment(sent.received_at),
                        sent.kind.to_string(),
                        sent.state.to_string(),
                        sent.verdict
                            .map(|verdict| verdict.to_string())
                            .unwrap_or_default(),
                        sent.reason.unwrap_or_default(),
                        score(sent.public_score),
                        score(sent.private_score),
                        sent.counts.to_string(),
                        sent.is_late.to_string(),
                        sent.withdrawn_at.map(moment).unwrap_or_default(),
                        sent.verified_at.map(moment).unwrap_or_default(),
                        sent.is_selected.to_string(),
                        sent.sha256,
                        sent.bytes.to_string(),
                    ];
                    (sent.id, row)
                })
                .collect())
        }
    });
    Ok(csv_download(&name, rows))
}

async fn managed(state: &State, principal: Principal, slug: String) -> Result<Challenge, Fault> {
    state
        .database
        .read(move |connection| challenges::find_managed(connection, &principal, &slug))
        .await
        .map_err(Fault::from)
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A table's rows with the id that the next page begins below.
type Rows = Vec<(i64, Vec<String>)>;

/// A CSV file that is asked of the database page by page while it is sent, so that memory holds one page
/// however long it is.
fn paged<const N: usize, F, P>(
    state: Data<State>,
    head: [&'static str; N],
    page: F,
) -> impl Stream<Item = Result<Bytes, Fault>>
where
    F: Fn(Data<State>, Option<i64>) -> P,
    P: Future<Output = Result<Rows, Fault>>,
{
    let head = head.map(str::to_owned).to_vec();
    let beginning = (state, page, Some((None, Some(head))));
    try_unfold(beginning, |(state, page, next)| async move {
        let Some((before, head)) = next else {
            return Ok(None);
        };
        let rows = page(state.clone(), before).await?;
        let after = match rows.last() {
            Some((id, _)) if rows.len() as i64 == BATCH => Some((Some(*id), None)),
            _ => None,
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in head.into_iter().chain(rows.into_iter().map(|(_, row)| row)) {
            let cells = row.iter().map(|cell| harmless(cell).into_owned());
            writer.write_record(cells).map_err(Fault::internal)?;
        }
        let bytes = writer.into_inner().map_err(Fault::internal)?;
        Ok(Some((Bytes::from(bytes), (state, page, after))))
    })
}

fn csv_download(
    name: &str,
    rows: impl Stream<Item = Result<Bytes, Fault>> + 'static,
) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        // A slug has nothing that would have to be escaped.
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .streaming(Box::pin(
            rows.map_err(|fault| std::io::Error::other(fault.to_string())),
        ))
}
