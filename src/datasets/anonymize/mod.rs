//! Anonymize: from a table that names people to one that may be published.
//!
//! A [`Policy`] says of every column what happens to it; [`Anonymization`] learns what it needs in a
//! first pass over the table, finds the classes of look-alike subjects in a second, and writes in a
//! third. Memory grows with the distinct subjects and values and with the published laps, not with the
//! rows; what would is put aside in temporary files. [`gate`] then reads the *result* and refuses it where
//! it can show that a promise is broken.
//!
//! What this protects from, and what not:
//! - Pseudonymised data stays personal data. Lap order, lap count and the distribution of lap times
//!   name a driver to whoever holds public results; the columns here do not change that, and the gate
//!   says which attacks it has not measured.
//! - Rounding, noise and shifting in time protect nothing on their own.
//! - A pseudonym scoped to the whole release links a driver's events; scoped to the event it does not.
//! - k counts subjects. The same person under two spellings is two subjects: clean the names first.
//!
//! Start reading at [`policy`].

pub mod attacks;
mod classes;
pub mod differential_privacy;
pub mod gate;
mod generalisation;
pub mod k_anonymity;
mod laps;
pub mod pace_cells;
pub mod policy;
pub mod policy_text;
mod pseudonyms;
mod quantiles;
mod reordering;
mod spill;
mod statistics;
pub mod suggestion;
mod track;
pub mod track_frame;
mod transforms;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tables::{Batch, Column, Role, Schema, Table, TableError, Values};
use classes::{Classes, Resolution};
use differential_privacy::{DifferentialPrivacyError, PrivacyBudget};
use generalisation::{SearchedRows, Sensitive};
use k_anonymity::KAnonymityError;
use k_anonymity::hierarchy::HierarchyError;
use laps::PublishedLaps;
use pace_cells::PaceCellsError;
use policy::{Action, MINIMUM_FOR_MINORS, Policy, PolicyError, SmallClasses, TrackValue};
use pseudonyms::{Pseudonyms, push_part};
use reordering::Reordering;
use track::Samples;
use transforms::{SubjectNumber, Transform};

pub use generalisation::{GeneralisationReport, GeneralisedColumn};
pub use laps::LapsReport;
pub use pseudonyms::ReleaseKey;
pub use statistics::ColumnStatistics;

/// What stands in a text column for a quasi-identifier that is not shown.
pub const HIDDEN: &str = "*";

/// Years from which a subject is no minor.
const ADULT_AGE: f64 = 18.0;

/// A table that cannot be anonymized under its policy.
#[derive(Debug, thiserror::Error)]
pub enum AnonymizationError {
    #[error(transparent)]
    Table(#[from] TableError),

    #[error(transparent)]
    Policy(#[from] PolicyError),

    #[error(
        "the table has {found} subjects and the policy wants at least {wanted} in every class; \
         publish more subjects together"
    )]
    TooFewSubjects { found: u64, wanted: u64 },

    #[error(
        "no class of subjects is large enough, so nothing would be left; use wider bands, or fewer \
         quasi-identifiers by dropping columns"
    )]
    NothingLeft,

    #[error(
        "[laps]: no event has {cell_size} drivers with {quota} clean laps each, so no lap can be \
         published; lower the quota, widen `keep`, or publish more drivers together"
    )]
    NoLaps { quota: usize, cell_size: u64 },

    #[error(
        "row {row}: the \"{column}\" is below {ADULT_AGE}, and the policy says `minors = false`; say \
         `minors = true`, and at least {MINIMUM_FOR_MINORS} subjects will look alike"
    )]
    Minors { row: u64, column: String },

    #[error("column \"{column}\": {error}")]
    Hierarchy {
        column: String,
        error: HierarchyError,
    },

    #[error(
        "row {row}, column \"{column}\": the hierarchy has no row for \"{value}\"; add one as long as the \
         others, from \"{value}\" to \"{HIDDEN}\""
    )]
    UnknownValue {
        row: u64,
        column: String,
        value: String,
    },

    #[error("statistics: {0}")]
    DifferentialPrivacy(#[from] DifferentialPrivacyError),

    #[error("the search for levels: {0}")]
    KAnonymity(#[from] KAnonymityError),

    #[error("[laps]: {0}")]
    PaceCells(#[from] PaceCellsError),

    #[error("the table changed while it was being read; store it first, then anonymize it")]
    Changed,
}

/// What was done to a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnonymizationReport {
    pub policy_version: u32,
    /// k.
    pub minimum_class_size: u64,
    pub rows_in: u64,
    pub rows_out: u64,
    /// Rows left out because they name no subject: k cannot be counted for them.
    pub rows_without_subject: u64,
    pub subjects: u64,
    pub columns: Vec<ColumnReport>,
    /// Classes of subjects that look alike in the release; one class of all where the policy names no
    /// quasi-identifier.
    pub classes: u64,
    /// Subjects in the smallest of them.
    pub smallest_class: u64,
    pub suppressed: Suppressed,
    /// How the lap times were protected, where the policy says it.
    #[serde(default)]
    pub laps: Option<LapsReport>,
    /// The levels that a search chose, where quasi-identifiers are generalised.
    #[serde(default)]
    pub generalisation: Option<GeneralisationReport>,
    /// Of columns that are told of by statistics alone.
    #[serde(default)]
    pub statistics: Vec<ColumnStatistics>,
    /// ε of all statistics together, where there are any.
    #[serde(default)]
    pub epsilon_spent: Option<f64>,
}

/// What happened to a column of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnReport {
    pub name: String,
    /// The action in words, such as `band of 2`.
    pub action: String,
    pub quasi_identifier: bool,
}

/// What the classes below k cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suppressed {
    pub small_classes: SmallClasses,
    pub classes: u64,
    pub subjects: u64,
    pub rows: u64,
}

/// Who is behind a pseudonym: the subject's column and those that the policy marks with `identity`, by
/// their names, as the subject's first row has them.
pub type Identity = BTreeMap<String, String>;

/// Who is behind each pseudonym of a release. It is packed: a large release has hundreds of thousands.
#[derive(Debug, Default)]
pub struct IdentityTable {
    columns: Vec<String>,
    /// By pseudonym, a cell of each column.
    subjects: BTreeMap<String, Box<[Box<str>]>>,
}

impl IdentityTable {
    /// Each pseudonym and who it is, in the order of the pseudonyms.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Identity)> {
        let identity = |cells: &[Box<str>]| {
            let columns = self.columns.iter().cloned();
            let cells = cells.iter().map(|cell| cell.to_string());
            columns.zip(cells).collect()
        };
        let subjects = self.subjects.iter();
        subjects.map(move |(pseudonym, cells)| (pseudonym.as_str(), identity(cells)))
    }
}

/// A table with its policy, ready to be written.
pub struct Anonymization<'a> {
    table: &'a Table,
    policy: &'a Policy,
    subject: usize,
    quasi_identifiers: Vec<usize>,
    pseudonyms: Pseudonyms,
    transforms: Vec<Transform>,
    subjects: u64,
    resolution: Option<Resolution>,
    laps: Option<LapsReport>,
    generalisation: Option<GeneralisationReport>,
    statistics: Vec<ColumnStatistics>,
    epsilon_spent: Option<f64>,
    samples: Option<Samples>,
    published: Arc<Schema>,
}

impl<'a> Anonymization<'a> {
    /// Checks the policy against the table and learns from its rows: one pass, another where the policy
    /// names quasi-identifiers, and a third where it generalises them.
    ///
    /// # Errors
    /// [`AnonymizationError`], with nothing written.
    pub fn prepare(
        table: &'a Table,
        policy: &'a Policy,
        key: &ReleaseKey,
    ) -> Result<Anonymization<'a>, AnonymizationError> {
        let schema = table.schema();
        policy.check(schema)?;
        let transforms = transforms::transforms(policy, schema);
        let is_quasi_identifier = |column: &Column| {
            policy
                .column(&column.name)
                .is_some_and(|column| column.quasi_identifier)
        };
        let mut anonymization = Anonymization {
            table,
            policy,
            subject: schema.require(&policy.subject)?,
            quasi_identifiers: (0..schema.columns().len())
                .filter(|position| is_quasi_identifier(&schema.columns()[*position]))
                .collect(),
            pseudonyms: Pseudonyms::new(key),
            published: Arc::new(published_schema(policy, schema, &transforms)?),
            transforms,
            subjects: 0,
            resolution: None,
            laps: None,
            generalisation: None,
            statistics: Vec::new(),
            epsilon_spent: None,
            samples: match &policy.track {
                Some(track) => Some(Samples::new(track, schema)?),
                None => None,
            },
        };
        let numbers = anonymization.learn()?;
        anonymization.draw_frames(key);
        anonymization.publish_laps(key)?;
        anonymization.publish_statistics(key)?;
        let sensitive = anonymization.generalise(&numbers)?;
        if !anonymization.quasi_identifiers.is_empty() {
            anonymization.classify(&numbers, &sensitive)?;
        }
        Ok(anonymization)
    }

    /// The columns of the release.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.published
    }

    fn learn(&mut self) -> Result<HashMap<String, SubjectNumber>, AnonymizationError> {
        let mut numbers = HashMap::new();
        let mut first_row = 0;
        for batch in self.table.batches()? {
            let batch = batch?;
            for row in 0..batch.rows() {
                let subject = batch.column(self.subject).cell(row);
                if subject.is_missing() {
                    continue;
                }
                self.check_ages(&batch, first_row, row)?;
                if let Some(samples) = &mut self.samples {
                    samples.learn(&batch, first_row, row);
                }
                let next = numbers.len() as SubjectNumber;
                let subject = *numbers.entry(subject.to_string()).or_insert(next);
                for (position, transform) in self.transforms.iter_mut().enumerate() {
                    transform.learn(
                        &batch,
                        first_row,
                        row,
                        position,
                        subject,
                        &mut self.pseudonyms,
                    )?;
                }
            }
            first_row += batch.rows() as u64;
        }
        self.subjects = numbers.len() as u64;
        if self.subjects < self.policy.minimum_class_size {
            return Err(AnonymizationError::TooFewSubjects {
                found: self.subjects,
                wanted: self.policy.minimum_class_size,
            });
        }
        self.pseudonyms.settle();
        for transform in &mut self.transforms {
            transform.settle(self.policy.minimum_class_size);
        }
        Ok(numbers)
    }

    /// A policy that says that there are no minors is held to it.
    fn check_ages(
        &self,
        batch: &Batch,
        first_row: u64,
        row: usize,
    ) -> Result<(), AnonymizationError> {
        if self.policy.minors != Some(false) {
            return Ok(());
        }
        for (column, values) in batch.schema().columns().iter().zip(batch.columns()) {
            let is_age = column.name.eq_ignore_ascii_case("age");
            if is_age
                && values
                    .cell(row)
                    .as_number()
                    .is_some_and(|age| age < ADULT_AGE)
            {
                return Err(AnonymizationError::Minors {
                    row: first_row + row as u64 + 1,
                    column: column.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Draws what places the samples of telemetry.
    fn draw_frames(&mut self, key: &ReleaseKey) {
        if let Some(samples) = &mut self.samples {
            samples.settle(key);
        }
        let columns = self.table.schema().columns();
        for (column, transform) in columns.iter().zip(&mut self.transforms) {
            if let Transform::Channel { steps, .. } = transform {
                steps.settle(key, &column.name);
            }
        }
    }

    /// Whether a row of the table, counted from 0, is among the published laps or samples.
    fn is_chosen(&self, row: u64) -> bool {
        let laps = self.published_laps();
        laps.is_none_or(|laps| laps.place(row).is_some())
            && self
                .samples
                .as_ref()
                .is_none_or(|samples| samples.keeps(row))
    }

    /// Makes the published laps, where the policy has lap times.
    fn publish_laps(&mut self, key: &ReleaseKey) -> Result<(), AnonymizationError> {
        let Some(policy) = &self.policy.laps else {
            return Ok(());
        };
        for transform in &mut self.transforms {
            if let Transform::Pace {
                collected,
                published,
                ..
            } = transform
            {
                let collected = std::mem::take(collected);
                let cell_size = self.policy.minimum_class_size;
                let mut rng = key.generator("pace cells");
                let (laps, report) = collected.publish(policy, cell_size, &mut rng)?;
                if laps.len() == 0 {
                    return Err(AnonymizationError::NoLaps {
                        quota: policy.quota,
                        cell_size,
                    });
                }
                (*published, self.laps) = (laps, Some(report));
            }
        }
        Ok(())
    }

    /// Draws the statistics, where the policy tells any, from one budget.
    fn publish_statistics(&mut self, key: &ReleaseKey) -> Result<(), AnonymizationError> {
        let Some(total) = self.policy.epsilon().transpose()? else {
            return Ok(());
        };
        let mut budget = PrivacyBudget::new(total);
        let mut rng = key.generator("statistics");
        let columns = self.table.schema().columns();
        for (column, transform) in columns.iter().zip(&mut self.transforms) {
            let stated = self.policy.column(&column.name);
            if let Transform::Statistics { collected } = transform
                && let Some(stated) = stated
                && let Action::Statistics(policy) = &stated.action
            {
                let unit = stated.unit.as_deref().or(column.unit.as_deref());
                let named = (column.name.as_str(), unit);
                let collected = std::mem::take(collected);
                let statistics = collected.publish(named, policy, &mut budget, &mut rng)?;
                self.statistics.push(statistics);
            }
        }
        self.epsilon_spent = Some(total.value());
        Ok(())
    }

    /// The laps that are published, where the policy has lap times: all rows otherwise.
    fn published_laps(&self) -> Option<&PublishedLaps> {
        self.transforms
            .iter()
            .find_map(|transform| match transform {
                Transform::Pace { published, .. } => Some(published),
                _ => None,
            })
    }

    /// Searches the levels of the quasi-identifiers, where the policy generalises them; returns what
    /// their classes are judged by.
    fn generalise(
        &mut self,
        numbers: &HashMap<String, SubjectNumber>,
    ) -> Result<Sensitive, AnonymizationError> {
        let searched = SearchedRows::new(self.policy, self.table.schema(), &self.transforms)?;
        let Some(mut searched) = searched else {
            return Ok(Sensitive::default());
        };
        let mut first_row = 0;
        for batch in self.table.batches()? {
            let batch = batch?;
            for row in 0..batch.rows() {
                let subject = batch.column(self.subject).cell(row);
                if subject.is_missing() {
                    continue;
                }
                let number = numbers
                    .get(&subject.to_string())
                    .ok_or(AnonymizationError::Changed)?;
                let is_published = self.is_chosen(first_row + row as u64);
                searched.add(&batch, first_row, row, (*number, subject), is_published)?;
            }
            first_row += batch.rows() as u64;
        }
        let (report, sensitive) = searched.search(self.policy, &mut self.transforms)?;
        self.generalisation = Some(report);
        Ok(sensitive)
    }

    fn classify(
        &mut self,
        numbers: &HashMap<String, SubjectNumber>,
        sensitive: &Sensitive,
    ) -> Result<(), AnonymizationError> {
        let mut classes = Classes::default();
        let mut first_row = 0;
        for batch in self.table.batches()? {
            let batch = batch?;
            let seen = self.seen(&batch, first_row)?;
            for row in 0..batch.rows() {
                let subject = batch.column(self.subject).cell(row);
                let number = first_row + row as u64;
                if subject.is_missing() || !self.is_chosen(number) {
                    continue;
                }
                let subject = numbers
                    .get(&subject.to_string())
                    .ok_or(AnonymizationError::Changed)?;
                classes.add(*subject, seen.unit(row), seen.combination(row));
            }
            first_row += batch.rows() as u64;
        }
        let resolution = classes.resolve_by(
            self.policy.minimum_class_size,
            self.policy.small_classes,
            |subjects| sensitive.fulfils(subjects),
        );
        if resolution.smallest.is_none() {
            return Err(AnonymizationError::NothingLeft);
        }
        self.resolution = Some(resolution);
        Ok(())
    }

    /// What an attacker would see of each row.
    fn seen(&self, batch: &Batch, first_row: u64) -> Result<Seen, AnonymizationError> {
        let published = |position: usize| {
            self.transforms[position].apply(
                batch,
                first_row,
                position,
                &self.pseudonyms,
                self.samples.as_ref(),
            )
        };
        Ok(Seen {
            unit: published(self.subject)?,
            quasi_identifiers: self
                .quasi_identifiers
                .iter()
                .filter_map(|position| published(*position).transpose())
                .collect::<Result<_, _>>()?,
        })
    }

    /// Passes over the table and hands the rows of the release to `sink`, in the order of the table, or in
    /// none where the order of laps would tell. The same table, policy and key give the same rows.
    ///
    /// # Errors
    /// [`AnonymizationError`]; what was written by then is not a release.
    pub fn write(
        &self,
        mut sink: impl FnMut(&Batch) -> Result<(), TableError>,
    ) -> Result<AnonymizationReport, AnonymizationError> {
        let mut report = self.report();
        let drops = self.policy.small_classes == SmallClasses::Drop;
        let laps = self.published_laps();
        let mut reordering = laps.map(|_| Reordering::new(&self.published));
        let mut first_row = 0;
        for batch in self.table.batches()? {
            let batch = batch?;
            let seen = self.seen(&batch, first_row)?;
            let mut places = Vec::new();
            let mut kept = vec![true; batch.rows()];
            let mut hidden = vec![false; batch.rows()];
            for row in 0..batch.rows() {
                let place = laps.map(|laps| laps.place(first_row + row as u64));
                if batch.column(self.subject).cell(row).is_missing() {
                    report.rows_without_subject += 1;
                    kept[row] = false;
                } else if !self.is_chosen(first_row + row as u64) {
                    kept[row] = false;
                } else if let Some(resolution) = &self.resolution {
                    hidden[row] =
                        resolution.hides(seen.unit(row).as_deref(), &seen.combination(row));
                    report.suppressed.rows += u64::from(hidden[row]);
                    kept[row] = !(hidden[row] && drops);
                }
                if let (Some(Some(place)), true) = (place, kept[row]) {
                    places.push(place);
                }
            }
            let mut columns = Vec::with_capacity(self.published.columns().len());
            for (position, transform) in self.transforms.iter().enumerate() {
                let values = transform.apply(
                    &batch,
                    first_row,
                    position,
                    &self.pseudonyms,
                    self.samples.as_ref(),
                )?;
                let Some(mut values) = values else {
                    continue;
                };
                if self.quasi_identifiers.contains(&position) {
                    hide(&mut values, &hidden);
                }
                columns.push(values.filter(&kept));
            }
            let published = Batch::new(self.published.clone(), columns)?;
            report.rows_in += batch.rows() as u64;
            report.rows_out += published.rows() as u64;
            first_row += batch.rows() as u64;
            match &mut reordering {
                _ if published.rows() == 0 => {}
                Some(reordering) => reordering.add(&published, &places)?,
                None => sink(&published)?,
            }
        }
        if let Some(reordering) = reordering {
            reordering.finish(sink)?;
        }
        Ok(report)
    }

    /// Who is behind each pseudonym of the release, for the vault. Empty where no subject is published.
    ///
    /// # Errors
    /// [`AnonymizationError`] when the table cannot be read again or has changed.
    pub fn identities(&self) -> Result<IdentityTable, AnonymizationError> {
        let columns = self.table.schema().columns();
        let is_identity = |column: &Column| {
            let stated = self.policy.column(&column.name);
            stated.is_some_and(|stated| stated.identity || stated.name == self.policy.subject)
        };
        let told: Vec<usize> = (0..columns.len())
            .filter(|position| is_identity(&columns[*position]))
            .collect();
        let mut identities = IdentityTable::default();
        let names = told.iter().map(|position| columns[*position].name.clone());
        identities.columns = names.collect();
        let mut first_row = 0;
        for batch in self.table.batches()? {
            let batch = batch?;
            let Some(units) = self.seen(&batch, first_row)?.unit else {
                return Ok(identities);
            };
            for row in 0..batch.rows() {
                let unit = units.cell(row);
                if unit.is_missing() || identities.subjects.contains_key(&unit.to_string()) {
                    continue;
                }
                let cell = |position: &usize| batch.column(*position).cell(row).to_string().into();
                let cells = told.iter().map(cell);
                let subjects = &mut identities.subjects;
                subjects.insert(unit.to_string(), cells.collect());
            }
            first_row += batch.rows() as u64;
        }
        Ok(identities)
    }

    fn report(&self) -> AnonymizationReport {
        let columns = self.policy.columns.iter();
        let resolution = self.resolution.as_ref();
        AnonymizationReport {
            policy_version: policy::POLICY_VERSION,
            minimum_class_size: self.policy.minimum_class_size,
            rows_in: 0,
            rows_out: 0,
            rows_without_subject: 0,
            subjects: self.subjects,
            columns: columns
                .map(|column| ColumnReport {
                    name: column.name.clone(),
                    action: column.action.to_string(),
                    quasi_identifier: column.quasi_identifier,
                })
                .collect(),
            classes: resolution.map_or(1, |resolution| resolution.classes),
            smallest_class: resolution
                .and_then(|resolution| resolution.smallest)
                .unwrap_or(self.subjects),
            suppressed: Suppressed {
                small_classes: self.policy.small_classes,
                classes: resolution.map_or(0, |resolution| resolution.hidden_classes),
                subjects: resolution.map_or(0, |resolution| resolution.hidden_subjects),
                rows: 0,
            },
            laps: self.laps.clone(),
            generalisation: self.generalisation.clone(),
            statistics: self.statistics.clone(),
            epsilon_spent: self.epsilon_spent,
        }
    }
}

/// The published subject and quasi-identifiers of a batch.
struct Seen {
    unit: Option<Values>,
    quasi_identifiers: Vec<Values>,
}

impl Seen {
    fn unit(&self, row: usize) -> Option<String> {
        self.unit
            .as_ref()
            .map(|values| values.cell(row).to_string())
    }

    fn combination(&self, row: usize) -> Vec<u8> {
        combination(&self.quasi_identifiers, row)
    }
}

/// The cells of a row as bytes that are equal when the cells are.
fn combination<'v>(columns: impl IntoIterator<Item = &'v Values>, row: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for values in columns {
        push_part(&mut bytes, &values.cell(row).to_string());
    }
    bytes
}

fn hide(values: &mut Values, hidden: &[bool]) {
    fn clear<T>(cells: &mut [Option<T>], hidden: &[bool], instead: impl Fn() -> Option<T>) {
        for (cell, _) in cells.iter_mut().zip(hidden).filter(|(_, hidden)| **hidden) {
            *cell = instead();
        }
    }
    match values {
        Values::Integer(cells) => clear(cells, hidden, || None),
        Values::Number(cells) => clear(cells, hidden, || None),
        Values::Text(cells) => clear(cells, hidden, || Some(HIDDEN.to_owned())),
        Values::Boolean(cells) => clear(cells, hidden, || None),
        Values::Date(cells) => clear(cells, hidden, || None),
    }
}

fn published_schema(
    policy: &Policy,
    schema: &Schema,
    transforms: &[Transform],
) -> Result<Schema, TableError> {
    let mut columns = Vec::new();
    for (column, transform) in schema.columns().iter().zip(transforms) {
        let stated = policy.column(&column.name);
        let (Some(kind), Some(stated)) = (transform.published_type(column.kind), stated) else {
            continue;
        };
        columns.push(Column {
            name: transform
                .published_name()
                .map_or_else(|| column.name.clone(), str::to_owned),
            kind,
            unit: stated.unit.clone().or_else(|| match stated.action {
                Action::Keep | Action::Round { .. } | Action::Track(TrackValue::Channel(_)) => {
                    column.unit.clone()
                }
                Action::Track(TrackValue::Position) => Some("m".to_owned()),
                _ => None,
            }),
            description: stated
                .description
                .clone()
                .or_else(|| column.description.clone()),
            role: match stated {
                stated if stated.name == policy.subject => Role::Subject,
                stated if stated.quasi_identifier => Role::QuasiIdentifier,
                _ => column.role,
            },
        });
    }
    Schema::new(columns)
}
