//! What `paddock challenge` does to a challenge's life, and its baselines.

use std::path::PathBuf;

use clap::Args;

use super::output;
use super::settings::{self, Settings};
use crate::challenges::baselines::{self, BaselinePlace};
use crate::challenges::challenge::ChallengeError;
use crate::challenges::life::{self, Reschedule};
use crate::http::uploads::file_format;

/// What is done to a challenge.
#[derive(Debug, Clone, Copy)]
pub enum LifeAct {
    OpenNext,
    Close,
    Archive,
    Restore,
}

// Which challenge, and in whose name. No doc comment: it would stand in place of the commands' own.
#[derive(Debug, Args)]
pub struct LifeArguments {
    /// Its address
    slug: String,
    /// Its organizer, or an admin
    #[arg(long, value_name = "USER")]
    owner: String,
}

pub async fn act(
    settings: &Settings,
    act: LifeAct,
    arguments: LifeArguments,
) -> anyhow::Result<()> {
    let state = settings.open()?;
    let principal = settings::principal(&state, &arguments.owner).await?;
    let (now, slug) = (state.clock.now(), arguments.slug.clone());
    state
        .database
        .write(move |connection| match act {
            LifeAct::OpenNext => {
                life::reschedule(connection, now, &principal, &slug, &Reschedule::OpenNext)
            }
            LifeAct::Close => {
                life::reschedule(connection, now, &principal, &slug, &Reschedule::Close)
            }
            LifeAct::Archive => life::archive(connection, now, &principal, &slug),
            LifeAct::Restore => life::restore(connection, now, &principal, &slug),
        })
        .await
        .map_err(|error: ChallengeError| error)?;
    let slug = arguments.slug;
    output::line(match act {
        LifeAct::OpenNext => format!("The next phase of {slug} is open"),
        LifeAct::Close => format!("Closed {slug}: it takes no submissions any more"),
        LifeAct::Archive => format!("Archived {slug}"),
        LifeAct::Restore => format!("Took {slug} out of the archive"),
    })?;
    Ok(())
}

/// Put predictions on the board as a baseline
///
/// They are scored as any others, stand under a name and without a rank, and count towards no limit.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock challenge baseline lap-times \"Mean of last season\" mean.csv --owner karla")]
pub struct BaselineArguments {
    /// The challenge's address
    slug: String,
    /// What the board calls it
    name: String,
    /// The predictions, CSV or Parquet
    file: PathBuf,
    /// The phase [default: the one that matters now]
    #[arg(long, value_name = "NAME")]
    phase: Option<String>,
    /// Its organizer, or an admin
    #[arg(long, value_name = "USER")]
    owner: String,
}

pub async fn baseline(settings: &Settings, arguments: BaselineArguments) -> anyhow::Result<()> {
    let state = settings.open()?;
    let principal = settings::principal(&state, &arguments.owner).await?;
    let file_name = arguments
        .file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let format = file_format(None, &file_name);
    let place = BaselinePlace {
        slug: arguments.slug,
        phase: arguments.phase,
        name: arguments.name,
    };
    let submission = baselines::add(
        &state.database,
        &state.storage,
        state.clock.now(),
        &principal,
        place,
        &arguments.file,
        (&file_name, format),
    )
    .await?;
    output::line(format!(
        "Accepted as submission {submission}; it is scored as soon as a worker is free"
    ))?;
    Ok(())
}
