//! `paddock challenge export`, `import`, `clone` and `template`: beginning where the last season ended.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand};
use rand::RngExt;

use super::output;
use super::settings::{self, Settings};
use crate::challenges::bundle::{Change, challenge_file};
use crate::challenges::challenge::ChallengeError;
use crate::challenges::reuse::{self, CloneRequest, Reused};
use crate::challenges::templates::{ShippedTemplate, TEMPLATES};
use crate::platform::slug::is_slug;

/// Write a challenge into one file: texts, phases, hidden solutions, features and scoring programs
///
/// The file holds the hidden solutions: keep it as you keep those. Who exported what is in the audit log.
/// What teams sent, and their scores, are not in it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock challenge export lap-times --owner karla --output lap-times.zip")]
pub struct ExportArguments {
    /// Its address
    slug: String,
    /// Its organizer, or an admin
    #[arg(long, value_name = "USER")]
    owner: String,
    /// Where to write it; a file that is there is not written over
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Post a challenge from an exported bundle, or from a Codabench bundle
///
/// It becomes a draft. Of a Codabench bundle (competition.yaml, version 2) pages, phases, reference data,
/// leaderboard columns and scoring program are taken over, and what could not be is listed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    paddock challenge import lap-times.zip --slug lap-times-2027 --starts-at 2027-03-01 --owner karla")]
pub struct ImportArguments {
    /// The bundle, a zip
    file: PathBuf,
    /// Its address here [default: the bundle's]
    #[arg(long)]
    slug: Option<String>,
    /// When its first phase begins; all dates move by the same time
    #[arg(long, value_name = "DATE", value_parser = moment)]
    starts_at: Option<DateTime<Utc>>,
    /// The organizer who posts it
    #[arg(long, value_name = "USER")]
    owner: String,
}

/// Post a copy of a challenge as a draft
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock challenge clone lap-times lap-times-2027 --starts-at 2027-03-01 --owner karla\n  \
    paddock challenge clone lap-times our-lap-times --template --without-solutions --owner karla")]
pub struct CloneArguments {
    /// The challenge's address
    slug: String,
    /// The copy's address
    new_slug: String,
    /// The copy's name [default: the same]
    #[arg(long)]
    title: Option<String>,
    /// When its first phase begins; all dates move by the same time
    #[arg(long, value_name = "DATE", value_parser = moment)]
    starts_at: Option<DateTime<Utc>>,
    /// Leave out solutions and features: they are sent later
    #[arg(long)]
    without_solutions: bool,
    /// Keep it as a template: yours, or everybody's if you are an admin
    #[arg(long)]
    template: bool,
    /// Its organizer, or an admin; of a template, whoever may use it
    #[arg(long, value_name = "USER")]
    owner: String,
}

/// Challenges to begin with
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  paddock challenge template list")]
pub enum TemplateCommand {
    /// List the templates
    #[command(after_help = "Example:\n  paddock challenge template list --owner karla")]
    List {
        /// Whose own templates are listed too
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
    },
    /// Write a template that comes with Paddock as files to edit, or print it
    #[command(after_help = "Examples:\n  \
        paddock challenge template show lap-times\n  \
        paddock challenge template show lap-times --into lap-times-2027")]
    Show {
        /// Its name
        name: String,
        /// A new folder for its files, ready for `paddock challenge create`
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
}

/// A day, which begins at midnight UTC, or a moment.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    day.map(|day| day.and_time(NaiveTime::MIN).and_utc())
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc()))
        .ok_or_else(|| "write 2027-03-01 or 2027-03-01T12:00:00Z".to_owned())
}

pub async fn export(settings: &Settings, arguments: ExportArguments) -> anyhow::Result<()> {
    let ExportArguments {
        slug,
        owner,
        output,
    } = arguments;
    if output.exists() {
        bail!("{} is there already; choose another name", output.display());
    }
    let state = settings.open()?;
    let principal = settings::principal(&state, &owner).await?;
    let now = state.clock.now();
    let zip = reuse::export(&state.database, &state.storage, now, &principal, &slug).await?;
    std::fs::copy(zip.path(), &output).with_context(|| output.display().to_string())?;
    output::line(format!(
        "Wrote {}. It holds the hidden solutions: keep it to yourself.",
        output.display()
    ))?;
    Ok(())
}

pub async fn import(settings: &Settings, arguments: ImportArguments) -> anyhow::Result<()> {
    if !arguments.file.is_file() {
        bail!("there is no file {}", arguments.file.display());
    }
    let state = settings.open()?;
    let owner = settings::organizer(&state, &arguments.owner).await?;
    let change = Change {
        slug: arguments.slug,
        title: None,
        starts_at: arguments.starts_at,
    };
    let reused = reuse::import(
        &state.database,
        &state.storage,
        state.clock.now(),
        &owner,
        &arguments.file,
        &change,
        rand::rng().random(),
    )
    .await?;
    tell(&reused, &owner.username)
}

pub async fn clone_challenge(settings: &Settings, arguments: CloneArguments) -> anyhow::Result<()> {
    let state = settings.open()?;
    let principal = settings::principal(&state, &arguments.owner).await?;
    let request = CloneRequest {
        change: Change {
            slug: Some(arguments.new_slug),
            title: arguments.title,
            starts_at: arguments.starts_at,
        },
        with_solutions: !arguments.without_solutions,
        as_template: arguments.template,
    };
    let reused = reuse::clone_challenge(
        &state.database,
        &state.storage,
        state.clock.now(),
        &principal,
        &arguments.slug,
        &request,
        rand::rng().random(),
    )
    .await?;
    if arguments.template {
        output::line(format!("Kept the template {}", reused.slug))?;
        return Ok(());
    }
    tell(&reused, &arguments.owner)
}

/// What came of it, and what is next.
fn tell(reused: &Reused, owner: &str) -> anyhow::Result<()> {
    let slug = &reused.slug;
    output::line(format!("Posted {slug} as a draft, from {}.", reused.source))?;
    for carried in &reused.carried {
        output::line(format!("  taken over: {carried}"))?;
    }
    if !reused.not_carried.is_empty() {
        output::line("Not taken over:")?;
    }
    for note in &reused.not_carried {
        output::line(format!("  {}: {}. {}.", note.what, note.why, note.remedy))?;
    }
    if reused.missing.is_empty() {
        output::line(format!(
            "Read it, then publish it: paddock challenge publish {slug} --owner {owner}"
        ))?;
        return Ok(());
    }
    output::line("Before it can be published, send:")?;
    for missing in &reused.missing {
        output::line(format!("  {missing}"))?;
    }
    output::line(format!("on the page /console/challenges/{slug}/complete"))?;
    Ok(())
}

pub async fn template(settings: &Settings, command: TemplateCommand) -> anyhow::Result<()> {
    match command {
        TemplateCommand::List { owner } => list(settings, owner).await,
        TemplateCommand::Show { name, into } => show(&name, into),
    }
}

async fn list(settings: &Settings, owner: Option<String>) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for template in TEMPLATES {
        let draft = template.draft()?;
        let from = "comes with Paddock".to_owned();
        rows.push([template.name.to_owned(), from, draft.title, draft.tagline]);
    }
    if let Some(owner) = owner {
        let state = settings.open()?;
        let user = settings::organizer(&state, &owner).await?;
        let own = state
            .database
            .read(move |connection| reuse::list_templates(connection, &user))
            .await
            .map_err(ChallengeError::from)?;
        rows.extend(own.into_iter().map(|template| {
            let from = if template.is_shared { "shared" } else { "own" };
            [
                template.slug,
                from.to_owned(),
                template.title,
                template.tagline,
            ]
        }));
    }
    output::table(["NAME", "FROM", "TITLE", "WHAT IT ASKS"], &rows)?;
    Ok(())
}

fn show(name: &str, into: Option<PathBuf>) -> anyhow::Result<()> {
    let Some(template) = ShippedTemplate::find(name) else {
        let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
        bail!(
            "there is no template `{name}`; there are: {}. Your own are cloned: paddock challenge clone",
            names.join(", ")
        );
    };
    let draft = template.draft()?;
    let Some(folder) = into else {
        output::line(template.solution_note)?;
        output::line(template.solution_example)?;
        output::line(challenge_file::text(&draft)?)?;
        return Ok(());
    };
    std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    for (file, text) in challenge_file::files(&draft)? {
        let path = folder.join(&file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::File::create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| path.display().to_string())?;
    }
    let solutions: Vec<String> = (1..=draft.phases.len())
        .map(|number| match draft.phases.len() {
            1 => " --solution solution.csv".to_owned(),
            _ => format!(" --solution solution-{number}.csv"),
        })
        .collect();
    debug_assert!(is_slug(&draft.slug));
    output::line(template.solution_note)?;
    output::line(format!(
        "Edit the files in {}, then: paddock challenge create {}{} --owner YOU",
        folder.display(),
        folder.join(challenge_file::NAME).display(),
        solutions.concat()
    ))?;
    Ok(())
}
