//! Starter kits and features on the wire, and the facts about a challenge's models that pages show as well.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::TryStreamExt;

use super::downloads::{self, Download};
use super::fault::Fault;
use super::state::State;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Challenge, Phase, current_phase};
use crate::challenges::starter_kit::{KitError, KitFacts, KitRuntime, starter_kit};
use crate::platform::storage::Area;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;

/// Samples above this size are left out of the kits, which say where they are instead.
const LARGEST_SAMPLE: u64 = 4 << 20;

/// Sends the starter kit of a challenge for a kind of submission that it takes.
///
/// # Errors
/// 404 for a challenge that the caller may not see, and for a kind that it does not take.
pub async fn send(
    state: &State,
    principal: &Principal,
    slug: &str,
    kind: &str,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (asker, asked) = (principal.clone(), slug.to_owned());
    let (challenge, phases) = state
        .database
        .read(move |connection| challenge::find(connection, &asker, &asked))
        .await?;
    let kind = taken_kind(&challenge, kind)?;
    let phase = current_phase(&phases, now)
        .ok_or_else(|| Fault::internal(format!("the challenge {slug} has no phases")))?;
    let mut facts = facts(state, challenge, phase);
    if kind == SubmissionKind::Predictions && phase.sample_bytes <= LARGEST_SAMPLE {
        facts.sample_submission = Some(sample(state, phase).await?);
    }
    let zip = tokio::task::spawn_blocking(move || starter_kit(&facts, kind))
        .await
        .map_err(Fault::internal)?;
    let zip = zip.map_err(|error| match error {
        KitError::NoContract => Fault::not_found(error.to_string()),
        KitError::Text(_) | KitError::Zip(_) => Fault::internal(error),
    })?;
    let name = format!("attachment; filename=\"{slug}-{kind}-starter-kit.zip\"");
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/zip"))
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .body(zip))
}

/// Sends the features of the phase that matters now, where everybody may have them.
///
/// # Errors
/// 404 where there are none, or where they are hidden.
pub async fn send_features(
    state: &State,
    request: &HttpRequest,
    principal: &Principal,
    slug: &str,
) -> Result<HttpResponse, Fault> {
    let (asker, asked) = (principal.clone(), slug.to_owned());
    let (_, phases) = state
        .database
        .read(move |connection| challenge::find(connection, &asker, &asked))
        .await?;
    let phase = current_phase(&phases, state.clock.now());
    let features = phase.and_then(|phase| phase.features.as_ref());
    let shown = features.filter(|features| !features.hidden);
    let features = shown.ok_or_else(|| {
        Fault::not_found("The features of this phase are hidden, or it takes no models.")
    })?;
    let media_type = match features.format {
        FileFormat::Csv => "text/csv; charset=utf-8",
        FileFormat::Parquet => "application/vnd.apache.parquet",
    };
    let download = Download {
        sha256: &features.sha256,
        bytes: features.bytes,
        media_type,
        file_name: &format!("{slug}-features.{}", features.format.as_str()),
    };
    downloads::send(&state.storage, request, download).await
}

/// The kind of this name, if the challenge takes it.
pub fn taken_kind(challenge: &Challenge, kind: &str) -> Result<SubmissionKind, Fault> {
    let taken = kind
        .parse()
        .ok()
        .filter(|kind| challenge.kinds.contains(kind));
    taken.ok_or_else(|| {
        let taken: Vec<_> = challenge.kinds.iter().map(|kind| kind.as_str()).collect();
        Fault::not_found(format!("This challenge takes {}.", taken.join(", ")))
    })
}

/// All that a kit says of a challenge in a phase, but for the sample submission.
pub fn facts(state: &State, challenge: Challenge, phase: &Phase) -> KitFacts {
    let features = phase.features.as_ref();
    KitFacts {
        slug: challenge.slug,
        title: challenge.title,
        address: state.config.public_url(),
        metric: phase.metric.clone(),
        predictions: challenge.prediction_format,
        max_bytes: phase.max_bytes,
        limits: challenge.run_limits,
        features: features.map_or_else(Vec::new, |features| features.columns.clone()),
        features_format: features.map_or(FileFormat::Csv, |features| features.format),
        contract: challenge.onnx,
        runtime: state.runtimes().manifest().map(|built| KitRuntime {
            version: built.version.clone(),
            packages: built.packages.clone().into_iter().collect(),
        }),
        sample_submission: None,
    }
}

async fn sample(state: &State, phase: &Phase) -> Result<Vec<u8>, Fault> {
    let stream = state
        .storage
        .read(Area::Published, &phase.sample_sha256, None)
        .await?;
    let chunks: Vec<_> = stream.try_collect().await?;
    Ok(chunks.concat())
}
