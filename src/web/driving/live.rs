//! New laps as server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! First comes `insights`, the page's changing part as HTML, then one `lap` for each lap, as JSON with its row as
//! the event's id. Who reconnects with `Last-Event-ID`, or asks for what came `after` a row, gets all that came
//! since. `gone` says that the link opens nothing any more. Comments keep proxies from hanging up.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::insights::{Insights, lap_in_words};
use crate::http::fault::Fault;
use crate::http::live::Listener;
use crate::http::state::State;
use crate::talent::coached_drivers::laps::{self, LiveLap};
use crate::talent::coached_drivers::view::view;
use crate::talent::coached_drivers::{CoachingError, link};

/// How long nothing is said before a comment is.
const SILENCE: Duration = Duration::from_secs(15);
/// Laps of one look; who missed more gets the rest with the next.
const LAPS: i64 = 500;

/// Where to go on.
#[derive(Deserialize)]
pub struct From {
    after: Option<i64>,
}

/// A lap, for programs and for what is said aloud.
#[derive(Serialize)]
struct LapEvent<'a> {
    session: i64,
    number: u32,
    milliseconds: u32,
    sectors: &'a [u32],
    out_lap: bool,
    pit: bool,
    text: String,
}

/// Tells of laps for as long as somebody listens.
pub async fn follow(
    state: Data<State>,
    stop: Data<CancellationToken>,
    request: HttpRequest,
    key: Path<String>,
    from: Query<From>,
) -> Result<HttpResponse, Fault> {
    let (now, sent) = (state.clock.now(), key.clone());
    let (driver, newest) = state
        .database
        .read(move |connection| {
            let driver = link::open(connection, now, &sent)?;
            let newest = laps::newest(connection, driver.id)?;
            Ok::<_, CoachingError>((driver, newest))
        })
        .await?;
    let listener = state.live.listen(driver.id).ok_or_else(|| Fault {
        retry_after: Some(30),
        ..Fault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_listeners",
            "Too many pages follow this driver, or this server, live. Reload the page to see new laps.",
        )
    })?;
    let resumed = request.headers().get("last-event-id");
    let resumed = resumed.and_then(|id| id.to_str().ok()?.parse().ok());
    let follower = Follower {
        state: state.get_ref().clone(),
        stop: stop.get_ref().clone(),
        key: key.into_inner(),
        listener,
        after: resumed.or(from.after).unwrap_or(newest),
        spoke: Instant::now(),
        is_new: true,
        is_over: false,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        // Said here, or the answer is compressed, and kept back until a block of it is full.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(follower, Follower::next)))
}

/// Somebody who listens, and how far they are.
struct Follower {
    state: State,
    stop: CancellationToken,
    key: String,
    listener: Listener,
    /// The row of the last lap that was told.
    after: i64,
    /// When something was said last.
    spoke: Instant,
    is_new: bool,
    is_over: bool,
}

/// What is new.
struct News {
    laps: Vec<LiveLap>,
    insights: Insights,
}

impl Follower {
    /// The next bytes, and who goes on; none at the end.
    async fn next(mut self) -> Option<(Result<Bytes, actix_web::Error>, Self)> {
        if self.is_over {
            return None;
        }
        // An answer of no bytes yet is not seen to have begun.
        if std::mem::take(&mut self.is_new) {
            return Some((Ok(Bytes::from_static(b": live\n\n")), self));
        }
        loop {
            match self.look().await {
                Ok(Some(news)) => {
                    self.spoke = Instant::now();
                    self.after = news.laps.last().map_or(self.after, |lap| lap.id);
                    return Some((events(&news).map(Bytes::from).map_err(Into::into), self));
                }
                Ok(None) => {}
                Err(CoachingError::NoSuchLink) => {
                    self.is_over = true;
                    return Some((Ok(Bytes::from_static(b"event: gone\ndata: \n\n")), self));
                }
                Err(error) => {
                    // The browser comes back, and goes on where it was.
                    tracing::warn!(%error, "laps could not be looked for");
                    return None;
                }
            }
            if self.spoke.elapsed() >= SILENCE {
                self.spoke = Instant::now();
                return Some((Ok(Bytes::from_static(b": still here\n\n")), self));
            }
            self.stop
                .run_until_cancelled(self.listener.changed())
                .await?;
        }
    }

    /// What came since, if the link still opens.
    async fn look(&self) -> Result<Option<News>, CoachingError> {
        let (now, key, after) = (self.state.clock.now(), self.key.clone(), self.after);
        self.state
            .database
            .read(move |connection| {
                let driver = link::open(connection, now, &key)?;
                let laps = laps::after(connection, driver.id, after, LAPS)?;
                if laps.is_empty() {
                    return Ok(None);
                }
                let insights = Insights::new(view(connection, driver, None)?);
                Ok(Some(News { laps, insights }))
            })
            .await
    }
}

/// The insights come first: who is cut off before the laps asks for both again.
fn events(news: &News) -> Result<String, Fault> {
    let html = askama::Template::render(&news.insights).map_err(Fault::internal)?;
    let mut text = "event: insights\n".to_owned();
    // Writing to a String cannot fail.
    for line in html.lines() {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
    for lap in &news.laps {
        let event = LapEvent {
            session: lap.session_id,
            number: lap.lap.number,
            milliseconds: lap.lap.milliseconds,
            sectors: &lap.lap.sectors,
            out_lap: lap.lap.out_lap,
            pit: lap.lap.pit,
            text: lap_in_words(&lap.lap, lap.session_id, &news.insights),
        };
        let json = serde_json::to_string(&event).map_err(Fault::internal)?;
        let _ = write!(text, "event: lap\nid: {}\ndata: {json}\n\n", lap.id);
    }
    Ok(text)
}
