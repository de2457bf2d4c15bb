//! The announcements of a challenge, as a page and as a feed.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data, Form, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::challenges::Head;
use super::markdown;
use super::page::{FormProblem, Page, get, see_other_saying};
use crate::accounts::permissions::Principal;
use crate::challenges::announcements::{self, Announcement, AnnouncementDraft};
use crate::challenges::challenge;
use crate::http::fault::Fault;
use crate::http::state::State;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/challenges/{slug}/announcements")
                .app_data(web::FormConfig::default().limit(1 << 18))
                .route(get().to(list))
                .route(web::post().to(post)),
        )
        .service(web::resource("/challenges/{slug}/announcements.atom").route(get().to(feed)));
}

/// How many announcements a page, and the feed, show.
const PER_PAGE: usize = 20;

/// An announcement on the page.
struct Line {
    id: i64,
    author: String,
    title: String,
    /// Sanitized.
    body: String,
    at: DateTime<Utc>,
}

impl From<Announcement> for Line {
    fn from(announcement: Announcement) -> Self {
        Self {
            id: announcement.id,
            author: announcement.author.unwrap_or_else(|| "Paddock".into()),
            title: announcement.title,
            body: markdown::to_html(&announcement.body),
            at: announcement.at,
        }
    }
}

#[derive(Template)]
#[template(path = "challenges/announcements.html")]
struct AnnouncementsPage {
    page: Page,
    challenge: Head,
    announcements: Vec<Line>,
    first: String,
    next: String,
    form: AnnouncementDraft,
    problem: FormProblem,
}

#[derive(Default, Deserialize)]
struct ListQuery {
    before: Option<i64>,
}

async fn list(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Fault> {
    let (form, problem) = (AnnouncementDraft::default(), FormProblem::default());
    let before = query.before;
    show(&request, &state, &principal, &slug, before, form, problem).await
}

async fn show(
    request: &HttpRequest,
    state: &State,
    principal: &Principal,
    slug: &str,
    before: Option<i64>,
    form: AnnouncementDraft,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (asker, asked) = (principal.clone(), slug.to_owned());
    let (head, mut found) = state
        .database
        .read(move |connection| {
            let (challenge, head) = Head::find(connection, &asker, &asked, now)?;
            let limit = PER_PAGE as i64 + 1;
            let found = announcements::page(connection, &challenge, before, limit)?;
            Ok::<_, Fault>((head, found))
        })
        .await?;
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let here = format!("/challenges/{slug}/announcements");
    let view = AnnouncementsPage {
        page: Page::new(request, "challenges"),
        challenge: head,
        next: match found.last() {
            Some(last) if more => format!("{here}?before={}", last.id),
            _ => String::new(),
        },
        first: before.map(|_| here).unwrap_or_default(),
        announcements: found.into_iter().map(Line::from).collect(),
        form,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

async fn post(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<AnnouncementDraft>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (asker, asked, draft) = (principal.clone(), slug.clone(), form.clone());
    let posted = state
        .database
        .write(move |connection| announcements::post(connection, now, &asker, &asked, &draft))
        .await;
    match posted {
        Ok(_) => Ok(see_other_saying(
            &request,
            &format!("/challenges/{slug}/announcements"),
            "success",
            "Announced: it stands here, and every member is told as they wish.",
        )),
        Err(error) => {
            let problem = FormProblem::from_fault(error.into())?;
            let form = form.into_inner();
            show(&request, &state, &principal, &slug, None, form, problem).await
        }
    }
}

/// An Atom feed (RFC 4287).
#[derive(Template)]
#[template(path = "challenges/announcements.xml")]
struct Feed {
    site: String,
    slug: String,
    title: String,
    tagline: String,
    updated: DateTime<Utc>,
    entries: Vec<Line>,
}

async fn feed(
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let is_anonymous = principal.user().is_none();
    let (challenge, phases, found) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &principal, &slug)?;
            let found = announcements::page(connection, &challenge, None, PER_PAGE as i64)?;
            Ok::<_, Fault>((challenge, phases, found))
        })
        .await?;
    let begun = challenge
        .published_at
        .or(phases.first().map(|phase| phase.starts_at))
        .unwrap_or_default();
    let feed = Feed {
        site: state.config.public_url(),
        updated: found.first().map_or(begun, |newest| newest.at),
        slug: challenge.slug,
        title: challenge.title,
        tagline: challenge.tagline,
        entries: found.into_iter().map(Line::from).collect(),
    };
    // Whoever signed in may see challenges that others may not.
    let cache = if is_anonymous {
        "public, max-age=300"
    } else {
        "no-store"
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/atom+xml; charset=utf-8"))
        .insert_header((CACHE_CONTROL, cache))
        .body(feed.render().map_err(Fault::internal)?))
}
