//! The server: pages and API behind one guard, and the worker of this process beside them.

use std::net::TcpListener;

use actix_session::SessionMiddleware;
use actix_session::config::PersistentSession;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Key, SameSite};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use tokio_util::sync::CancellationToken;
use tracing_actix_web::TracingLogger;

use crate::accounts::sessions::DatabaseSessions;
use crate::challenges::dispatch::LocalWorker;
use crate::challenges::upkeep::upkeep;
use crate::http::guard::{guard, secure};
use crate::http::measure::{keep_up, measure};
use crate::http::request_log::RequestSpan;
use crate::http::state::State;
use crate::platform::database::DatabaseConnection;
use crate::scoring::judge::Judge;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::worker::Worker;
use crate::scoring::workers::{memory_of_a_run, parse_kinds};
use crate::talent::consent::{ConsentError, expiry};
use crate::web::errors::faults_as_pages;

/// The name of the session cookie.
pub const SESSION_COOKIE: &str = "paddock";

/// Serves on an already bound listener until `stop` is cancelled; requests and runs under way are
/// finished first.
pub async fn serve(
    state: State,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let kinds = parse_kinds(&state.config.worker_kinds).map_err(anyhow::Error::msg)?;
    let worker = tokio::spawn(work(state.clone(), kinds, stop.clone()));
    if let Some(recorded) = state.metrics.clone() {
        tokio::spawn(keep_up(recorded, stop.clone()));
    }
    tokio::spawn(sweep(state.clone(), stop.clone()));
    tokio::spawn(keep(state.clone(), stop.clone()));
    tracing::info!(to = state.mailer.describe(), "letters go");
    let letters = tokio::spawn(send_letters(state.clone(), stop.clone()));
    let key = Key::try_from(state.config.session_key()?.as_slice())?;
    let over_https = state.config.public_url().starts_with("https://");
    let session_days = i64::from(state.config.session_days);
    let until = stop.clone();
    let server = HttpServer::new(move || {
        let sessions = DatabaseSessions {
            database: state.database.clone(),
            clock: state.clock.clone(),
        };
        let lifecycle = PersistentSession::default().session_ttl(Duration::days(session_days));
        let sessions = SessionMiddleware::builder(sessions, key.clone())
            .cookie_name(SESSION_COOKIE.to_owned())
            .cookie_secure(over_https)
            .cookie_http_only(true)
            .cookie_same_site(SameSite::Lax)
            .session_lifecycle(lifecycle)
            .build();
        // The last one wrapped is the first to see a request.
        App::new()
            .app_data(Data::new(state.clone()))
            // What is told for as long as somebody listens ends with the server.
            .app_data(Data::new(until.clone()))
            .configure(crate::api::configure)
            .configure(crate::web::configure)
            .wrap(from_fn(guard))
            .wrap(from_fn(faults_as_pages))
            .wrap(from_fn(secure))
            .wrap(sessions)
            .wrap(Compress::default())
            .wrap(from_fn(measure))
            .wrap(TracingLogger::<RequestSpan>::new())
    })
    .workers(std::thread::available_parallelism().map_or(2, usize::from))
    .shutdown_timeout(5)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            handle.stop(true).await;
        }
    });
    server.await?;
    stop.cancel();
    worker.await?;
    letters.await?;
    Ok(())
}

/// Writes down which contact requests nobody answered in time.
async fn end_requests(state: &State) -> Result<usize, ConsentError> {
    let now = state.clock.now();
    let is_due = move |connection: &mut DatabaseConnection| expiry::is_due(connection, now);
    if !state.database.read(is_due).await? {
        return Ok(0);
    }
    let expire = move |connection: &mut DatabaseConnection| expiry::expire(connection, now);
    state.database.write(expire).await
}

/// Deletes what organizers left behind, and ends what nobody answered: now, and then every hour.
async fn sweep(state: State, stop: CancellationToken) {
    let mut hourly = tokio::time::interval(std::time::Duration::from_secs(60 * 60));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hourly.tick() => {}
        }
        match state.drafts().sweep().await {
            Ok(0) => {}
            Ok(drafts) => tracing::info!(drafts, "deleted drafts that nobody came back for"),
            Err(error) => tracing::warn!(%error, "drafts could not be swept"),
        }
        match end_requests(&state).await {
            Ok(0) => {}
            Ok(requests) => tracing::info!(requests, "ended contact requests that nobody answered"),
            Err(error) => tracing::warn!(%error, "contact requests could not be ended"),
        }
    }
}

/// Does what is due because time passes or a board changed: every other second.
async fn keep(state: State, stop: CancellationToken) {
    let mut round = tokio::time::interval(std::time::Duration::from_secs(2));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = round.tick() => {}
        }
        match upkeep(&state.database, &state.clock, &state.dispatch.receipt_key).await {
            Ok(true) => state.dispatch.arrivals.notify_waiters(),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the boards could not be looked after"),
        }
    }
}

/// Sends letters, unless another web node does.
async fn send_letters(state: State, stop: CancellationToken) {
    if state.mailer.sends() {
        state.outbox().run(stop).await;
    }
}

/// The worker loop of the server's own process.
async fn work(state: State, kinds: Vec<SubmissionKind>, stop: CancellationToken) {
    let worker = LocalWorker {
        dispatch: state.dispatch.clone(),
        patience: std::time::Duration::from_secs(5),
    };
    let scratch = LocalWorker::scratch(&state.config.data_dir);
    let judge = Judge::of_machine(&state.config, scratch.clone());
    Worker::new(worker, judge, kinds, scratch)
        .with_memory(memory_of_a_run(state.config.worker_memory_mb))
        .run(state.config.worker_concurrency, stop)
        .await;
}
