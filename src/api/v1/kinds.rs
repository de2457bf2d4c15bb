//! What a challenge takes beside predictions: its kinds of submission, their starter kits, and the
//! features that models predict from.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::web::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::forms::FileBody;
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::challenge::{Challenge, Phase};
use crate::http::starter_kits;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::FileFormat;

/// A kind of submission that a challenge takes.
#[derive(Debug, Serialize, ToSchema)]
pub struct KindDetail {
    kind: SubmissionKind,
    /// What to begin with: a zip of working code for this challenge.
    starter_kit_url: String,
}

impl KindDetail {
    /// All that a challenge takes.
    pub fn all(challenge: &Challenge) -> Vec<Self> {
        let kinds = challenge.kinds.iter();
        kinds
            .map(|kind| Self {
                kind: *kind,
                starter_kit_url: format!(
                    "/api/v1/challenges/{}/starter-kits/{kind}",
                    challenge.slug
                ),
            })
            .collect()
    }
}

/// What models predict from.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeaturesDetail {
    format: FileFormat,
    /// The columns beside the id.
    columns: Vec<String>,
    bytes: u64,
    /// Whether only models see them: then what models print is kept from their teams as well.
    hidden: bool,
}

impl FeaturesDetail {
    /// Those of a phase.
    pub fn of(phase: &Phase) -> Option<Self> {
        phase.features.as_ref().map(|features| Self {
            format: features.format,
            columns: features.columns.clone(),
            bytes: features.bytes,
            hidden: features.hidden,
        })
    }
}

/// What models run with on this server.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuntimeDetail {
    /// Names the environment; every run of it is the same.
    version: String,
    /// Every package with its version.
    packages: BTreeMap<String, String>,
}

impl RuntimeDetail {
    /// The one that was built; none where only Python's standard library is there.
    pub fn of(house: &House) -> Option<Self> {
        house.runtimes().manifest().map(|built| Self {
            version: built.version.clone(),
            packages: built.packages.clone(),
        })
    }
}

/// Downloads a starter kit
///
/// A zip of working code, made for this challenge and this kind of submission.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/starter-kits/{kind}", operation_id = "get_starter_kit",
    tag = "challenges",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("kind" = SubmissionKind, Path, description = "One that the challenge takes"),
    ),
    responses((status = 200, description = "The zip", body = FileBody, content_type = "application/zip")),
)]
pub async fn starter_kit(
    house: House,
    principal: Principal,
    path: Path<(String, String)>,
) -> Answer {
    let (slug, kind) = path.into_inner();
    starter_kits::send(&house, &principal, &slug, &kind).await
}

/// Downloads the features
///
/// What models predict from in the phase that matters now, where they are not hidden. Answers `Range`
/// and `If-None-Match`.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/features", operation_id = "get_features",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses(
        (status = 200, description = "The file", content(
            (FileBody = "text/csv"), (FileBody = "application/vnd.apache.parquet"),
        )),
        (status = 206, description = "The range that was asked for", content(
            (FileBody = "text/csv"), (FileBody = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The caller's copy is the newest"),
    ),
)]
pub async fn features(
    house: House,
    principal: Principal,
    slug: Path<String>,
    request: HttpRequest,
) -> Answer {
    starter_kits::send_features(&house, &request, &principal, &slug).await
}
