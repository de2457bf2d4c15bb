//! `paddock verify`: what a receipt proves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;

use super::output;
use super::settings::Settings;
use crate::challenges::dispatch::LocalWorker;
use crate::challenges::receipts;
use crate::challenges::replay::replay;
use crate::http::state::State;
use crate::platform::database::DatabaseError;
use crate::scoring::judge::Judge;
use crate::scoring::receipt::canonical::shortest;
use crate::scoring::receipt::{Content, PublicKey, Receipt, SignedReceipt, differences, verify};

/// Check a receipt: who signed it, and whether anything was changed since
///
/// Says what the receipt proves and what it does not, and exits with 0 if it is valid and with 1 if not.
/// Any field that was changed after signing makes it invalid. Without --server or --public-key the key that
/// the receipt names itself is used, and whose key that is remains open.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    paddock verify receipt.json --server https://paddock.example\n  \
    paddock verify receipt.json --public-key paddock.pem\n  \
    paddock verify receipt.json --replay --config /etc/paddock.toml")]
pub struct VerifyArguments {
    /// The receipt, as downloaded
    receipt: PathBuf,
    /// The key that must have signed it: a file (PEM or hexadecimal digits), or the 64 digits themselves
    #[arg(long, value_name = "FILE|HEX", conflicts_with = "server")]
    public_key: Option<String>,
    /// Run the submission again, with this machine's database, store and sandbox, and compare
    #[arg(long)]
    replay: bool,
    /// The server whose key must have signed it
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

pub async fn run(settings: &Settings, arguments: VerifyArguments) -> anyhow::Result<()> {
    let path = &arguments.receipt;
    let document = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let trusted = match (&arguments.public_key, &arguments.server) {
        (Some(key), _) => Some(Trusted::given(key)?),
        (None, Some(server)) => Some(Trusted::served_by(server).await?),
        (None, None) => None,
    };
    let state = match arguments.replay {
        true => Some(settings.open()?),
        false => None,
    };
    let checked = verify(&document, trusted.as_ref().map(|trusted| trusted.key));
    let signed = match (checked, &state) {
        (Ok(signed), _) => signed,
        (Err(problem), Some(state)) => {
            let changed = changed_fields(state, &document).await?;
            bail!("NOT VALID: {problem}{changed}");
        }
        (Err(problem), None) => bail!("NOT VALID: {problem}"),
    };
    output::line("VALID: this receipt is what was signed.\n")?;
    describe(&signed)?;
    explain(&signed, trusted.as_ref(), arguments.replay)?;
    match state {
        Some(state) => run_again(&state, &signed).await,
        None => Ok(()),
    }
}

/// Which fields of a receipt that is not valid differ from the one that the database keeps, as the end of
/// a sentence.
async fn changed_fields(state: &State, document: &str) -> anyhow::Result<String> {
    let Ok(shown) = serde_json::from_str::<SignedReceipt>(document) else {
        return Ok(String::new());
    };
    let id = shown.receipt.submission.id;
    let kept = state
        .database
        .read(move |connection| receipts::newest(connection, id))
        .await
        .map_err(|error: DatabaseError| error)?;
    let Some(kept) = kept else {
        return Ok(format!(
            "; this database keeps no receipt of submission {id}"
        ));
    };
    let fields = differences(&shown.receipt, &kept.shown(false).receipt);
    Ok(match fields.is_empty() {
        true => String::new(),
        false => format!(
            "; it differs from the receipt that this database keeps in {}",
            fields.join(", ")
        ),
    })
}

/// Scores the submission again and prints what agrees.
async fn run_again(state: &State, signed: &SignedReceipt) -> anyhow::Result<()> {
    let scratch = LocalWorker::scratch(&state.config.data_dir);
    let judge = Judge::of_machine(&state.config, scratch.clone());
    let found = replay(&state.database, &state.storage, judge, scratch, signed).await?;
    output::line("\nReplayed on this machine")?;
    let rows: Vec<[String; 4]> = found
        .iter()
        .map(|one| {
            let agrees = match (one.agrees, one.decides) {
                (true, _) => "yes",
                (false, true) => "NO",
                (false, false) => "differs",
            };
            [one.what, &one.receipt, &one.here, agrees].map(str::to_owned)
        })
        .collect();
    output::table(["WHAT", "RECEIPT", "HERE", "AGREES"], &rows)?;
    let refuted: Vec<&str> = found
        .iter()
        .filter(|one| one.decides && !one.agrees)
        .map(|one| one.what)
        .collect();
    if !refuted.is_empty() {
        bail!("the replay does not agree in: {}", refuted.join(", "));
    }
    output::line("\nThe replay came to the same verdict and, bit by bit, to the same scores.")?;
    Ok(())
}

/// A key that the caller trusts, and why.
struct Trusted {
    key: PublicKey,
    /// The end of a sentence that begins with "The key is".
    source: String,
}

impl Trusted {
    fn given(text: &str) -> anyhow::Result<Self> {
        let from_file = Path::new(text).is_file();
        let content = if from_file {
            std::fs::read_to_string(text).with_context(|| format!("{text} cannot be read"))?
        } else {
            text.to_owned()
        };
        let key = PublicKey::parse(&content).with_context(|| format!("--public-key {text}"))?;
        let source = match from_file {
            true => format!("the one in {text}"),
            false => "the one that you gave".to_owned(),
        };
        Ok(Self { key, source })
    }

    async fn served_by(server: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Served {
            public_key: String,
        }
        let server = server.trim_end_matches('/');
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .build()?;
        let answer = client
            .get(format!("{server}/api/v1/receipts/key"))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        let failed = || format!("{server} could not be asked for its key");
        let served: Served = answer
            .with_context(failed)?
            .json()
            .await
            .with_context(failed)?;
        Ok(Self {
            key: PublicKey::parse(&served.public_key).with_context(failed)?,
            source: format!("the one that {server} signs with today"),
        })
    }
}

/// The fields, one a line.
fn describe(signed: &SignedReceipt) -> std::io::Result<()> {
    let Receipt {
        challenge,
        phase,
        dataset,
        submission,
        features,
        solution,
        metric,
        scoring_program_sha256,
        runtime,
        limits,
        scorer,
        verdict,
        public_score,
        scored_at,
        run,
        attempt,
        private_score_commitment,
        public_score_commitment,
        version: _,
    } = &signed.receipt;
    let none = || "none".to_owned();
    let private = match (&signed.opening, private_score_commitment) {
        (Some(opening), _) => shortest(opening.private_score),
        (None, Some(_)) => "hidden until the phase is over".to_owned(),
        (None, None) => none(),
    };
    let committed = signed.opening.as_ref().and_then(|one| one.public_score);
    let public = match (public_score.or(committed), public_score_commitment) {
        (Some(score), _) => shortest(score),
        (None, Some(_)) => "hidden until the phase is over".to_owned(),
        (None, None) => none(),
    };
    let fields = [
        ("Challenge", format!("{challenge}, phase {phase}")),
        (
            "Dataset",
            dataset.as_ref().map_or_else(none, |release| {
                format!("{}, release {}", release.slug, release.version)
            }),
        ),
        (
            "Submission",
            format!(
                "{} ({}), SHA-256 {}",
                submission.id, submission.kind, submission.sha256
            ),
        ),
        ("Features", features.as_ref().map_or_else(none, named)),
        ("Solution", named(solution)),
        ("Metric", metric.clone()),
        (
            "Scoring program",
            scoring_program_sha256
                .as_ref()
                .map_or_else(none, |sha256| format!("SHA-256 {sha256}")),
        ),
        ("Runtime", runtime.clone().unwrap_or_else(none)),
        (
            "Limits",
            limits.as_ref().map_or_else(none, ToString::to_string),
        ),
        ("Scorer", scorer.clone()),
        ("Verdict", verdict.code()),
        ("Public score", public),
        ("Private score", private),
        (
            "Scored",
            format!(
                "{} (run {run}, attempt {attempt})",
                scored_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
            ),
        ),
    ];
    for (name, value) in fields {
        output::line(format!("  {name:<16} {value}"))?;
    }
    Ok(())
}

fn named(content: &Content) -> String {
    match content {
        Content::Sha256(sha256) => format!("SHA-256 {sha256}"),
        Content::Commitment(commitment) => format!("hidden, commitment {commitment}"),
    }
}

/// What follows from the signature, and what does not.
fn explain(
    signed: &SignedReceipt,
    trusted: Option<&Trusted>,
    is_replayed: bool,
) -> std::io::Result<()> {
    let key = &signed.public_key;
    let mut proven = vec![format!(
        "Every field above is as the holder of the key {key} signed it."
    )];
    let mut open = Vec::new();
    match trusted {
        Some(trusted) => proven.push(format!("The key is {}.", trusted.source)),
        None => open.push(
            "Whose key that is. Compare it with the platform's: --server URL or --public-key FILE."
                .to_owned(),
        ),
    }
    if signed.opening.is_some() {
        proven.push(
            "The private score was fixed when the receipt was signed, and is that one.".to_owned(),
        );
    } else if signed.receipt.private_score_commitment.is_some() {
        open.push(
            "The private score. It is fixed by its commitment; download the receipt again when the phase is over."
                .to_owned(),
        );
    }
    open.push(
        "That a file which you hold is the submission. Compare its SHA-256: sha256sum FILE.".into(),
    );
    if !is_replayed {
        open.push(
            "That the score is right. Whoever holds the database and the store can run it again: --replay."
                .into(),
        );
    }
    for (title, sentences) in [("Proven", proven), ("Not proven", open)] {
        output::line(format!("\n{title}"))?;
        for sentence in sentences {
            output::line(format!("  - {sentence}"))?;
        }
    }
    Ok(())
}
