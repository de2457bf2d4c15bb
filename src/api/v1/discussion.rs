//! The discussion of a challenge: its topics and what stands in them.

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::challenge;
use crate::challenges::discussion::reading::{self, TopicCursor};
use crate::challenges::discussion::writing::{self, TopicDraft};
use crate::http::fault::Fault;

/// Which topics.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TopicQuery {
    /// At most this many topics.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = r"^[01]\.[0-9]{1,16}\.[0-9]{1,18}$")]
    after: Option<String>,
    /// Only those whose title contains this.
    search: Option<String>,
}

/// A page of topics.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicList {
    /// Pinned ones first, then those with the newest posts.
    topics: Vec<Topic>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// What is talked about.
#[derive(Debug, Serialize, ToSchema)]
pub struct Topic {
    id: i64,
    title: String,
    author: String,
    created_at: DateTime<Utc>,
    last_post_at: DateTime<Utc>,
    /// The first one included.
    posts: i64,
    pinned: bool,
    /// Nobody answers any more.
    locked: bool,
    /// Why the organizer hid it: then its author and the moderators alone see it. Null where it is shown.
    hidden: Option<String>,
}

impl From<reading::Topic> for Topic {
    fn from(topic: reading::Topic) -> Self {
        Self {
            id: topic.id,
            title: topic.title,
            author: topic.author,
            created_at: topic.created_at,
            last_post_at: topic.last_post_at,
            posts: topic.post_count,
            pinned: topic.is_pinned,
            locked: topic.is_locked,
            hidden: topic.hidden,
        }
    }
}

/// Lists topics
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/discussion", operation_id = "list_topics", tag = "messages",
    params(("slug" = String, Path, description = "The challenge's address"), TopicQuery),
    responses((status = 200, description = "A page of topics", body = TopicList)),
)]
pub async fn topics(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<TopicQuery>,
) -> Result<Json<TopicList>, Fault> {
    let query = query.into_inner();
    let limit = paging::limit(query.limit.as_deref())?;
    let after: Option<TopicCursor> = query
        .after
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|problem: String| Fault::invalid("after", problem))?;
    let found = house
        .database
        .read(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            let search = query.search.as_deref().map(str::trim);
            let search = search.filter(|text| !text.is_empty());
            Ok::<_, Fault>(reading::topics(
                connection, &principal, &challenge, search, after, limit,
            )?)
        })
        .await?;
    Ok(Json(TopicList {
        topics: found.topics.into_iter().map(Topic::from).collect(),
        next: found.next.map(|next| next.to_string()),
    }))
}

/// What was opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct Opened {
    /// The topic.
    id: i64,
}

/// Opens a topic
///
/// For members of the challenge and its organizer.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/discussion", operation_id = "open_topic", tag = "messages",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = TopicDraft,
    responses(
        (status = 201, description = "Opened", body = Opened),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn open(
    house: House,
    principal: Principal,
    slug: Path<String>,
    draft: Json<TopicDraft>,
) -> Answer {
    let now = house.clock.now();
    let id = house
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            Ok::<_, Fault>(writing::open_topic(
                connection, now, &principal, &challenge, &draft,
            )?)
        })
        .await?;
    Ok(HttpResponse::Created().json(Opened { id }))
}

/// A topic with a page of its posts.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopicDetail {
    topic: Topic,
    /// Oldest first.
    posts: Vec<Post>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// What somebody wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct Post {
    id: i64,
    author: String,
    /// Whether its author runs the challenge.
    organizer: bool,
    /// Markdown; null where the organizer hid it.
    body: Option<String>,
    created_at: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    hidden: bool,
}

/// Reads a topic
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/discussion/{id}", operation_id = "read_topic", tag = "messages",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The topic"),
        Paging,
    ),
    responses((status = 200, description = "A page of its posts", body = TopicDetail)),
)]
pub async fn topic(
    house: House,
    principal: Principal,
    path: Path<(String, i64)>,
    paging: Query<Paging>,
) -> Result<Json<TopicDetail>, Fault> {
    let now = house.clock.now();
    let (slug, id) = path.into_inner();
    let (limit, after) = (paging.limit()?, paging.after()?);
    let (topic, mut posts) = house
        .database
        .read(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            let topic = reading::topic(connection, &principal, &challenge, id)?;
            let limit = limit + 1;
            let posts = reading::posts(
                connection, now, &principal, &challenge, &topic, after, limit,
            )?;
            Ok::<_, Fault>((topic, posts))
        })
        .await?;
    let next = paging::cut(&mut posts, limit, |post| post.id);
    let posts = posts
        .into_iter()
        .map(|post| Post {
            id: post.id,
            author: post.author,
            organizer: post.is_organizers,
            body: post.body,
            created_at: post.created_at,
            edited_at: post.edited_at,
            hidden: post.hidden.is_some(),
        })
        .collect();
    Ok(Json(TopicDetail {
        topic: topic.into(),
        posts,
        next,
    }))
}

/// An answer as its author writes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Markdown.
    #[schema(min_length = 1, max_length = 20_000)]
    body: String,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    /// The post.
    id: i64,
}

/// Answers in a topic
///
/// For members of the challenge and its organizer; everybody who wrote in the topic is told.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/discussion/{id}", operation_id = "reply", tag = "messages",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("id" = i64, Path, description = "The topic"),
    ),
    request_body = Reply,
    responses(
        (status = 201, description = "Written", body = Written),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn reply(
    house: House,
    principal: Principal,
    path: Path<(String, i64)>,
    reply: Json<Reply>,
) -> Answer {
    let now = house.clock.now();
    let (slug, topic_id) = path.into_inner();
    let id = house
        .database
        .write(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            Ok::<_, Fault>(writing::reply(
                connection,
                now,
                &principal,
                &challenge,
                topic_id,
                &reply.body,
            )?)
        })
        .await?;
    Ok(HttpResponse::Created().json(Written { id }))
}
