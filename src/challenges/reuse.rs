//! Using a challenge again: exporting it as a bundle, importing one, cloning it, keeping it as a template,
//! and completing a draft whose files were still missing.
//!
//! A clone is an export and an import without the zip between them. Whatever comes in is posted as a
//! draft through the same checks as any other ([`posting`]); what is refused leaves nothing behind.

use std::path::Path;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use tempfile::NamedTempFile;

use super::bundle::{
    self, Bundle, BundleError, Change, DatasetReference, FileRole, MissingFile, NotABundle,
    PhaseFiles,
};
use super::challenge::{self, Challenge, ChallengeError, Phase, find_managed_with_phases, invalid};
use super::codabench::{self, CodabenchError, NotCarried};
use super::draft::{ChallengeDraft, PhaseDraft};
use super::posting::{self, Posting};
use crate::accounts::permissions::Principal;
use crate::accounts::users::{Role, User};
use crate::datasets::catalogue;
use crate::platform::audit::{self, Act};
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, users};
use crate::platform::storage::{Area, Storage, StorageError};
use crate::scoring::intake::{self, ArchiveError};

/// The most templates that are listed.
const MOST_TEMPLATES: i64 = 100;

/// Why a challenge cannot be used again.
#[derive(Debug, thiserror::Error)]
pub enum ReuseError {
    /// It cannot be read, or what it becomes cannot be posted.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The bundle is refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The Codabench bundle is refused.
    #[error(transparent)]
    Codabench(#[from] CodabenchError),
    /// This machine's disk failed.
    #[error("a temporary file could not be read or written: {0}")]
    Io(#[from] std::io::Error),
}

impl ReuseError {
    /// Whether it is for the sender to mend; if not, this machine failed.
    pub fn is_senders(&self) -> bool {
        match self {
            Self::Challenge(error) => matches!(
                error,
                ChallengeError::Invalid { .. }
                    | ChallengeError::NotFound(_)
                    | ChallengeError::NotYours
            ),
            Self::Bundle(error) => error.is_senders(),
            Self::Codabench(error) => error.is_senders(),
            Self::Io(_) => false,
        }
    }
}

impl From<DatabaseError> for ReuseError {
    fn from(error: DatabaseError) -> Self {
        Self::Challenge(error.into())
    }
}

impl From<StorageError> for ReuseError {
    fn from(error: StorageError) -> Self {
        Self::Challenge(ChallengeError::Storage(error))
    }
}

impl From<ArchiveError> for ReuseError {
    fn from(error: ArchiveError) -> Self {
        Self::Bundle(error.into())
    }
}

/// What the phases of a posted challenge lack before it can be published.
pub fn missing_files(challenge: &Challenge, phases: &[Phase]) -> Vec<MissingFile> {
    let takes_models = challenge.kinds.iter().any(|kind| kind.is_model());
    let mut missing = Vec::new();
    for (index, phase) in phases.iter().enumerate() {
        for (role, is_missing) in [
            // No solution has no rows.
            (FileRole::Solution, phase.solution_rows == 0),
            (FileRole::Features, takes_models && phase.features.is_none()),
            (
                FileRole::Program,
                phase.metric.program().is_some() && phase.program_sha256.is_none(),
            ),
        ] {
            if is_missing {
                missing.push(MissingFile {
                    phase: index,
                    name: phase.name.clone(),
                    role,
                });
            }
        }
    }
    missing
}

/// A posted challenge, written again as its organizer would.
pub struct Written {
    /// The challenge.
    pub challenge: Challenge,
    /// Its phases in order.
    pub phases: Vec<Phase>,
    /// Its draft.
    pub draft: ChallengeDraft,
    /// The release that it works with.
    pub dataset: Option<DatasetReference>,
}

impl Written {
    /// What is still missing.
    pub fn missing(&self) -> Vec<MissingFile> {
        missing_files(&self.challenge, &self.phases)
    }
}

/// The challenge of this address as a draft, for whoever runs it.
///
/// # Errors
/// [`ChallengeError::NotFound`], or [`ChallengeError::NotYours`].
pub fn written(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    slug: &str,
) -> Result<Written, ChallengeError> {
    let (challenge, phases) = find_managed_with_phases(connection, principal, slug)?;
    let release = match challenge.release_id {
        Some(id) => catalogue::find_release(connection, id)?,
        None => None,
    };
    let draft = ChallengeDraft {
        slug: challenge.slug.clone(),
        title: challenge.title.clone(),
        tagline: challenge.tagline.clone(),
        dataset: release.as_ref().map(|release| release.slug.clone()),
        rates_drivers: challenge.rates_drivers,
        prediction_format: challenge.prediction_format.clone(),
        kinds: challenge.kinds.clone(),
        onnx: challenge.onnx.clone(),
        run_limits: challenge.run_limits.clone(),
        rules: challenge.rules.clone(),
        pages: challenge::pages(connection, challenge.id)?,
        prizes: challenge.prizes.clone(),
        eligibility: challenge.eligibility.clone(),
        time_zone: challenge.time_zone,
        joining: challenge.joining,
        max_team_size: challenge.max_team_size,
        teams_locked_at: challenge.teams_locked_at,
        final_selections: challenge.final_selections,
        phases: phases
            .iter()
            .map(|phase| {
                let shown = phase.features.as_ref().filter(|features| !features.hidden);
                let files = release.iter().flat_map(|release| &release.files);
                let features_file = shown.and_then(|features| {
                    let same = files
                        .into_iter()
                        .find(|file| file.sha256 == features.sha256);
                    same.map(|file| file.path.clone())
                });
                PhaseDraft {
                    name: phase.name.clone(),
                    starts_at: phase.starts_at,
                    ends_at: phase.ends_at,
                    metric: phase.metric.clone(),
                    submissions_per_day: phase.limits.per_day,
                    submissions_total: phase.limits.total,
                    max_bytes: phase.max_bytes,
                    solution: phase.solution_format.clone(),
                    features_hidden: phase.features.is_none()
                        || shown.is_none()
                        || features_file.is_some(),
                    features_file,
                    grace_minutes: u32::try_from(phase.grace.num_minutes()).unwrap_or_default(),
                    late: phase.late,
                    carry_over: phase.carry_over,
                    secondary_metrics: phase.secondary_metrics.clone(),
                    // Where there is no solution yet, nothing has decided it.
                    ladder: (phase.solution_rows > 0 || phase.ladder).then_some(phase.ladder),
                    public_digits: phase.public_digits,
                }
            })
            .collect(),
    };
    Ok(Written {
        dataset: release.map(|release| DatasetReference {
            slug: release.slug,
            version: release.version,
        }),
        challenge,
        phases,
        draft,
    })
}

/// Copies what a challenge's phases have in the store into a folder.
async fn gather(
    storage: &Storage,
    written: &Written,
    folder: &Path,
) -> Result<Vec<PhaseFiles>, StorageError> {
    let mut gathered = Vec::with_capacity(written.phases.len());
    for (index, (phase, draft)) in written.phases.iter().zip(&written.draft.phases).enumerate() {
        let mut files = PhaseFiles::default();
        let into = |name: &str| folder.join(format!("{index}-{name}"));
        if phase.solution_rows > 0 {
            let path = into("solution");
            storage
                .copy_to_file(Area::Hidden, &phase.solution_sha256, &path)
                .await?;
            files.solution = Some(path);
        }
        if let (Some(features), None) = (&phase.features, &draft.features_file) {
            let path = into("features");
            storage
                .copy_to_file(features.area(), &features.sha256, &path)
                .await?;
            files.features = Some(path);
        }
        if let Some(sha256) = &phase.program_sha256 {
            let path = into("program");
            storage.copy_to_file(Area::Hidden, sha256, &path).await?;
            files.program = Some(path);
        }
        gathered.push(files);
    }
    Ok(gathered)
}

/// A challenge as a bundle, hidden solutions and all: for its organizer. The act is audited before a byte
/// leaves.
///
/// # Errors
/// [`ReuseError`].
pub async fn export(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
) -> Result<NamedTempFile, ReuseError> {
    let (asker, asked) = (principal.clone(), slug.to_owned());
    let written = database
        .write(move |connection| {
            let found = written(connection, &asker, &asked)?;
            let act = Act {
                actor_id: asker.user().map(|user| user.id),
                action: "challenge.export",
                subject: &format!("challenge:{asked}"),
                challenge_id: Some(found.challenge.id),
                detail: "with the hidden solutions",
            };
            audit::record(connection, now, &act)?;
            Ok::<_, ChallengeError>(found)
        })
        .await?;
    let folder = tempfile::tempdir()?;
    let files = gather(storage, &written, folder.path()).await?;
    let bundle = Bundle {
        draft: written.draft,
        dataset: written.dataset,
        files,
    };
    in_background(move || {
        let zip = NamedTempFile::new()?;
        bundle::write(&bundle, std::io::BufWriter::new(zip.as_file()))?;
        drop(folder);
        Ok(zip)
    })
    .await
}

/// What came of an import, a clone or a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reused {
    /// The draft's address.
    pub slug: String,
    /// What it was made from, in words: `a Codabench bundle`.
    pub source: &'static str,
    /// What it still needs before it can be published.
    pub missing: Vec<MissingFile>,
    /// What was taken over, in words.
    pub carried: Vec<String>,
    /// What was not.
    pub not_carried: Vec<NotCarried>,
}

/// What an import was given.
enum Opened {
    Paddock(Box<Bundle>),
    Codabench(Box<codabench::Imported>),
}

/// Posts what a bundle holds as a draft: one that was exported here or elsewhere, or Codabench's. `seed`
/// draws the public rows where the bundle does not say which they are.
///
/// # Errors
/// [`ReuseError`], with nothing posted.
pub async fn import(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    owner: &User,
    zip: &Path,
    change: &Change,
    seed: u64,
) -> Result<Reused, ReuseError> {
    let scratch = tempfile::tempdir()?;
    let (zip, folder, slug) = (
        zip.to_owned(),
        scratch.path().to_owned(),
        change.slug.clone(),
    );
    let opened = in_background(move || {
        let unpacked = folder.join("bundle");
        let entries = intake::unpack(&zip, &unpacked, &bundle::limits())?;
        if bundle::is_bundle(&entries) {
            Ok(Opened::Paddock(Box::new(bundle::read(
                &unpacked, &entries,
            )?)))
        } else if codabench::is_bundle(&entries) {
            let options = codabench::Options { slug, now, seed };
            let imported = codabench::import(&unpacked, &entries, &folder.join("made"), &options)?;
            Ok(Opened::Codabench(Box::new(imported)))
        } else {
            Err(BundleError::from(NotABundle::new(&entries)).into())
        }
    })
    .await?;
    let (draft, files, reused) = match opened {
        Opened::Paddock(bundle) => {
            let draft = change.applied(bundle.draft)?;
            let not_carried = older_release(database, bundle.dataset).await?;
            let reused = Reused {
                slug: draft.slug.clone(),
                source: "a challenge bundle",
                missing: bundle::missing_files(&draft, &bundle.files),
                carried: vec!["everything that the bundle holds".to_owned()],
                not_carried,
            };
            (draft, bundle.files, reused)
        }
        Opened::Codabench(imported) => {
            let draft = change.applied(imported.draft)?;
            let reused = Reused {
                slug: draft.slug.clone(),
                source: "a Codabench bundle",
                missing: bundle::missing_files(&draft, &imported.files),
                carried: imported.carried,
                not_carried: imported.not_carried,
            };
            (draft, imported.files, reused)
        }
    };
    let posting = Posting {
        origin: format!("from {}", reused.source),
        ..Posting::default()
    };
    posting::post_phases(database, storage, now, owner, draft, files, posting).await?;
    Ok(reused)
}

/// Tells where the dataset here has another version than the bundle was made with.
async fn older_release(
    database: &Database,
    reference: Option<DatasetReference>,
) -> Result<Vec<NotCarried>, DatabaseError> {
    let Some(reference) = reference else {
        return Ok(Vec::new());
    };
    let slug = reference.slug.clone();
    let here = database
        .read(move |connection| catalogue::newest_version(connection, &slug))
        .await?;
    Ok(match here {
        Some(version) if version != reference.version => vec![NotCarried {
            what: format!(
                "version {} of the dataset {}",
                reference.version, reference.slug
            ),
            why: format!("the newest here is version {version}"),
            remedy: "see whether the solution belongs to it before you publish".to_owned(),
        }],
        _ => Vec::new(),
    })
}

/// What a clone is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloneRequest {
    /// How it differs; it needs an address of its own.
    pub change: Change,
    /// Whether solutions and features go along: only for whoever runs the challenge.
    pub with_solutions: bool,
    /// Whether it is to be a template.
    pub as_template: bool,
}

/// Posts a copy of a challenge as a draft, or as a template. Who may not run it, and may use it as a
/// template, gets neither its solutions and features nor the seed that draws its private rows, but `seed`.
///
/// # Errors
/// [`ReuseError`], with nothing posted.
pub async fn clone_challenge(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    request: &CloneRequest,
    seed: u64,
) -> Result<Reused, ReuseError> {
    let Some(user) = principal.user().cloned() else {
        return Err(ChallengeError::NotYours.into());
    };
    let (asker, asked) = (principal.clone(), slug.to_owned());
    let (written, is_own) = database
        .read(move |connection| {
            let shared = template_owner(connection, &asked)?;
            match (written(connection, &asker, &asked), shared) {
                (Err(ChallengeError::NotFound(_)), Some(owner)) => {
                    written(connection, &Principal::Browser(owner), &asked)
                        .map(|found| (found, false))
                }
                (found, _) => found.map(|found| (found, true)),
            }
        })
        .await?;
    let scratch = tempfile::tempdir()?;
    let mut files = gather(storage, &written, scratch.path()).await?;
    let mut draft = request.change.applied(written.draft)?;
    if draft.slug == slug {
        return Ok(invalid("slug", "the copy needs an address of its own")?);
    }
    if !(is_own && request.with_solutions) {
        for phase in &mut files {
            phase.solution = None;
            phase.features = None;
        }
    }
    if !is_own {
        draw_splits_anew(&mut draft, seed);
    }
    let reused = Reused {
        slug: draft.slug.clone(),
        source: "another challenge",
        missing: bundle::missing_files(&draft, &files),
        carried: Vec::new(),
        not_carried: Vec::new(),
    };
    let posting = Posting {
        is_template: request.as_template,
        replaces: None,
        origin: format!("copied from {slug}"),
    };
    posting::post_phases(database, storage, now, &user, draft, files, posting).await?;
    Ok(reused)
}

/// Gives every phase a seed of its own from which its public rows are drawn.
pub fn draw_splits_anew(draft: &mut ChallengeDraft, seed: u64) {
    for (phase, number) in draft.phases.iter_mut().zip(0_u64..) {
        phase.solution.split_seed = seed.wrapping_add(number);
    }
}

/// Takes the seeds out of a draft that is shown.
pub fn forget_splits(draft: &mut ChallengeDraft) {
    for phase in &mut draft.phases {
        phase.solution.split_seed = 0;
    }
}

/// Writes a draft anew and adds files to it: those that are sent stand in the place of what it had. A
/// phase without a `split_seed` keeps the one that it has.
///
/// # Errors
/// [`ReuseError`], with the draft as it was.
pub async fn complete(
    database: &Database,
    storage: &Storage,
    now: DateTime<Utc>,
    principal: &Principal,
    slug: &str,
    mut draft: ChallengeDraft,
    sent: Vec<PhaseFiles>,
) -> Result<Reused, ReuseError> {
    let Some(user) = principal.user().cloned() else {
        return Err(ChallengeError::NotYours.into());
    };
    let (asker, asked) = (principal.clone(), slug.to_owned());
    let written = database
        .read(move |connection| written(connection, &asker, &asked))
        .await?;
    let scratch = tempfile::tempdir()?;
    let mut files = gather(storage, &written, scratch.path()).await?;
    files.resize(draft.phases.len(), PhaseFiles::default());
    for (phase, known) in draft.phases.iter_mut().zip(&written.draft.phases) {
        if phase.solution.split_seed == 0 {
            phase.solution.split_seed = known.solution.split_seed;
        }
    }
    for (phase, (files, sent)) in draft.phases.iter().zip(files.iter_mut().zip(sent)) {
        let PhaseFiles {
            solution,
            features,
            program,
        } = sent;
        files.solution = solution.or(files.solution.take());
        files.features = features.or(files.features.take());
        files.program = program.or(files.program.take());
        let needs = |role| bundle::needs(draft.takes_models(), phase, role);
        if !needs(FileRole::Features) {
            files.features = None;
        }
        if !needs(FileRole::Program) {
            files.program = None;
        }
    }
    let reused = Reused {
        slug: draft.slug.clone(),
        source: "a draft",
        missing: bundle::missing_files(&draft, &files),
        carried: Vec::new(),
        not_carried: Vec::new(),
    };
    let posting = Posting {
        is_template: written.challenge.is_template,
        replaces: Some(written.challenge.id),
        origin: String::new(),
    };
    posting::post_phases(database, storage, now, &user, draft, files, posting).await?;
    Ok(reused)
}

/// The admin who shares this template; none where it is none, or an organizer's own.
fn template_owner(
    connection: &mut DatabaseConnection,
    slug: &str,
) -> Result<Option<User>, ChallengeError> {
    let owner: Option<(i64, String, Role)> = challenges::table
        .inner_join(users::table)
        .filter(challenges::slug.eq(slug))
        .filter(challenges::is_template.eq(true))
        .filter(users::role.eq(Role::Admin))
        .select((users::id, users::username, users::role))
        .first(connection)
        .optional()?;
    Ok(owner.map(|(id, username, role)| User { id, username, role }))
}

/// A template that somebody may begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateLine {
    /// Its address.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// What it asks.
    pub tagline: String,
    /// Whether an admin shares it.
    pub is_shared: bool,
}

/// The templates that a person may begin with: their own and those of the admins, newest first.
pub fn list_templates(
    connection: &mut DatabaseConnection,
    user: &User,
) -> Result<Vec<TemplateLine>, DatabaseError> {
    let rows: Vec<(String, String, String, i64)> = challenges::table
        .inner_join(users::table)
        .filter(challenges::is_template.eq(true))
        .filter(
            challenges::owner_id
                .eq(user.id)
                .or(users::role.eq(Role::Admin)),
        )
        .order(challenges::id.desc())
        .limit(MOST_TEMPLATES)
        .select((
            challenges::slug,
            challenges::title,
            challenges::tagline,
            challenges::owner_id,
        ))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(slug, title, tagline, owner_id)| TemplateLine {
            slug,
            title,
            tagline,
            is_shared: owner_id != user.id,
        })
        .collect())
}

/// Does what would hold up others on a thread of its own.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReuseError> + Send + 'static,
) -> Result<T, ReuseError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(DatabaseError::from)?
}
