//! `paddock demo`: the whole house on one machine, with something in it.
//!
//! The steps are those of the data: people sign up, an organizer publishes a championship and posts two
//! challenges on it, experts submit what simple models predict, the worker scores, and the organizer
//! publishes the talent board. Every step goes through the same functions as a real one, and finds what
//! is there already, so that a demo that was interrupted goes on where it was.

mod access;
mod baselines;
mod challenges;
mod championship;
mod coaching;
mod people;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::progress::Progress;
use super::settings::Settings;
use super::{output, serve, stop};
use crate::accounts::passwords::Passwords;
use crate::accounts::permissions::Principal;
use crate::challenges::dispatch::LocalWorker;
use crate::challenges::submissions::{self, SubmissionState};
use crate::http::state::State;
use crate::platform::clock::Clock;
use crate::platform::config::Config;
use crate::platform::database::DatabaseError;
use crate::platform::observability;
use crate::scoring::judge::Judge;
use crate::server;
use crate::talent::board;
use access::Access;
use baselines::Baseline;
use people::Person;

/// Try everything on this machine: no service, no configuration
///
/// Simulates a championship, anonymizes and publishes it, posts two challenges, makes accounts of every
/// role, submits baselines of different quality and scores them. Then prints Ready with the address and
/// the accounts, writes them with API tokens to DIR/demo.json, and serves until Ctrl-C. The next start on
/// the same folder finds everything there. The configuration file and PADDOCK_ variables are not read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock demo\n  \
    paddock demo --listen 127.0.0.1:9000 --data /tmp/try-paddock")]
pub struct DemoArguments {
    /// Address and port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Folder of the demo's database, files and demo.json [default: paddock-demo]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Stop as soon as everything is ready
    #[arg(long)]
    exit: bool,
}

pub async fn run(settings: &Settings, arguments: DemoArguments) -> anyhow::Result<()> {
    let listener = serve::bind(&arguments.listen)?;
    let defaults = Config::default();
    let data_dir = arguments.data.or_else(|| settings.data_dir.clone());
    // Accounts with known names and passwords must never get into a database that some variable or
    // file of this machine names, so only flags count here.
    let config = Config {
        listen: listener.local_addr()?.to_string(),
        data_dir: data_dir.unwrap_or_else(|| "paddock-demo".into()),
        database_url: settings.database_url.clone().unwrap_or_default(),
        storage_url: settings.storage_url.clone().unwrap_or_default(),
        log_filter: settings.log_filter.clone().unwrap_or_else(|| "warn".into()),
        ..defaults
    };
    observability::start_logging(&config)?;
    let folder = config.data_dir.clone();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let stop = stop::on_signal()?;
    let state = State::open(config, Clock::System, Passwords::owasp())?;

    let serving = async {
        let served = server::serve(state.clone(), listener, stop.clone()).await;
        stop.cancel();
        served
    };
    let preparing = async {
        let prepared = tokio::select! {
            prepared = prepare(&state, &folder) => prepared,
            () = stop.cancelled() => {
                output::line("Stopped before everything was ready; the next start goes on from here.")?;
                return Ok(());
            }
        };
        if prepared.is_err() || arguments.exit {
            stop.cancel();
        }
        prepared
    };
    let (served, prepared) = tokio::join!(serving, preparing);
    prepared.and(served)
}

/// Makes whatever of the demo is not there yet, then says where it is.
async fn prepare(state: &State, folder: &Path) -> anyhow::Result<()> {
    let mut access = Access::load(folder, state.config.public_url())?;
    let people = people::register(state, &mut access).await?;
    let organizer = people::of(&people, "demo-organizer")?;
    let admin = people::of(&people, "demo-admin")?;
    let season = championship::publish(state, folder, &organizer.user, &admin.user).await?;
    let slugs = challenges::post(state, &organizer.user, &season).await?;
    submit_baselines(state, &people).await?;
    let waiting = Progress::begin("Publishing the talent board", 0)?;
    let principal = Principal::Browser(organizer.user.clone());
    waiting.finish(publish_board(state, &principal).await?)?;
    coaching::add(state, &mut access, &organizer.user).await?;
    access.challenges = slugs;
    access.finish()?;
    match announce(&access) {
        // Whoever waited for the address may have stopped reading; the server serves on.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        announced => Ok(announced?),
    }
}

fn announce(access: &Access) -> io::Result<()> {
    output::line(format!("\nReady: {}\n", access.base_url))?;
    let rows: Vec<[String; 3]> = access
        .accounts
        .iter()
        .map(|account| {
            [
                account.username.clone(),
                account.password.clone(),
                account.role.to_string(),
            ]
        })
        .collect();
    output::table(["ACCOUNT", "PASSWORD", "ROLE"], &rows)?;
    output::line(format!("\nA driver's own page: {}", access.driving))?;
    output::line(format!(
        "\nAPI tokens: {}. Ctrl-C stops.",
        access.path().display()
    ))
}

/// Sends every baseline that its team has not sent yet, and waits for the worker.
async fn submit_baselines(state: &State, people: &[Person]) -> anyhow::Result<()> {
    let judge = Judge::of_machine(&state.config, LocalWorker::scratch(&state.config.data_dir));
    if let Some(refusal) = judge.refusal() {
        output::line(format!("The model that is code is left out: {refusal}"))?;
    }
    let can_send = |baseline: &&Baseline| !baseline.kind.is_model() || judge.refusal().is_none();
    let baselines: Vec<_> = baselines::ALL.iter().filter(can_send).collect();
    let sending = Progress::begin("Submitting and scoring baselines", baselines.len() as u64)?;
    let mut sent = Vec::new();
    let mut tables = None;
    for baseline in baselines {
        let person = people::of(people, baseline.username)?;
        let team = challenges::join(state, baseline.challenge, &person.user).await?;
        if baseline.kind.is_model() && !team.may_send_code {
            continue;
        }
        if let Some(id) = challenges::find_submission(state, team, baseline.name).await? {
            sent.push((baseline, id));
            continue;
        }
        let tables = match &tables {
            Some(tables) => tables,
            None => tables.insert(championship::download(state).await?),
        };
        let file = baseline.file(tables).await?;
        sent.push((
            baseline,
            challenges::submit(state, person, baseline, file).await?,
        ));
    }
    for (scored, (baseline, id)) in (1..).zip(&sent) {
        let person = people::of(people, baseline.username)?;
        until_scored(state, &person.principal(), baseline.name, *id).await?;
        sending.done(scored);
    }
    sending.finish(&format!("{} baselines scored", sent.len()))?;
    Ok(())
}

async fn until_scored(
    state: &State,
    principal: &Principal,
    name: &str,
    id: i64,
) -> anyhow::Result<()> {
    loop {
        let (principal, now) = (principal.clone(), state.clock.now());
        let detail = state
            .database
            .read(move |connection| submissions::detail(connection, now, &principal, id))
            .await
            .map_err(|error: DatabaseError| error)?
            .with_context(|| format!("the baseline `{name}` was lost"))?;
        match detail.submission.state {
            SubmissionState::Scored => return Ok(()),
            SubmissionState::Failed => bail!(
                "the baseline `{name}` has no score: {}",
                detail.submission.reason.unwrap_or_default()
            ),
            SubmissionState::Queued | SubmissionState::Running => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn publish_board(state: &State, principal: &Principal) -> anyhow::Result<&'static str> {
    let known = state
        .database
        .read(|connection| board::find(connection, challenges::DRIVER_RATING))
        .await?;
    if known.is_some() {
        return Ok("there already");
    }
    let now = state.clock.now();
    board::publish(
        &state.database,
        &state.storage,
        now,
        principal,
        challenges::DRIVER_RATING,
    )
    .await?;
    Ok("published for scouts")
}
