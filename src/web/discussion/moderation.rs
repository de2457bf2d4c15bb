//! The organizer's hand in a discussion.

use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::discussion::moderation::{self, Mute, PostAct, Report, TopicAct};
use crate::challenges::discussion::{address_of_post, reading};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::challenges::Head;
use crate::web::page::{Page, see_other_saying};

/// Reports, and muted people, that are shown at once.
const SHOWN: i64 = 100;

#[derive(Template)]
#[template(path = "discussion/reports.html")]
struct ReportsPage {
    page: Page,
    challenge: Head,
    reports: Vec<(String, Report)>,
    muted: Vec<Mute>,
}

/// What was reported and waits for an answer, and who was muted.
pub async fn reports(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (head, reports, muted) = state
        .database
        .read(move |connection| {
            let (challenge, head) = Head::find(connection, &principal, &slug, now)?;
            let reports = moderation::reports(connection, &principal, &challenge, SHOWN)?;
            let muted = moderation::muted(connection, &principal, &challenge, SHOWN)?;
            Ok::<_, Fault>((head, reports, muted))
        })
        .await?;
    let view = ReportsPage {
        page: Page::new(&request, "challenges"),
        reports: reports
            .into_iter()
            .map(|report| {
                let href = address_of_post(&head.slug, report.topic_id, report.post_id);
                (href, report)
            })
            .collect(),
        challenge: head,
        muted,
    };
    view.page.show(&view)
}

/// What to do, and why.
#[derive(Deserialize)]
pub struct ActForm<A> {
    act: A,
    #[serde(default)]
    reason: String,
}

/// Goes back and says what became of it; a missing reason is said there too.
fn back(
    request: &HttpRequest,
    address: &str,
    done: Result<(), Fault>,
) -> Result<HttpResponse, Fault> {
    match done {
        Ok(()) => Ok(see_other_saying(request, address, "success", "Done.")),
        Err(fault) if fault.status == 422 => {
            let field = fault.field.unwrap_or_default();
            let message = format!("{field}: {}", fault.detail);
            Ok(see_other_saying(request, address, "error", message))
        }
        Err(fault) => Err(fault),
    }
}

/// Pins, locks or hides a topic, or takes that back.
pub async fn topic(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<ActForm<TopicAct>>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, id) = path.into_inner();
    let address = format!("/challenges/{slug}/discussion/{id}");
    let done = state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            let ActForm { act, reason } = form.into_inner();
            Ok::<_, Fault>(moderation::moderate_topic(
                connection, now, &principal, &challenge, id, act, &reason,
            )?)
        })
        .await;
    back(&request, &address, done)
}

/// Hides a post or takes that back, answers its reports, mutes its author.
pub async fn post(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<ActForm<PostAct>>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, id) = path.into_inner();
    let (asker, asked) = (principal.clone(), slug.clone());
    // Found first: the address to go back to holds whether it is done or not.
    let topic_id = state
        .database
        .read(move |connection| {
            let (challenge, _) = challenge::find(connection, &asker, &asked)?;
            let (topic, _) = reading::post(connection, now, &asker, &challenge, id)?;
            Ok::<_, Fault>(topic.id)
        })
        .await?;
    let address = address_of_post(&slug, topic_id, id);
    let done = state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            let ActForm { act, reason } = form.into_inner();
            Ok::<_, Fault>(moderation::moderate_post(
                connection, now, &principal, &challenge, id, act, &reason,
            )?)
        })
        .await;
    back(&request, &address, done)
}

/// Who shall write again.
#[derive(Deserialize)]
pub struct UnmuteForm {
    username: String,
}

/// Lets somebody write again.
pub async fn unmute(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<UnmuteForm>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let address = format!("/challenges/{slug}/discussion/reports");
    let done = state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            Ok::<_, Fault>(moderation::unmute(
                connection,
                now,
                &principal,
                &challenge,
                &form.username,
            )?)
        })
        .await;
    back(&request, &address, done)
}
