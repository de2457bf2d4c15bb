//! Datasets: finding one, downloading its files, and publishing one.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Json, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::forms::{self, FileBody};
use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::datasets::anonymize::ReleaseKey;
use crate::datasets::catalogue::{self, DatasetLine, Listed, ReleaseFile};
use crate::datasets::comparison::{Comparison, compare};
use crate::datasets::metadata::{self, Addresses};
use crate::datasets::publish::{Access, DatasetDraft, Identities, Publication, ReleaseReport};
use crate::datasets::signed_links::SignedFile;
use crate::datasets::summary::TableSummary;
use crate::http::dataset_files::{self, Signature, Wanted};
use crate::http::fault::Fault;
use crate::http::guard;

/// The largest solution that is returned inside JSON, in bytes.
const LARGEST_INLINE_SOLUTION: u64 = 8 << 20;

/// A page of the list of datasets.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatasetList {
    /// Newest first.
    datasets: Vec<DatasetSummary>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// A dataset in a list: its newest version.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatasetSummary {
    slug: String,
    title: String,
    summary: String,
    /// An SPDX licence identifier.
    licence: String,
    /// Who publishes it.
    owner: String,
    version: i32,
    published_at: DateTime<Utc>,
    /// Rows of its tables, each counted once however many formats hold it.
    rows: i64,
    /// Bytes of all of its files.
    bytes: i64,
    /// This dataset in the API.
    url: String,
}

impl From<DatasetLine> for DatasetSummary {
    fn from(line: DatasetLine) -> Self {
        Self {
            url: address(&line.slug),
            slug: line.slug,
            title: line.title,
            summary: line.summary,
            licence: line.licence,
            owner: line.owner,
            version: line.version,
            published_at: line.published_at,
            rows: line.row_count,
            bytes: line.bytes,
        }
    }
}

fn address(slug: &str) -> String {
    format!("/api/v1/datasets/{slug}")
}

/// A dataset in one of its versions.
pub(super) fn release_address(slug: &str, version: i32) -> String {
    format!("{}?version={version}", address(slug))
}

/// A dataset in one of its versions, which never changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatasetDetail {
    slug: String,
    title: String,
    summary: String,
    /// The data card, in Markdown.
    card: String,
    /// An SPDX licence identifier.
    licence: String,
    /// Who publishes it.
    owner: String,
    /// How to cite it.
    citation: String,
    /// Its DOI, as in `10.5281/zenodo.1234`; null where it has none.
    doi: Option<String>,
    /// Who may download the files.
    access: Access,
    version: i32,
    /// What is new in this version.
    notes: String,
    published_at: DateTime<Utc>,
    /// The anonymization policy that it was made under, in TOML.
    policy: String,
    /// What was done to the data and what the privacy gates measured.
    #[schema(value_type = Object)]
    report: ReleaseReport,
    files: Vec<FileDetail>,
    /// The release as Croissant.
    croissant_url: String,
    /// The release as a Data Package.
    data_package_url: String,
    /// Every version, newest first.
    versions: Vec<VersionLine>,
}

/// A file as a link.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileLink {
    /// Its name in the release.
    path: String,
    media_type: String,
    bytes: i64,
    rows: i64,
    /// Of its bytes; also its ETag.
    sha256: String,
    /// Where it is downloaded; where that takes an account and the caller has one, an address that is
    /// signed for 24 hours.
    url: String,
}

/// A file with what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileDetail {
    #[serde(flatten)]
    link: FileLink,
    description: String,
    /// Its columns, their statistics and its first rows.
    #[schema(value_type = Object)]
    summary: TableSummary,
}

/// A version.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionLine {
    version: i32,
    published_at: DateTime<Utc>,
    url: String,
}

fn link(slug: &str, query: &str, file: &ReleaseFile) -> FileLink {
    FileLink {
        url: format!("{}/files/{}?{query}", address(slug), file.path),
        path: file.path.clone(),
        media_type: file.media_type.clone(),
        bytes: file.bytes,
        rows: file.row_count,
        sha256: file.sha256.clone(),
    }
}

/// The files of a release as links, unsigned.
pub(super) fn link_files(slug: &str, version: i32, files: Vec<ReleaseFile>) -> Vec<FileLink> {
    let query = format!("version={version}");
    files.iter().map(|file| link(slug, &query, file)).collect()
}

impl DatasetDetail {
    fn new(found: catalogue::DatasetDetail, house: &House, principal: &Principal) -> Self {
        let base = house.config.public_url();
        let addresses = Addresses::new(&base, &found);
        let citation = metadata::citation(&found, &addresses);
        let (croissant_url, data_package_url) = (addresses.croissant(), addresses.data_package());
        let (slug, version) = (found.slug, found.version);
        let files = found.files.into_iter().map(|file| {
            let signed = SignedFile {
                slug: &slug,
                version,
                path: &file.path,
            };
            let query = dataset_files::query(house, principal, found.access, signed);
            FileDetail {
                link: link(&slug, &query, &file),
                description: file.description,
                summary: file.summary,
            }
        });
        let versions = found
            .versions
            .into_iter()
            .map(|(version, published_at)| VersionLine {
                url: release_address(&slug, version),
                version,
                published_at,
            });
        Self {
            files: files.collect(),
            versions: versions.collect(),
            title: found.title,
            summary: found.summary,
            card: found.card,
            licence: found.licence,
            owner: found.owner,
            citation,
            doi: Some(found.doi).filter(|doi| !doi.is_empty()),
            access: found.access,
            version,
            notes: found.notes,
            published_at: found.published_at,
            policy: found.policy,
            report: found.report,
            croissant_url,
            data_package_url,
            slug,
        }
    }
}

/// Lists datasets
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/datasets", operation_id = "list_datasets", tag = "datasets",
    params(Paging),
    responses((status = 200, description = "A page of datasets", body = DatasetList)),
)]
pub async fn list(house: House, paging: Query<Paging>) -> Result<Json<DatasetList>, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let mut found = house
        .database
        .read(move |connection| catalogue::list(connection, Listed::All, after, limit + 1))
        .await?;
    let next = paging::cut(&mut found, limit, |line| line.id);
    let datasets = found.into_iter().map(DatasetSummary::from).collect();
    Ok(Json(DatasetList { datasets, next }))
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// The version; without it the newest.
    #[param(value_type = Option<i32>, minimum = 1)]
    version: Option<String>,
}

fn parse_version(field: &str, sent: Option<&str>) -> Result<Option<i32>, Fault> {
    match sent.map(str::parse) {
        None => Ok(None),
        Some(Ok(version)) if version >= 1 => Ok(Some(version)),
        Some(_) => Err(Fault::invalid(field, "versions are whole numbers from 1")),
    }
}

/// Which version of a file, and by what right.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileQuery {
    /// The version; without it the newest.
    #[param(value_type = Option<i32>, minimum = 1)]
    version: Option<String>,
    /// Until when a signed address is good, in seconds since 1970.
    #[param(value_type = Option<i64>)]
    expires: Option<String>,
    /// The signature of a signed address, which also names the version.
    signature: Option<String>,
}

impl FileQuery {
    fn signature(&self) -> Result<Signature, Fault> {
        let expires = self.expires.as_deref().map(str::parse).transpose();
        Ok(Signature {
            expires: expires.map_err(|_| {
                Fault::invalid("expires", "this is a whole number of seconds since 1970")
            })?,
            signature: self.signature.clone(),
        })
    }
}

/// Reads a dataset
///
/// Its card, its report and its files, in the version that is asked for.
#[utoipa::path(
    get, path = "/api/v1/datasets/{slug}", operation_id = "get_dataset", tag = "datasets",
    params(("slug" = String, Path, description = "The dataset's address"), VersionQuery),
    responses((status = 200, description = "The dataset", body = DatasetDetail)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<VersionQuery>,
) -> Answer {
    let version = parse_version("version", query.version.as_deref())?;
    let asked = slug.clone();
    let found = house
        .database
        .read(move |connection| catalogue::find(connection, &asked, version))
        .await?;
    let found = found.ok_or_else(|| no_such_dataset(&slug, version))?;
    let mut answer = HttpResponse::Ok();
    if found.access == Access::Account {
        // It may hold addresses that are the caller's alone.
        answer.insert_header((CACHE_CONTROL, "private, no-store"));
    }
    Ok(answer.json(DatasetDetail::new(found, &house, &principal)))
}

fn no_such_dataset(slug: &str, version: Option<i32>) -> Fault {
    Fault::not_found(match version {
        None => format!("There is no dataset `{slug}`."),
        Some(version) => format!("There is no dataset `{slug}` with a version {version}."),
    })
}

/// A release's risk report.
#[derive(Debug, Serialize, ToSchema)]
pub struct RiskReport {
    slug: String,
    version: i32,
    /// Why it was published although gates fail, where it was.
    override_reason: Option<String>,
    /// The admin who decided that.
    overridden_by: Option<String>,
    /// What became of the identities behind the pseudonyms.
    identities: Identities,
    /// What was done to the data, what the attacks found and what the gates say.
    #[schema(value_type = Object)]
    report: ReleaseReport,
}

/// Reads a risk report
///
/// What was done to a release, what each attack found, and what the gates say.
#[utoipa::path(
    get, path = "/api/v1/datasets/{slug}/risk-report", operation_id = "get_risk_report", tag = "datasets",
    params(("slug" = String, Path, description = "The dataset's address"), VersionQuery),
    responses((status = 200, description = "The risk report", body = RiskReport)),
)]
pub async fn risk_report(
    house: House,
    slug: Path<String>,
    query: Query<VersionQuery>,
) -> Result<Json<RiskReport>, Fault> {
    let version = parse_version("version", query.version.as_deref())?;
    let asked = slug.clone();
    let found = house
        .database
        .read(move |connection| catalogue::find(connection, &asked, version))
        .await?;
    let found = found.ok_or_else(|| no_such_dataset(&slug, version))?;
    let (override_reason, overridden_by) = found
        .overridden
        .map(|overridden| (overridden.reason, overridden.by))
        .unzip();
    Ok(Json(RiskReport {
        slug: found.slug,
        version: found.version,
        override_reason,
        overridden_by,
        identities: found.identities,
        report: found.report,
    }))
}

/// Which two versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The earlier version; without it the one before `to`.
    #[param(value_type = Option<i32>, minimum = 1)]
    from: Option<String>,
    /// The later version; without it the newest.
    #[param(value_type = Option<i32>, minimum = 1)]
    to: Option<String>,
}

/// What changed from one version to another.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changes {
    slug: String,
    from: i32,
    to: i32,
    /// What the publisher says of the later version.
    notes: String,
    /// Columns and rows, table by table.
    #[schema(value_type = Object)]
    comparison: Comparison,
}

/// Compares two versions
///
/// Columns that are new, gone or different, and the rows of each table.
#[utoipa::path(
    get, path = "/api/v1/datasets/{slug}/changes", operation_id = "get_dataset_changes", tag = "datasets",
    params(("slug" = String, Path, description = "The dataset's address"), ChangesQuery),
    responses((status = 200, description = "What changed", body = Changes)),
)]
pub async fn changes(
    house: House,
    slug: Path<String>,
    query: Query<ChangesQuery>,
) -> Result<Json<Changes>, Fault> {
    let from = parse_version("from", query.from.as_deref())?;
    let to = parse_version("to", query.to.as_deref())?;
    let asked = slug.clone();
    let found = house
        .database
        .read(move |connection| catalogue::find_two(connection, &asked, from, to))
        .await?;
    let (before, after) = found.ok_or_else(|| {
        Fault::not_found(format!(
            "There are no such two versions of a dataset `{slug}`."
        ))
    })?;
    Ok(Json(Changes {
        from: before.version,
        to: after.version,
        comparison: compare(&before.tables(), &after.tables()),
        slug: after.slug,
        notes: after.notes,
    }))
}

/// Downloads a file
///
/// Answers `Range`, `If-Range` and `If-None-Match`; the ETag is the SHA-256 of the bytes. Where a dataset's
/// `access` is `account`, it takes a token, as `Bearer` or as the password of HTTP Basic, or a signed address
/// as the dataset lists them to whoever has an account.
#[utoipa::path(
    get, path = "/api/v1/datasets/{slug}/files/{path}", operation_id = "get_dataset_file",
    tag = "datasets",
    params(
        ("slug" = String, Path, description = "The dataset's address"),
        ("path" = String, Path, description = "The file's name in the release"),
        FileQuery,
    ),
    responses(
        (status = 200, description = "The file", content(
            (FileBody = "text/csv"),
            (FileBody = "application/vnd.apache.parquet"),
        )),
        (status = 206, description = "The range that was asked for", content(
            (FileBody = "text/csv"),
            (FileBody = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The caller's copy is the newest"),
        (status = 403, description = "The signature of the address is wrong or its time is over, or the token may not read."),
    ),
)]
pub async fn file(
    house: House,
    path: Path<(String, String)>,
    query: Query<FileQuery>,
    request: HttpRequest,
) -> Answer {
    let (slug, path) = path.into_inner();
    let wanted = Wanted {
        slug: &slug,
        version: parse_version("version", query.version.as_deref())?,
        path: &path,
    };
    dataset_files::send(&house, &request, wanted, &query.signature()?).await
}

/// A dataset to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the form to the reader of the API's description"
)]
pub struct DatasetForm {
    /// Its address; an address of the caller's own again makes a new version.
    slug: String,
    title: String,
    /// What it is, in a sentence.
    summary: String,
    /// The data card, in Markdown.
    card: Option<String>,
    /// An SPDX licence identifier.
    licence: String,
    /// How to cite it; without it made from title, publisher and year.
    citation: Option<String>,
    /// A DOI, as in `10.5281/zenodo.1234`.
    doi: Option<String>,
    /// Who may download the files; without it everybody.
    access: Option<Access>,
    /// What is new in this version.
    notes: Option<String>,
    /// The anonymization policy, in TOML.
    policy: String,
    /// How to cut it into training rows, test rows and a hidden solution, in TOML.
    split: Option<String>,
    /// The raw table, CSV or Parquet. It is not kept.
    #[schema(value_type = String, format = Binary, content_media_type = "text/csv")]
    table: Vec<u8>,
}

/// A release that was published.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublishedDataset {
    slug: String,
    version: i32,
    url: String,
    /// What was done to the data and what the privacy gates measured.
    #[schema(value_type = Object)]
    report: ReleaseReport,
    /// The hidden solution of a split, as CSV: it is shown only here and kept nowhere.
    solution_csv: Option<String>,
}

/// Publishes a dataset
///
/// Anonymizes the table under the policy and publishes the result if its privacy gates hold. Neither the raw
/// table nor the solution of a split is kept.
#[utoipa::path(
    post, path = "/api/v1/datasets", operation_id = "publish_dataset", tag = "datasets",
    request_body(content = DatasetForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Published", body = PublishedDataset, headers(("Location" = String))),
        (status = 400, description = "The form cannot be read."),
        (status = 413, description = "The table is too large, or its solution too large for an answer."),
        (status = 415, description = "This is not a multipart form."),
    ),
)]
pub async fn publish(
    house: House,
    principal: Principal,
    request: HttpRequest,
    body: Payload,
) -> Answer {
    let form = forms::multipart(&request, body)?;
    let owner = guard::user(&principal)?.clone();
    let mut received = forms::receive(form, &["table"], house.config.max_upload_bytes).await?;
    let draft = DatasetDraft {
        slug: received.required_text("slug")?,
        title: received.required_text("title")?,
        summary: received.required_text("summary")?,
        card: received.text("card"),
        licence: received.required_text("licence")?,
        citation: received.text("citation"),
        doi: received.text("doi"),
        access: match received.text("access").trim() {
            "" => Access::default(),
            sent => sent
                .parse()
                .map_err(|error: String| Fault::invalid("access", error))?,
        },
        notes: received.text("notes"),
        policy: received.required_text("policy")?,
        split: Some(received.text("split")).filter(|split| !split.trim().is_empty()),
        ..DatasetDraft::default()
    };
    received.no_other_texts()?;
    let [(_, table)] = received.files.as_slice() else {
        return Err(Fault::invalid("table", "send one CSV or Parquet file"));
    };
    let size = table.as_file().metadata().map_err(Fault::internal)?.len();
    if draft.split.is_some() && size > LARGEST_INLINE_SOLUTION {
        // Asked of the table, before anything is published: a release whose solution is lost is of no
        // use, so a solution that comes out longer than its (Parquet) table is returned all the same.
        return Err(Fault {
            field: Some("split".into()),
            ..Fault::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The solution of a split is returned in the answer, which is for tables of at most 8 MiB; \
                 split this one with `paddock dataset publish` on the server.",
            )
        });
    }
    let key = ReleaseKey::generate(&mut rand::rng());
    let now = house.clock.now();
    let table = table.path().to_owned();
    let publication = Publication {
        draft,
        table,
        key,
        owner,
        overridden: None,
    };
    let published = house.publisher.publish(now, publication).await?;
    let solution_csv = match &published.solution {
        None => None,
        Some(file) => Some(
            tokio::fs::read_to_string(file.path())
                .await
                .map_err(Fault::internal)?,
        ),
    };
    let url = release_address(&published.slug, published.version);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, url.as_str()))
        .json(PublishedDataset {
            slug: published.slug,
            version: published.version,
            url,
            report: published.report,
            solution_csv,
        }))
}
