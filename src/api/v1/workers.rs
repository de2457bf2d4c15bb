//! Workers, for those who look after them.

use actix_web::web::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::House;
use crate::http::fault::Fault;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::queue;
use crate::scoring::workers::{self, Announcement, WorkerState};

/// A worker as it was last heard.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerView {
    /// The name of its token; the server's own worker is called after its machine.
    name: String,
    state: WorkerState,
    last_heartbeat_at: DateTime<Utc>,
    #[serde(flatten)]
    announced: Announcement,
}

/// How much waits of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueLength {
    kind: SubmissionKind,
    waiting: i64,
}

/// The workers and the queue.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerList {
    /// Those that were heard within a week, in the order of their names.
    workers: Vec<WorkerView>,
    /// Every kind of submission, with how many runs wait.
    queue: Vec<QueueLength>,
}

/// Lists the workers
///
/// Each as it last said of itself, and how many runs wait for one.
#[utoipa::path(
    get, path = "/api/v1/workers", operation_id = "list_workers", tag = "worker",
    responses((status = 200, description = "The workers and the queue", body = WorkerList)),
)]
pub async fn list(house: House) -> Result<Json<WorkerList>, Fault> {
    let (workers, queue) = house
        .database
        .read(|connection| {
            let workers = workers::list(connection)?;
            Ok::<_, Fault>((workers, queue::waiting_by_kind(connection)?))
        })
        .await?;
    Ok(Json(WorkerList {
        workers: workers
            .into_iter()
            .map(|worker| WorkerView {
                name: worker.name,
                state: worker.state,
                last_heartbeat_at: worker.last_heartbeat_at,
                announced: worker.announced,
            })
            .collect(),
        queue: queue
            .into_iter()
            .map(|(kind, waiting)| QueueLength { kind, waiting })
            .collect(),
    }))
}
