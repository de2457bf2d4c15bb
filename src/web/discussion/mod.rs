//! The discussion of a challenge: its topics, and what stands in one.

mod moderation;
mod posts;

use actix_web::web::{self, Data, Form, FormConfig, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::challenges::Head;
use super::markdown;
use super::page::{FormProblem, Page, get};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Challenge};
use crate::challenges::discussion::reading::{self, Post, Topic, TopicCursor};
use crate::challenges::discussion::writing::{self, TopicDraft};
use crate::challenges::discussion::{self, DiscussionError};
use crate::http::fault::Fault;
use crate::http::guard::see_other;
use crate::http::state::State;
use crate::platform::database::DatabaseConnection;

/// The longest form, in bytes: a post in the largest characters, escaped.
const LARGEST_FORM: usize = 1 << 18;

/// The routes of this folder.
pub fn configure(routes: &mut ServiceConfig) {
    let at = |path: &str| {
        let pattern = format!("/challenges/{{slug}}{path}");
        web::resource(pattern).app_data(FormConfig::default().limit(LARGEST_FORM))
    };
    routes
        .service(
            at("/discussion")
                .route(get().to(list))
                .route(web::post().to(open_topic)),
        )
        .service(at("/discussion/new").route(get().to(new_topic)))
        .service(at("/discussion/reports").route(get().to(moderation::reports)))
        .service(at("/discussion/unmute").route(web::post().to(moderation::unmute)))
        .service(
            at("/discussion/{id}")
                .route(get().to(topic))
                .route(web::post().to(reply)),
        )
        .service(at("/discussion/{id}/moderate").route(web::post().to(moderation::topic)))
        .service(
            at("/posts/{id}/edit")
                .route(get().to(posts::edit_form))
                .route(web::post().to(posts::edit)),
        )
        .service(
            at("/posts/{id}/report")
                .route(get().to(posts::report_form))
                .route(web::post().to(posts::report)),
        )
        .service(at("/posts/{id}/moderate").route(web::post().to(moderation::post)));
}

/// How many topics a page shows.
const TOPICS: i64 = 30;
/// How many posts a page shows.
const POSTS: usize = 50;

/// Why the visitor does not write here; empty where they may.
fn refusal(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    challenge: &Challenge,
) -> Result<String, DiscussionError> {
    match discussion::writer(connection, principal, challenge) {
        Ok(_) => Ok(String::new()),
        Err(DiscussionError::Challenge(error)) => Err(error.into()),
        Err(refusal) => Ok(refusal.to_string()),
    }
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "discussion/list.html")]
struct ListPage {
    page: Page,
    challenge: Head,
    topics: Vec<Topic>,
    search: String,
    refusal: String,
    first: String,
    next: String,
}

async fn list(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let ListQuery { q, after } = query.into_inner();
    let search = q.trim().to_owned();
    let is_first = after.is_none();
    let cursor: Option<TopicCursor> = after
        .map(|text| text.parse())
        .transpose()
        .map_err(|problem: String| Fault::invalid("after", problem))?;
    let asked = search.clone();
    let (head, found, refusal) = state
        .database
        .read(move |connection| {
            let (challenge, head) = Head::find(connection, &principal, &slug, now)?;
            let asked = Some(asked.as_str()).filter(|asked| !asked.is_empty());
            let found = reading::topics(connection, &principal, &challenge, asked, cursor, TOPICS)?;
            let refusal = refusal(connection, &principal, &challenge)?;
            Ok::<_, Fault>((head, found, refusal))
        })
        .await?;
    let here = |cursor: Option<TopicCursor>| {
        let query = [
            ("q", Some(search.clone()).filter(|text| !text.is_empty())),
            ("after", cursor.map(|cursor| cursor.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            let value = value?;
            let escaped =
                percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
            Some(format!("{name}={escaped}"))
        });
        let query: Vec<String> = query.collect();
        format!("/challenges/{}/discussion?{}", head.slug, query.join("&"))
    };
    let view = ListPage {
        page: Page::new(&request, "challenges"),
        first: if is_first { String::new() } else { here(None) },
        next: found.next.map(|next| here(Some(next))).unwrap_or_default(),
        topics: found.topics,
        search,
        refusal,
        challenge: head,
    };
    view.page.show(&view)
}

#[derive(Template)]
#[template(path = "discussion/new.html")]
struct NewTopicPage {
    page: Page,
    challenge: Head,
    form: TopicDraft,
    problem: FormProblem,
}

async fn show_new_topic(
    request: &HttpRequest,
    state: &State,
    principal: Principal,
    slug: String,
    form: TopicDraft,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let head = state
        .database
        .read(move |connection| {
            let (challenge, head) = Head::find(connection, &principal, &slug, now)?;
            discussion::writer(connection, &principal, &challenge)?;
            Ok::<_, Fault>(head)
        })
        .await?;
    let view = NewTopicPage {
        page: Page::new(request, "challenges"),
        challenge: head,
        form,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

async fn new_topic(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let (form, problem) = (TopicDraft::default(), FormProblem::default());
    show_new_topic(
        &request,
        &state,
        principal,
        slug.into_inner(),
        form,
        problem,
    )
    .await
}

async fn open_topic(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
    form: Form<TopicDraft>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, form) = (slug.into_inner(), form.into_inner());
    let (asker, asked, draft) = (principal.clone(), slug.clone(), form.clone());
    let opened = state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &asker, &asked)?;
            Ok::<_, Fault>(writing::open_topic(
                connection, now, &asker, &challenge, &draft,
            )?)
        })
        .await;
    match opened {
        Ok(id) => Ok(see_other(&format!("/challenges/{slug}/discussion/{id}"))),
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show_new_topic(&request, &state, principal, slug, form, problem).await
        }
    }
}

/// A post on the page.
struct Shown {
    id: i64,
    author: String,
    is_organizers: bool,
    /// Sanitized; none where it is hidden from the visitor.
    body: Option<String>,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    hidden: Option<String>,
    is_own: bool,
    may_edit: bool,
}

impl From<Post> for Shown {
    fn from(post: Post) -> Self {
        Self {
            id: post.id,
            author: post.author,
            is_organizers: post.is_organizers,
            body: post.body.as_deref().map(markdown::to_html),
            created_at: post.created_at,
            edited_at: post.edited_at,
            hidden: post.hidden,
            is_own: post.is_own,
            may_edit: post.may_edit,
        }
    }
}

#[derive(Template)]
#[template(path = "discussion/topic.html")]
struct TopicPage {
    page: Page,
    challenge: Head,
    topic: Topic,
    posts: Vec<Shown>,
    is_signed_in: bool,
    /// Why the visitor does not answer; empty where they may.
    refusal: String,
    first: String,
    next: String,
    reply: String,
    problem: FormProblem,
}

#[derive(Deserialize)]
struct TopicQuery {
    after: Option<i64>,
}

async fn topic(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    query: Query<TopicQuery>,
) -> Result<HttpResponse, Fault> {
    let (slug, id) = path.into_inner();
    let asked = (slug, id, query.after);
    let problem = FormProblem::default();
    show_topic(&request, &state, principal, asked, String::new(), problem).await
}

async fn show_topic(
    request: &HttpRequest,
    state: &State,
    principal: Principal,
    (slug, id, after): (String, i64, Option<i64>),
    reply: String,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let is_signed_in = principal.user().is_some();
    let (head, topic, mut posts, refusal) = state
        .database
        .read(move |connection| {
            let (challenge, head) = Head::find(connection, &principal, &slug, now)?;
            let topic = reading::topic(connection, &principal, &challenge, id)?;
            let limit = POSTS as i64 + 1;
            let posts = reading::posts(
                connection, now, &principal, &challenge, &topic, after, limit,
            )?;
            let closed = topic.is_locked || topic.hidden.is_some();
            let refusal = if closed && !head.is_managed {
                DiscussionError::Locked.to_string()
            } else {
                refusal(connection, &principal, &challenge)?
            };
            Ok::<_, Fault>((head, topic, posts, refusal))
        })
        .await?;
    let more = posts.len() > POSTS;
    posts.truncate(POSTS);
    let here = format!("/challenges/{}/discussion/{id}", head.slug);
    let view = TopicPage {
        page: Page::new(request, "challenges"),
        challenge: head,
        next: match posts.last() {
            Some(last) if more => format!("{here}?after={}", last.id),
            _ => String::new(),
        },
        first: after.map(|_| here).unwrap_or_default(),
        topic,
        posts: posts.into_iter().map(Shown::from).collect(),
        is_signed_in,
        refusal,
        reply,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

#[derive(Deserialize)]
struct ReplyForm {
    body: String,
}

async fn reply(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    form: Form<ReplyForm>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, id) = path.into_inner();
    let body = form.into_inner().body;
    let (asker, asked, text) = (principal.clone(), slug.clone(), body.clone());
    let written = state
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &asker, &asked)?;
            Ok::<_, Fault>(writing::reply(
                connection, now, &asker, &challenge, id, &text,
            )?)
        })
        .await;
    match written {
        Ok(post_id) => Ok(see_other(&discussion::address_of_post(&slug, id, post_id))),
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show_topic(&request, &state, principal, (slug, id, None), body, problem).await
        }
    }
}
