//! What a reader does to one post: correct their own, report another's.

use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::Shown;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::discussion::writing::{self, EDITABLE_MINUTES};
use crate::challenges::discussion::{DiscussionError, address_of_post, reading};
use crate::http::fault::Fault;
use crate::http::guard::see_other;
use crate::http::state::State;
use crate::web::challenges::Head;
use crate::web::page::{FormProblem, Page, see_other_saying};

#[derive(Template)]
#[template(path = "discussion/edit.html")]
struct EditPage {
    page: Page,
    challenge: Head,
    topic_id: i64,
    post_id: i64,
    body: String,
    minutes: i64,
    problem: FormProblem,
}

/// What the visitor typed, with what is wrong with it.
type Typed = Option<(String, FormProblem)>;

/// The form, with the post as it is or as it was typed.
async fn show_edit(
    request: &HttpRequest,
    state: &State,
    principal: Principal,
    (slug, post_id): (String, i64),
    typed: Typed,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (head, topic, post) = state
        .database
        .read(move |connection| {
            let (challenge, head) = Head::find(connection, &principal, &slug, now)?;
            let (topic, post) = reading::post(connection, now, &principal, &challenge, post_id)?;
            if !post.is_own {
                return Err(DiscussionError::NotYourPost.into());
            }
            if !post.may_edit {
                return Err(DiscussionError::TooLate(EDITABLE_MINUTES).into());
            }
            Ok::<_, Fault>((head, topic, post))
        })
        .await?;
    let (body, problem) = typed.unwrap_or_else(|| {
        let problem = FormProblem::default();
        (post.body.unwrap_or_default(), problem)
    });
    let view = EditPage {
        page: Page::new(request, "challenges"),
        challenge: head,
        topic_id: topic.id,
        post_id,
        body,
        minutes: EDITABLE_MINUTES,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

/// The form that changes one's own post.
pub async fn edit_form(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Result<HttpResponse, Fault> {
    show_edit(&request, &state, principal, path.into_inner(), None).await
}

#[derive(Deserialize)]
pub struct EditForm {
    body: String,
}

/// Changes one's own post.
pub async fn edit(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<EditForm>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, post_id) = path.into_inner();
    let body = form.into_inner().body;
    let (asker, asked, text) = (principal.clone(), slug.clone(), body.clone());
    let edited = state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &asker, &asked)?;
            Ok::<_, Fault>(writing::edit(
                connection, now, &asker, &challenge, post_id, &text,
            )?)
        })
        .await;
    match edited {
        Ok(topic_id) => Ok(see_other(&address_of_post(&slug, topic_id, post_id))),
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            let typed = Some((body, problem));
            show_edit(&request, &state, principal, (slug, post_id), typed).await
        }
    }
}

#[derive(Template)]
#[template(path = "discussion/report.html")]
struct ReportPage {
    page: Page,
    challenge: Head,
    topic_id: i64,
    post: Shown,
    reason: String,
    problem: FormProblem,
}

async fn show_report(
    request: &HttpRequest,
    state: &State,
    principal: Principal,
    (slug, post_id): (String, i64),
    typed: Typed,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (head, topic, post) = state
        .database
        .read(move |connection| {
            let (challenge, head) = Head::find(connection, &principal, &slug, now)?;
            let (topic, post) = reading::post(connection, now, &principal, &challenge, post_id)?;
            Ok::<_, Fault>((head, topic, post))
        })
        .await?;
    let (reason, problem) = typed.unwrap_or_default();
    let view = ReportPage {
        page: Page::new(request, "challenges"),
        challenge: head,
        topic_id: topic.id,
        post: post.into(),
        reason,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

/// The form that reports a post.
pub async fn report_form(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
) -> Result<HttpResponse, Fault> {
    show_report(&request, &state, principal, path.into_inner(), None).await
}

#[derive(Deserialize)]
pub struct ReportForm {
    reason: String,
}

/// Reports a post.
pub async fn report(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<ReportForm>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, post_id) = path.into_inner();
    let reason = form.into_inner().reason;
    let (asker, asked, text) = (principal.clone(), slug.clone(), reason.clone());
    let reported = state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &asker, &asked)?;
            Ok::<_, Fault>(writing::report(
                connection, now, &asker, &challenge, post_id, &text,
            )?)
        })
        .await;
    match reported {
        Ok(topic_id) => Ok(see_other_saying(
            &request,
            &address_of_post(&slug, topic_id, post_id),
            "success",
            "Thank you. The organizer looks at it.",
        )),
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            let typed = Some((reason, problem));
            show_report(&request, &state, principal, (slug, post_id), typed).await
        }
    }
}
