//! `paddock challenge score`: what the platform would say of a predictions file, at home.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::scoring::csv_rows::header_names;
use crate::scoring::metrics::Metric;
use crate::scoring::predictions::{
    ColumnKind, FileFormat, FileScore, PredictionColumn, PredictionFormat, score_files,
};
use crate::scoring::solution::SolutionFormat;

/// Score a predictions file against a solution file
///
/// Both name their rows by the solution's first column. Scores are those of the public and the private split if the
/// solution has a column called split, else those of all rows.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// The predictions, as CSV or Parquet (.parquet)
    predictions: PathBuf,
    /// The solution, as CSV
    #[arg(long)]
    solution: PathBuf,
    /// A metric to compute, such as rmse or ndcg@10; may be given several times
    #[arg(long = "metric", required = true)]
    metrics: Vec<Metric>,
    /// The solution's column of true values [default: its second column]
    #[arg(long)]
    target: Option<String>,
    /// The solution's column of groups, for ranking metrics
    #[arg(long)]
    group: Option<String>,
    /// The solution's column of events, for survival metrics
    #[arg(long)]
    event: Option<String>,
    /// The predictions' column to score, may be given several times [default: all but the id in CSV, "prediction" in
    /// Parquet]
    #[arg(long = "prediction")]
    predicted: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Scores, and prints one line for each metric.
pub fn run(args: ScoreArgs) -> anyhow::Result<()> {
    let header = |path: &PathBuf| -> anyhow::Result<Vec<String>> {
        let file =
            File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
        header_names(file)
            .with_context(|| format!("the header of {} cannot be read", path.display()))
    };
    let mut columns = header(&args.solution)?.into_iter();
    let Some(id) = columns.next() else {
        bail!("{} is empty", args.solution.display());
    };
    let others: Vec<String> = columns.collect();
    let Some(target) = args.target.or_else(|| others.first().cloned()) else {
        bail!("{} has no column beside the id", args.solution.display());
    };
    let solution_format = SolutionFormat {
        split_column: others.iter().find(|column| *column == "split").cloned(),
        group_column: args.group,
        event_column: args.event,
        ..SolutionFormat::new(&id, target)
    };

    let is_parquet = args
        .predictions
        .extension()
        .is_some_and(|extension| extension == "parquet");
    let (file_format, default) = if is_parquet {
        (FileFormat::Parquet, vec!["prediction".to_owned()])
    } else {
        let columns = header(&args.predictions)?;
        ensure!(
            columns.contains(&id),
            "{} has no column \"{id}\"",
            args.predictions.display()
        );
        (
            FileFormat::Csv,
            columns.into_iter().filter(|column| *column != id).collect(),
        )
    };
    let names = if args.predicted.is_empty() {
        default
    } else {
        args.predicted
    };
    let columns = names.into_iter().map(|name| PredictionColumn {
        name,
        kind: ColumnKind::Number,
    });
    let format = PredictionFormat::new(id, columns.collect())?;

    let scores = score_files(
        &args.solution,
        &solution_format,
        &args.predictions,
        file_format,
        &format,
        &args.metrics,
    )?;
    let named = args.metrics.iter().map(Metric::to_string).zip(scores);
    if args.json {
        let scores: serde_json::Map<String, serde_json::Value> = named
            .map(|(metric, score)| Ok((metric, serde_json::to_value(score)?)))
            .collect::<Result<_, serde_json::Error>>()?;
        println!("{}", serde_json::to_string_pretty(&scores)?);
        return Ok(());
    }
    for (metric, score) in named {
        match score {
            FileScore::All { score } => println!("{metric:<30} {score}"),
            FileScore::Splits(scores) => {
                println!(
                    "{metric:<30} public {}  private {}",
                    scores.public, scores.private
                );
            }
        }
    }
    Ok(())
}
