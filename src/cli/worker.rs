//! `paddock worker`: scores submissions for a server on another machine.

use clap::Args;

use super::settings::Settings;
use super::{output, stop};
use crate::challenges::dispatch::LocalWorker;
use crate::platform::observability;
use crate::scoring::judge::Judge;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::remote::RemoteServer;
use crate::scoring::worker::Worker;
use crate::scoring::workers::{memory_of_a_run, parse_kinds};

/// Score submissions for a server on another machine
///
/// Leases runs from the server over HTTP with a token of its own, and needs neither the database nor
/// the file store. Any number of workers may serve one server. Ctrl-C or SIGTERM finishes the runs at
/// hand and stops; a run that is lost all the same goes to another worker when its lease is over.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock worker-token create north     on the server: prints the token\n  \
    PADDOCK_WORKER_TOKEN=pdw_… paddock worker --server https://paddock.example\n  \
    PADDOCK_WORKER_TOKEN=pdw_… paddock worker --server https://paddock.example --kinds onnx,python --memory-mb 4096")]
pub struct WorkerArguments {
    /// The server's address
    #[arg(long, value_name = "URL")]
    server: String,
    /// The worker's token; in the variable other users of the machine do not see it
    #[arg(
        long,
        value_name = "TOKEN",
        env = "PADDOCK_WORKER_TOKEN",
        hide_env_values = true
    )]
    token: String,
    /// How many submissions are scored at once [default: the setting `worker_concurrency`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    concurrency: Option<u32>,
    /// The kinds of submission to take, with commas between [default: the setting
    /// `worker_kinds`, all]
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = str::parse::<SubmissionKind>)]
    kinds: Option<Vec<SubmissionKind>>,
    /// The most memory that one run may ask for, in MiB; others are left to other workers [default: the
    /// setting `worker_memory_mb`, all of the machine's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    memory_mb: Option<u64>,
}

pub async fn run(settings: &Settings, arguments: WorkerArguments) -> anyhow::Result<()> {
    let config = settings.load(&[])?;
    observability::start_logging(&config)?;
    let concurrency = arguments
        .concurrency
        .map_or(config.worker_concurrency.max(1), |lanes| lanes as usize);
    let kinds = match arguments.kinds {
        Some(kinds) => kinds,
        None => parse_kinds(&config.worker_kinds).map_err(anyhow::Error::msg)?,
    };
    let memory_mb = arguments.memory_mb.unwrap_or(config.worker_memory_mb);
    let server = RemoteServer::new(&arguments.server, arguments.token)?;
    let stop = stop::on_signal()?;
    output::line(format!(
        "Scoring for {}, {concurrency} at once",
        arguments.server
    ))?;
    let scratch = LocalWorker::scratch(&config.data_dir);
    let judge = Judge::of_machine(&config, scratch.clone());
    Worker::new(server, judge, kinds, scratch)
        .with_memory(memory_of_a_run(memory_mb))
        .run(concurrency, stop)
        .await;
    Ok(())
}
