//! Who carries runs out, and what waits for them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};

use super::count;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::queue;
use crate::scoring::workers::{self, Worker, WorkerState};
use crate::web::format;
use crate::web::page::{Page, show_part};

/// A worker in the table.
struct Line {
    name: String,
    state: WorkerState,
    running: u32,
    concurrency: u32,
    load: String,
    kinds: String,
    memory: String,
    runtime: String,
    version: String,
    runs_done: String,
    runs_failed: String,
    sandbox_problem: String,
    heard_at: DateTime<Utc>,
}

impl Line {
    fn new(worker: Worker) -> Self {
        let said = worker.announced;
        let kinds: Vec<&str> = said.kinds.iter().map(|kind| kind.as_str()).collect();
        Self {
            name: worker.name,
            state: worker.state,
            running: said.running,
            concurrency: said.concurrency,
            load: format!("{} of {} at once", said.running, said.concurrency),
            kinds: kinds.join(", "),
            memory: format::size(said.memory_bytes),
            runtime: match said.runtime {
                Some(version) => format!("runtime {version}"),
                None => "runtime not built (paddock runtime build)".to_owned(),
            },
            version: said.version,
            runs_done: format::count(said.runs_done),
            runs_failed: format::count(said.runs_failed),
            sandbox_problem: said.sandbox_problem.unwrap_or_default(),
            heard_at: worker.last_heartbeat_at,
        }
    }
}

/// What waits of one kind.
struct Waiting {
    kind: SubmissionKind,
    runs: String,
    note: String,
}

/// The part of the page that changes while it is looked at.
#[derive(Template)]
#[template(path = "console/workers_now.html")]
struct Now {
    lines: Vec<Line>,
    waiting: Vec<Waiting>,
    /// Kinds that wait while no worker takes them.
    stranded: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "console/workers.html")]
struct WorkersPage {
    page: Page,
    now: Now,
    is_alone: bool,
    start: String,
}

async fn now(state: &State) -> Result<Now, Fault> {
    let (workers, waiting) = state
        .database
        .read(|connection| {
            let workers = workers::list(connection)?;
            Ok::<_, Fault>((workers, queue::waiting_by_kind(connection)?))
        })
        .await?;
    let takers = |kind: SubmissionKind| {
        workers
            .iter()
            .filter(|worker| worker.state == WorkerState::Active && worker.takes(kind))
            .count()
    };
    let mut stranded = Vec::new();
    let waiting = waiting
        .into_iter()
        .map(|(kind, runs)| {
            let takers = takers(kind);
            if takers == 0 && runs > 0 {
                stranded.push(kind.as_str());
            }
            Waiting {
                kind,
                runs: count(runs),
                note: match takers {
                    1 => "waiting; 1 worker takes them".to_owned(),
                    takers => format!("waiting; {takers} workers take them"),
                },
            }
        })
        .collect();
    Ok(Now {
        lines: workers.into_iter().map(Line::new).collect(),
        waiting,
        stranded,
    })
}

/// The page.
pub async fn list(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let now = now(&state).await?;
    let shown = WorkersPage {
        page: Page::new(&request, "console"),
        is_alone: now.lines.is_empty(),
        start: format!(
            "paddock worker-token create north        # on the server: prints a token, this once\n\
             PADDOCK_WORKER_TOKEN=pdw_… paddock worker --server {}",
            state.config.public_url()
        ),
        now,
    };
    shown.page.show(&shown)
}

/// The part that changes.
pub async fn part(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let now = now(&state).await?;
    show_part(&request, &now)
}
