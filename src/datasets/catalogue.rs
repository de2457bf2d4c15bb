//! The catalogue: what is published, and where its bytes are.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::publish::{Access, Identities, ReleaseReport};
use super::summary::TableSummary;
use crate::platform::column_types::Json;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{datasets, release_files, releases, users};

/// A line of the list of datasets: the newest release of each.
#[derive(Debug, Clone)]
pub struct DatasetLine {
    /// The row, for paging: ask for those before the last one's.
    pub id: i64,
    /// Its address.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// An SPDX licence identifier.
    pub licence: String,
    /// Who publishes it.
    pub owner: String,
    /// The newest version.
    pub version: i32,
    /// When that was published.
    pub published_at: DateTime<Utc>,
    /// Rows of its tables, each counted once however many formats hold it.
    pub row_count: i64,
    /// Bytes of all of its files.
    pub bytes: i64,
}

/// A file of a release.
#[derive(Debug, Clone)]
pub struct ReleaseFile {
    /// Its name in the release.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// What it holds.
    pub description: String,
    /// SHA-256 of its bytes: their key in the store, and their ETag.
    pub sha256: String,
    /// Its size.
    pub bytes: i64,
    /// Its rows.
    pub row_count: i64,
    /// Its columns and first rows.
    pub summary: TableSummary,
}

/// A dataset with one of its releases.
#[derive(Debug, Clone)]
pub struct DatasetDetail {
    /// The row.
    pub id: i64,
    /// Its address.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// The data card, in Markdown.
    pub card: String,
    /// An SPDX licence identifier.
    pub licence: String,
    /// Who publishes it.
    pub owner: String,
    /// How to cite it, as its publisher wrote it; empty: nothing was written.
    pub citation: String,
    /// Its DOI; empty where it has none.
    pub doi: String,
    /// Who may download the files.
    pub access: Access,
    /// The release's version.
    pub version: i32,
    /// What is new in it.
    pub notes: String,
    /// The policy that it was made under, in TOML.
    pub policy: String,
    /// What was done and measured.
    pub report: ReleaseReport,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// Why it was published although gates fail, where it was.
    pub overridden: Option<Overridden>,
    /// What became of the identities behind its pseudonyms.
    pub identities: Identities,
    /// Its files.
    pub files: Vec<ReleaseFile>,
    /// Every version with its date, newest first.
    pub versions: Vec<(i32, DateTime<Utc>)>,
}

/// An admin's decision to publish although gates fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden {
    /// The admin.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl DatasetDetail {
    /// Each table of the release once, under its name: the formats that hold it have the same rows.
    pub fn tables(&self) -> Vec<(String, TableSummary)> {
        let csv = self.files.iter().filter_map(|file| {
            let name = file.path.strip_suffix(".csv")?;
            Some((name.to_owned(), file.summary.clone()))
        });
        csv.collect()
    }
}

/// Which datasets a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Every one.
    All,
    /// Those of an organizer.
    OwnedBy(i64),
}

/// Up to `limit` datasets, newest first, older than the dataset `before` where given.
pub fn list(
    connection: &mut DatabaseConnection,
    listed: Listed,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<DatasetLine>, DatabaseError> {
    let mut query = datasets::table
        .inner_join(users::table)
        .filter(datasets::id.lt(before.unwrap_or(i64::MAX)))
        .order(datasets::id.desc())
        .limit(limit)
        .select((
            datasets::id,
            datasets::slug,
            datasets::title,
            datasets::summary,
            datasets::licence,
            users::username,
        ))
        .into_boxed::<MultiBackend>();
    if let Listed::OwnedBy(owner) = listed {
        query = query.filter(datasets::owner_id.eq(owner));
    }
    let rows: Vec<(i64, String, String, String, String, String)> = query.load(connection)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    // Every file of every version of this page's datasets: few, and read by index.
    let files: Vec<(i64, i32, NaiveDateTime, String, i64, i64)> = releases::table
        .inner_join(release_files::table)
        .filter(releases::dataset_id.eq_any(ids))
        .order((releases::dataset_id, releases::version.desc()))
        .select((
            releases::dataset_id,
            releases::version,
            releases::published_at,
            release_files::path,
            release_files::bytes,
            release_files::row_count,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, slug, title, summary, licence, owner)| {
            let of_this = || files.iter().filter(move |file| file.0 == id);
            let &(_, version, published_at, ..) = of_this().next()?;
            let newest = || of_this().filter(move |file| file.1 == version);
            Some(DatasetLine {
                id,
                slug,
                title,
                summary,
                licence,
                owner,
                version,
                published_at: published_at.and_utc(),
                row_count: newest()
                    .filter(|file| file.3.ends_with(".csv"))
                    .map(|file| file.5)
                    .sum(),
                bytes: newest().map(|file| file.4).sum(),
            })
        })
        .collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = release_files, check_for_backend(MultiBackend))]
struct FileRow {
    path: String,
    media_type: String,
    description: String,
    sha256: String,
    bytes: i64,
    row_count: i64,
    summary: Json<TableSummary>,
}

impl From<FileRow> for ReleaseFile {
    fn from(row: FileRow) -> Self {
        Self {
            path: row.path,
            media_type: row.media_type,
            description: row.description,
            sha256: row.sha256,
            bytes: row.bytes,
            row_count: row.row_count,
            summary: row.summary.0,
        }
    }
}

/// The dataset of this address with the given release, or the newest.
pub fn find(
    connection: &mut DatabaseConnection,
    slug: &str,
    version: Option<i32>,
) -> Result<Option<DatasetDetail>, DatabaseError> {
    let mut query = releases::table
        .inner_join(datasets::table)
        .filter(datasets::slug.eq(slug))
        .order(releases::version.desc())
        .select(releases::id)
        .into_boxed::<MultiBackend>();
    if let Some(version) = version {
        query = query.filter(releases::version.eq(version));
    }
    match query.first::<i64>(connection).optional()? {
        Some(release_id) => find_release(connection, release_id),
        None => Ok(None),
    }
}

/// Two releases of a dataset to compare, the earlier first: by default the newest and the one before.
pub fn find_two(
    connection: &mut DatabaseConnection,
    slug: &str,
    from: Option<i32>,
    to: Option<i32>,
) -> Result<Option<(DatasetDetail, DatasetDetail)>, DatabaseError> {
    let Some(after) = find(connection, slug, to)? else {
        return Ok(None);
    };
    let from = from.unwrap_or(after.version - 1);
    let before = find(connection, slug, Some(from))?;
    Ok(before.map(|before| (before, after)))
}

/// A release by its row: what a challenge's data page shows.
pub fn find_release(
    connection: &mut DatabaseConnection,
    release_id: i64,
) -> Result<Option<DatasetDetail>, DatabaseError> {
    type Texts = (i64, String, String, String, String, String, String);
    type Terms = (String, String, Access);
    type Release = (
        i32,
        String,
        String,
        Json<ReleaseReport>,
        NaiveDateTime,
        Option<String>,
        Option<i64>,
        Identities,
    );
    let found: Option<(Texts, Terms, Release)> = releases::table
        .inner_join(datasets::table.inner_join(users::table))
        .filter(releases::id.eq(release_id))
        .select((
            (
                datasets::id,
                datasets::slug,
                datasets::title,
                datasets::summary,
                datasets::card,
                datasets::licence,
                users::username,
            ),
            (datasets::citation, datasets::doi, datasets::access),
            (
                releases::version,
                releases::notes,
                releases::policy,
                releases::report,
                releases::published_at,
                releases::override_reason,
                releases::overridden_by,
                releases::identities,
            ),
        ))
        .first(connection)
        .optional()?;
    let Some((texts, terms, release)) = found else {
        return Ok(None);
    };
    let (id, slug, title, summary, card, licence, owner) = texts;
    let (citation, doi, access) = terms;
    let (version, notes, policy, report, published_at, reason, admin, identities) = release;
    let overridden = match (reason, admin) {
        (Some(reason), Some(admin)) => Some(Overridden {
            by: users::table
                .find(admin)
                .select(users::username)
                .first(connection)?,
            reason,
        }),
        _ => None,
    };
    let files: Vec<FileRow> = release_files::table
        .filter(release_files::release_id.eq(release_id))
        .order(release_files::id)
        .select(FileRow::as_select())
        .load(connection)?;
    let versions: Vec<(i32, NaiveDateTime)> = releases::table
        .filter(releases::dataset_id.eq(id))
        .order(releases::version.desc())
        .select((releases::version, releases::published_at))
        .load(connection)?;
    Ok(Some(DatasetDetail {
        id,
        slug,
        title,
        summary,
        card,
        licence,
        owner,
        citation,
        doi,
        access,
        version,
        notes,
        policy,
        report: report.0,
        published_at: published_at.and_utc(),
        overridden,
        identities,
        files: files.into_iter().map(ReleaseFile::from).collect(),
        versions: versions
            .into_iter()
            .map(|(version, at)| (version, at.and_utc()))
            .collect(),
    }))
}

/// A file with what decides whether it may be downloaded.
#[derive(Debug, Clone)]
pub struct PublishedFile {
    /// The release that it was found in.
    pub version: i32,
    /// Who may download it.
    pub access: Access,
    /// The file.
    pub file: ReleaseFile,
}

/// The newest version of a dataset, if there is one of this name.
pub fn newest_version(
    connection: &mut DatabaseConnection,
    slug: &str,
) -> Result<Option<i32>, DatabaseError> {
    Ok(releases::table
        .inner_join(datasets::table)
        .filter(datasets::slug.eq(slug))
        .order(releases::version.desc())
        .select(releases::version)
        .first(connection)
        .optional()?)
}

/// A file of the given release, or of the newest that has it.
pub fn find_file(
    connection: &mut DatabaseConnection,
    slug: &str,
    version: Option<i32>,
    path: &str,
) -> Result<Option<PublishedFile>, DatabaseError> {
    let mut query = release_files::table
        .inner_join(releases::table.inner_join(datasets::table))
        .filter(datasets::slug.eq(slug))
        .filter(release_files::path.eq(path))
        .order(releases::version.desc())
        .select((releases::version, datasets::access, FileRow::as_select()))
        .into_boxed::<MultiBackend>();
    if let Some(version) = version {
        query = query.filter(releases::version.eq(version));
    }
    let row: Option<(i32, Access, FileRow)> = query.first(connection).optional()?;
    Ok(row.map(|(version, access, file)| PublishedFile {
        version,
        access,
        file: file.into(),
    }))
}

/// The contents of a release by their hashes: what its commit is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseContents {
    /// The release.
    pub version: i32,
    /// Name and SHA-256 of each file, in their order.
    pub files: Vec<(String, String)>,
}

/// Who publishes a dataset, and the contents of all of its releases, newest first; nothing for an
/// address that no dataset has.
pub fn find_contents(
    connection: &mut DatabaseConnection,
    slug: &str,
) -> Result<Option<(String, Vec<ReleaseContents>)>, DatabaseError> {
    let owner: Option<String> = datasets::table
        .inner_join(users::table)
        .filter(datasets::slug.eq(slug))
        .select(users::username)
        .first(connection)
        .optional()?;
    let Some(owner) = owner else {
        return Ok(None);
    };
    let rows: Vec<(i32, String, String)> = releases::table
        .inner_join(datasets::table)
        .inner_join(release_files::table)
        .filter(datasets::slug.eq(slug))
        .order((releases::version.desc(), release_files::id))
        .select((
            releases::version,
            release_files::path,
            release_files::sha256,
        ))
        .load(connection)?;
    let mut contents: Vec<ReleaseContents> = Vec::new();
    for (version, path, sha256) in rows {
        match contents.last_mut() {
            Some(last) if last.version == version => last.files.push((path, sha256)),
            _ => contents.push(ReleaseContents {
                version,
                files: vec![(path, sha256)],
            }),
        }
    }
    Ok(Some((owner, contents)))
}
