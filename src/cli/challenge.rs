//! `paddock challenge`: posts challenges from files, and scores predictions at home.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};

use super::challenge_life::{self, BaselineArguments, LifeAct, LifeArguments};
use super::challenge_reuse::{
    self, CloneArguments, ExportArguments, ImportArguments, TemplateCommand,
};
use super::dataset::read_text;
use super::output;
use super::score::ScoreArgs;
use super::settings::{self, Settings};
use crate::challenges::bundle::challenge_file;
use crate::challenges::challenge::{self, ChallengeError, Listed, current_phase};
use crate::challenges::corrections::{self, Change, CorrectionError, CorrectionState};
use crate::challenges::draft::ChallengeDraft;
use crate::challenges::life;
use crate::challenges::posting::{self, ChallengeFiles};
use crate::challenges::runs::{self, RunActError};
use crate::http::state::State;
use crate::scoring::rule::ScoringRule;

/// How many lines of a list are asked for at once.
const PAGE: i64 = 200;

/// Challenges: post, publish, look, and score predictions at home
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  \
    paddock challenge create challenge.toml --solution solution.csv --owner karla --publish")]
pub enum ChallengeCommand {
    Create(CreateArguments),
    /// Show a posted draft to everybody
    #[command(after_help = "Example:\n  paddock challenge publish lap-times --owner karla")]
    Publish {
        /// Its address
        slug: String,
        /// Its organizer, or an admin
        #[arg(long, value_name = "USER")]
        owner: String,
    },
    /// Open the next phase now; the one that runs ends
    #[command(after_help = "Example:\n  paddock challenge open-next lap-times --owner karla")]
    OpenNext(LifeArguments),
    /// End every phase now
    #[command(after_help = "Example:\n  paddock challenge close lap-times --owner karla")]
    Close(LifeArguments),
    /// Put a closed challenge among the archived ones
    #[command(after_help = "Example:\n  paddock challenge archive lap-times --owner karla")]
    Archive(LifeArguments),
    /// Take a challenge out of the archive
    #[command(after_help = "Example:\n  paddock challenge restore lap-times --owner karla")]
    Restore(LifeArguments),
    Baseline(BaselineArguments),
    /// Score all submissions of a phase anew
    ///
    /// Every submission that has a score is judged again, and those that the platform failed at are tried
    /// again: after a mended solution or a new version, for example. Scores stay visible until they are
    /// replaced. Asked again while it is under way, it says how far it is and adds nothing.
    #[command(after_help = "Example:\n  paddock challenge rescore lap-times --phase Final")]
    Rescore {
        /// Its address
        slug: String,
        /// The phase [default: the one that matters now]
        #[arg(long, value_name = "NAME")]
        phase: Option<String>,
    },
    Export(ExportArguments),
    Import(ImportArguments),
    Clone(CloneArguments),
    #[command(subcommand)]
    Template(TemplateCommand),
    Correct(CorrectArguments),
    /// List the challenges, drafts included
    #[command(after_help = "Example:\n  paddock challenge list")]
    List,
    #[command(after_help = "Example:\n  \
        paddock challenge score predictions.csv --solution solution.csv --metric rmse --metric mae")]
    Score(ScoreArgs),
}

/// Replace a wrong solution, metric or scoring program
///
/// The phase's submissions are scored anew beside the board, which changes at once when the last of them is.
/// Competitors read the reason, and by how much their places changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock challenge correct lap-times --phase Final --solution mended.csv --owner karla \\\n    \
    --reason \"Ten rows had another lap's time\"")]
pub struct CorrectArguments {
    /// Its address
    slug: String,
    /// The phase
    #[arg(long, value_name = "NAME")]
    phase: String,
    /// The mended solution, as CSV
    #[arg(long, value_name = "FILE")]
    solution: Option<PathBuf>,
    /// The metric that should have been
    #[arg(long, value_name = "KEY")]
    metric: Option<ScoringRule>,
    /// The mended scoring program, a zip
    #[arg(long, value_name = "ZIP")]
    program: Option<PathBuf>,
    /// Why, for competitors to read
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Its organizer, or an admin
    #[arg(long, value_name = "USER")]
    owner: String,
    /// Leave it to the server's workers at once
    #[arg(long)]
    no_wait: bool,
}

/// Post a challenge from a TOML file
///
/// The file names the challenge, its pages, its phases and how predictions are scored; see
/// `datasets/championship/challenges` for two that work. Texts may stand beside it: `rules_file` in place
/// of `rules` and `body_file` in place of a page's `body` name Markdown files, from the TOML file's folder.
/// The challenge stays a draft until it is published.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock challenge create challenge.toml --solution solution.csv --owner karla --publish")]
pub struct CreateArguments {
    /// The challenge, in TOML
    file: PathBuf,
    /// The hidden solution of each phase in their order, as CSV
    #[arg(long = "solution", value_name = "FILE", required = true)]
    solutions: Vec<PathBuf>,
    /// What models predict from, CSV or Parquet; once for each phase
    #[arg(long, value_name = "FILE")]
    features: Vec<PathBuf>,
    /// The scoring program, a zip; once for each phase whose metric is program:KEY:lower or
    /// program:KEY:higher
    #[arg(long = "program", value_name = "ZIP")]
    programs: Vec<PathBuf>,
    /// The organizer who posts it
    #[arg(long, value_name = "USER")]
    owner: String,
    /// Show it to everybody at once
    #[arg(long)]
    publish: bool,
}

pub async fn run(settings: &Settings, command: ChallengeCommand) -> anyhow::Result<()> {
    match command {
        ChallengeCommand::Create(arguments) => create(settings, arguments).await,
        ChallengeCommand::Publish { slug, owner } => publish(&settings.open()?, slug, &owner).await,
        ChallengeCommand::OpenNext(which) => {
            challenge_life::act(settings, LifeAct::OpenNext, which).await
        }
        ChallengeCommand::Close(which) => {
            challenge_life::act(settings, LifeAct::Close, which).await
        }
        ChallengeCommand::Archive(which) => {
            challenge_life::act(settings, LifeAct::Archive, which).await
        }
        ChallengeCommand::Restore(which) => {
            challenge_life::act(settings, LifeAct::Restore, which).await
        }
        ChallengeCommand::Baseline(arguments) => {
            challenge_life::baseline(settings, arguments).await
        }
        ChallengeCommand::Rescore { slug, phase } => rescore(&settings.open()?, slug, phase).await,
        ChallengeCommand::Export(arguments) => challenge_reuse::export(settings, arguments).await,
        ChallengeCommand::Import(arguments) => challenge_reuse::import(settings, arguments).await,
        ChallengeCommand::Clone(arguments) => {
            challenge_reuse::clone_challenge(settings, arguments).await
        }
        ChallengeCommand::Template(command) => challenge_reuse::template(settings, command).await,
        ChallengeCommand::Correct(arguments) => correct(&settings.open()?, arguments).await,
        ChallengeCommand::List => list(&settings.open()?).await,
        ChallengeCommand::Score(arguments) => super::score::run(arguments),
    }
}

/// Reads a challenge from TOML whose texts may stand in other files, which `read` reads.
pub fn parse_draft(
    text: &str,
    read: impl Fn(&str) -> anyhow::Result<String>,
) -> anyhow::Result<ChallengeDraft> {
    let read = |name: &str| read(name).map_err(|error| format!("{error:#}"));
    Ok(challenge_file::parse(text, read)?)
}

async fn create(settings: &Settings, arguments: CreateArguments) -> anyhow::Result<()> {
    let folder = arguments.file.parent().unwrap_or(Path::new("")).to_owned();
    let draft = parse_draft(&read_text(&arguments.file)?, |name| {
        read_text(&folder.join(name))
    })
    .with_context(|| arguments.file.display().to_string())?;
    let files = ChallengeFiles {
        solutions: arguments.solutions,
        features: arguments.features,
        programs: arguments.programs,
    };
    for (what, paths) in [
        ("solution", &files.solutions),
        ("features", &files.features),
        ("scoring program", &files.programs),
    ] {
        if let Some(missing) = paths.iter().find(|path| !path.is_file()) {
            bail!("there is no {what} file {}", missing.display());
        }
    }
    let state = settings.open()?;
    let owner = settings::organizer(&state, &arguments.owner).await?;
    let slug = draft.slug.clone();
    let now = state.clock.now();
    posting::post(&state.database, &state.storage, now, &owner, draft, files).await?;
    if arguments.publish {
        return publish(&state, slug, &owner.username).await;
    }
    output::line(format!(
        "Posted {slug} as a draft. Publish it: paddock challenge publish {slug} --owner {}",
        owner.username
    ))?;
    Ok(())
}

async fn publish(state: &State, slug: String, owner: &str) -> anyhow::Result<()> {
    let principal = settings::principal(state, owner).await?;
    let now = state.clock.now();
    let name = slug.clone();
    state
        .database
        .write(move |connection| life::publish(connection, now, &principal, &name, false))
        .await
        .map_err(|error: ChallengeError| error)?;
    output::line(format!(
        "Published {}/challenges/{slug}",
        state.config.public_url()
    ))?;
    Ok(())
}

async fn rescore(state: &State, slug: String, phase: Option<String>) -> anyhow::Result<()> {
    let now = state.clock.now();
    let asked = slug.clone();
    let rescoring = state
        .database
        .write(move |connection| runs::rescore(connection, now, None, &asked, phase.as_deref()))
        .await
        .map_err(|error: RunActError| error)?;
    let total = rescoring.total;
    output::line(match rescoring.since == now {
        true => format!("Scoring {total} submissions of {slug} anew"),
        false => format!(
            "Scoring {total} submissions of {slug} anew is under way; {} are done",
            rescoring.done
        ),
    })?;
    Ok(())
}

/// How often the progress of a correction is looked at.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

async fn correct(state: &State, arguments: CorrectArguments) -> anyhow::Result<()> {
    let principal = settings::principal(state, &arguments.owner).await?;
    let slug = arguments.slug;
    let change = Change {
        phase: arguments.phase,
        reason: arguments.reason,
        solution: arguments.solution,
        metric: arguments.metric,
        program: arguments.program,
        ..Change::default()
    };
    for path in [&change.solution, &change.program].into_iter().flatten() {
        ensure!(path.is_file(), "there is no file {}", path.display());
    }
    let id = corrections::start(&state.dispatch, &principal, &slug, change).await?;
    output::line(format!("Correction {id} of {slug} is under way"))?;
    if arguments.no_wait {
        return Ok(());
    }
    let mut told = None;
    loop {
        let (who, asked) = (principal.clone(), slug.clone());
        let found = state
            .database
            .read(move |connection| corrections::find(connection, &who, &asked, id))
            .await
            .map_err(|error: CorrectionError| error)?;
        match found.state {
            CorrectionState::Finished(_, summary) => return Ok(output::line(summary.sentence())?),
            CorrectionState::Cancelled(_) => bail!("correction {id} was cancelled"),
            CorrectionState::Running(progress) => {
                if told != Some(progress) {
                    output::line(format!("{} of {} scored", progress.done, progress.total))?;
                }
                told = Some(progress);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn list(state: &State) -> anyhow::Result<()> {
    let now = state.clock.now();
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let page = state
            .database
            .read(move |connection| challenge::list(connection, Listed::All, before, PAGE))
            .await
            .map_err(|error: ChallengeError| error)?;
        let Some((last, _)) = page.last() else { break };
        before = Some(last.id);
        rows.extend(page.into_iter().map(|(challenge, phases)| {
            let phase = current_phase(&phases, now);
            let metric = phase
                .map(|phase| phase.metric.to_string())
                .unwrap_or_default();
            let state = match (challenge.published_at, phase) {
                (Some(_), Some(phase)) => phase.state(now).to_string(),
                _ => "draft".to_owned(),
            };
            [
                challenge.slug,
                state,
                metric,
                challenge.team_count.to_string(),
                challenge.title,
            ]
        }));
    }
    output::table(["SLUG", "STATE", "METRIC", "TEAMS", "TITLE"], &rows)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;
    use crate::datasets::anonymize::policy::Policy;
    use crate::datasets::split::SplitPlan;

    #[test]
    fn the_files_in_the_documentation_are_understood() {
        let documentation = include_str!("../../docs/challenge-files.md");
        let files: Vec<&str> = documentation
            .split("```toml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        let [policy, split, draft, models] = files[..] else {
            panic!("{} files instead of four", files.len());
        };
        Policy::parse(policy).unwrap();
        let split: SplitPlan = toml::from_str(split).unwrap();
        assert_eq!(split.public.group.as_deref(), Some("driver_id"));
        let alone = parse_draft(draft, |name| Ok(format!("the text of {name}"))).unwrap();
        alone.check().unwrap();

        // What is said of models goes into the same file.
        let mut together: Table = draft.parse().unwrap();
        let mut models: Table = models.parse().unwrap();
        let Some(Value::Array(mut of_phases)) = models.remove("phases") else {
            panic!("nothing is said of phases");
        };
        let of_phase = of_phases.remove(0).as_table().unwrap().clone();
        together["phases"][0]
            .as_table_mut()
            .unwrap()
            .extend(of_phase);
        together.extend(models);
        let text = toml::to_string(&together).unwrap();
        let draft = parse_draft(&text, |name| Ok(format!("the text of {name}"))).unwrap();
        draft.check().unwrap();
        assert!(draft.takes_models());
    }
}
