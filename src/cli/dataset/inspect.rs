//! `paddock dataset inspect`: what was understood of a logger's file, and what was not.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::output;
use crate::datasets::readers::inspection::Inspection;
use crate::datasets::readers::{self, FileFormat, Session, picture, terminal_picture};

/// Characters of a row of the pictures.
const COLUMNS: usize = 72;

/// Rows of the track's picture.
const ROWS: usize = 18;

/// Show what is in a file of a logger, a timing system, or a lap table
///
/// The format is recognised from the file's bytes. Units are those of Paddock: m/s, g, deg, rpm, °C, s and m.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock dataset inspect session.xrk\n  \
    paddock dataset inspect --json laps.csv")]
pub struct InspectArguments {
    /// The file: AiM XRK or CSV, Racelogic VBO, RaceChrono, RaceBox, Alfano, TrackAddict, Dovex, Apex Timing, or a table of laps
    file: PathBuf,
    /// Print JSON for programs instead of text
    #[arg(long)]
    json: bool,
    /// Write the track map, the lap times and the fastest lap's speed into an SVG file
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
}

/// Reads the file and prints what it holds.
///
/// # Errors
/// A file that cannot be read, and a picture that cannot be drawn or written.
pub fn inspect(arguments: &InspectArguments) -> anyhow::Result<()> {
    let file = arguments.file.display().to_string();
    let (format, session) = readers::read(&arguments.file).with_context(|| file.clone())?;
    if let Some(path) = &arguments.picture {
        let sheet = picture::sheet(&session).with_context(|| {
            format!("{file} has neither positions nor laps to draw a picture of")
        })?;
        std::fs::write(path, sheet.to_string())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let inspection = Inspection::of(format, &session);
    if arguments.json {
        output::line(serde_json::to_string_pretty(&inspection)?)?;
        return Ok(());
    }
    print_text(&file, format, &session, &inspection)
}

fn print_text(
    file: &str,
    format: FileFormat,
    session: &Session,
    inspection: &Inspection,
) -> anyhow::Result<()> {
    output::line(format!("{}: {}\n", printable(file), format.name()))?;
    let details = &inspection.session;
    let facts = [
        ("Driver", details.driver.clone()),
        ("Kart", details.kart.clone()),
        ("Class", details.class.clone()),
        ("Venue", details.venue.clone()),
        ("Date", details.date.map(|date| date.to_string())),
        ("Time", details.time.map(|time| time.to_string())),
        ("Logger", details.logger.clone()),
        (
            "Length",
            details.seconds.map(|seconds| format!("{seconds:.1} s")),
        ),
    ];
    for (name, fact) in facts {
        let fact = fact.map_or("-".to_owned(), |fact| printable(&fact));
        output::line(format!("{name:<8}{fact}"))?;
    }

    if !inspection.channels.is_empty() {
        output::line("")?;
        let number =
            |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
        let rows: Vec<[String; 7]> = inspection
            .channels
            .iter()
            .map(|channel| {
                [
                    printable(&channel.name),
                    channel.source.as_deref().map(printable).unwrap_or_default(),
                    channel.unit.to_owned(),
                    channel
                        .rate_hz
                        .map_or(String::new(), |rate| format!("{rate:.1}")),
                    channel.samples.to_string(),
                    number(channel.minimum),
                    number(channel.maximum),
                ]
            })
            .collect();
        output::table(
            [
                "CHANNEL", "SOURCE", "UNIT", "HZ", "SAMPLES", "LEAST", "MOST",
            ],
            &rows,
        )?;
    }

    if let Some(map) = terminal_picture::track_map(session, COLUMNS, ROWS) {
        output::line(format!("\n{map}"))?;
    }
    let bars = terminal_picture::lap_times(&session.laps, COLUMNS);
    output::line(match session.laps.len() {
        0 => "\nNo laps.".to_owned(),
        count => format!("\n{count} laps\n{bars}"),
    })?;

    if !inspection.warnings.is_empty() {
        output::line("\nNot understood:")?;
        for warning in &inspection.warnings {
            output::line(format!("- {}", printable(warning)))?;
        }
    }
    Ok(())
}

/// The text without characters that would move the terminal's cursor or change its colours.
fn printable(text: &str) -> String {
    let shown = |character: char| {
        if character.is_control() {
            '\u{fffd}'
        } else {
            character
        }
    };
    text.chars().map(shown).collect()
}
