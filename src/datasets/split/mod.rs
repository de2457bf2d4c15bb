//! Cuts a table for a challenge: training rows that are published whole, test rows that are published
//! without what is to be predicted, and the hidden solution.
//!
//! Whether a row is a test row, and whether it counts for the public or the private leaderboard, is
//! decided by an HMAC of the row or its group under the seed: the same seed cuts the same way on every
//! machine, and without it nobody can tell the private rows. So the seed is drawn at random and kept
//! with the solution.
//!
//! Rows of one group (a driver, a stint) resemble each other. Where a challenge is about new groups,
//! cut by group; otherwise the training rows give the test rows away.

mod draw;
mod plan;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tables::{Batch, Cell, Column, ColumnType, Role, Schema, Table, TableError, Values};

pub use plan::{Bound, PublicPart, SplitPlan, TestRows};

use draw::Seed;

/// The column of a solution that says which part a row belongs to.
pub const SPLIT_COLUMN: &str = "split";

/// A table that cannot be cut as planned.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error(transparent)]
    Table(#[from] TableError),

    #[error("{field} is {value}; it must lie between 0 and 1")]
    Fraction { field: &'static str, value: f64 },

    #[error("no target is named; name the column to predict")]
    NoTarget,

    #[error("column \"{column}\" is named as a target and again elsewhere in the plan; {remedy}")]
    Conflict {
        column: String,
        remedy: &'static str,
    },

    #[error("column \"{column}\" holds {kind} and cannot be compared with {bound}")]
    Bound {
        column: String,
        kind: ColumnType,
        bound: String,
    },

    #[error("the cut leaves no {part} rows; change the fraction or the bound")]
    NoRows { part: &'static str },
}

/// How many rows went where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SplitReport {
    pub training_rows: u64,
    pub public_rows: u64,
    pub private_rows: u64,
    /// Test rows left out, because a target is missing and they could not be scored.
    pub test_rows_without_target: u64,
}

/// A table with a plan, ready to be cut.
pub struct Split<'a> {
    table: &'a Table,
    seed: Seed,
    rule: Rule,
    public: PublicRule,
    targets: Vec<usize>,
    /// Positions of the columns that the test table shows.
    shown: Vec<usize>,
    training: Arc<Schema>,
    test: Arc<Schema>,
    solution: Arc<Schema>,
}

enum Rule {
    Fraction(f64),
    Groups {
        column: usize,
        test: HashSet<String>,
    },
    After {
        column: usize,
        last_training: Owned,
    },
}

/// A bound in the type of its column.
enum Owned {
    Integer(i64),
    Number(f64),
    Text(String),
    Date(chrono::NaiveDate),
}

enum PublicRule {
    Rows(f64),
    Groups {
        column: usize,
        public: HashSet<String>,
    },
}

impl<'a> Split<'a> {
    /// Checks the plan against the table; where groups are drawn, passes over it to find them.
    ///
    /// # Errors
    /// [`SplitError`], with nothing written.
    pub fn prepare(table: &'a Table, plan: &SplitPlan) -> Result<Split<'a>, SplitError> {
        let schema = table.schema();
        plan.check_fractions()?;
        if plan.targets.is_empty() {
            return Err(SplitError::NoTarget);
        }
        let conflict = |column: &str, remedy| SplitError::Conflict {
            column: column.to_owned(),
            remedy,
        };
        let mut targets = Vec::new();
        for name in &plan.targets {
            let position = schema.require(name)?;
            if targets.contains(&position) {
                return Err(conflict(name, "name it once"));
            }
            targets.push(position);
        }
        let mut withheld = Vec::new();
        for name in &plan.withheld {
            let position = schema.require(name)?;
            if targets.contains(&position) {
                return Err(conflict(name, "a target is withheld anyway"));
            }
            withheld.push(position);
        }
        let mut split = Split {
            table,
            seed: Seed::new(plan.seed),
            rule: rule(schema, &plan.test)?,
            public: match &plan.public.group {
                None => PublicRule::Rows(plan.public.fraction),
                Some(column) => PublicRule::Groups {
                    column: schema.require(column)?,
                    public: HashSet::new(),
                },
            },
            shown: (0..schema.columns().len())
                .filter(|position| !targets.contains(position) && !withheld.contains(position))
                .collect(),
            training: Arc::new(training_schema(schema, &targets)?),
            test: schema.clone(),
            solution: schema.clone(),
            targets,
        };
        let (test, solution) = split.test_schemas(&plan.id)?;
        split.test = Arc::new(test);
        split.solution = Arc::new(solution);
        split.draw_groups(plan)?;
        Ok(split)
    }

    /// The columns of the training table: all of them.
    pub fn training_schema(&self) -> &Arc<Schema> {
        &self.training
    }

    /// The columns of the test table: the id, then all but the targets and the withheld ones.
    pub fn test_schema(&self) -> &Arc<Schema> {
        &self.test
    }

    /// The columns of the solution: the id, the targets, and `split` with `public` or `private`.
    pub fn solution_schema(&self) -> &Arc<Schema> {
        &self.solution
    }

    fn test_schemas(&self, id: &str) -> Result<(Schema, Schema), TableError> {
        let columns = self.training.columns();
        let id = Column {
            role: Role::Id,
            ..Column::new(id, ColumnType::Integer)
        };
        let shown = self.shown.iter().map(|position| columns[*position].clone());
        let targets = self
            .targets
            .iter()
            .map(|position| columns[*position].clone());
        let test = [id.clone()].into_iter().chain(shown).collect();
        let solution = [id]
            .into_iter()
            .chain(targets)
            .chain([Column::new(SPLIT_COLUMN, ColumnType::Text)])
            .collect();
        Ok((Schema::new(test)?, Schema::new(solution)?))
    }

    fn draw_groups(&mut self, plan: &SplitPlan) -> Result<(), SplitError> {
        if let (Rule::Groups { column, test }, TestRows::Groups { fraction, .. }) =
            (&mut self.rule, &plan.test)
        {
            let mut groups = BTreeSet::new();
            for batch in self.table.batches()? {
                let batch = batch?;
                let cells = (0..batch.rows()).map(|row| batch.column(*column).cell(row));
                groups.extend(cells.map(|cell| cell.to_string()));
            }
            if groups.len() < 2 {
                return Err(SplitError::NoRows { part: "training" });
            }
            *test = self.seed.choose("test", groups, *fraction);
        }
        if let PublicRule::Groups { column, .. } = &self.public {
            let column = *column;
            let mut groups = BTreeSet::new();
            self.each_batch(|batch, parts| {
                let rows = (0..batch.rows()).filter(|row| parts[*row] == Part::Test);
                groups.extend(rows.map(|row| batch.column(column).cell(row).to_string()));
                Ok(())
            })?;
            if groups.len() < 2 {
                return Err(SplitError::NoRows { part: "private" });
            }
            let chosen = self.seed.choose("public", groups, plan.public.fraction);
            if let PublicRule::Groups { public, .. } = &mut self.public {
                *public = chosen;
            }
        }
        Ok(())
    }

    /// Passes over the table and says of every row which part it belongs to.
    fn each_batch(
        &self,
        mut visit: impl FnMut(&Batch, &[Part]) -> Result<(), SplitError>,
    ) -> Result<(), SplitError> {
        let mut number = 0;
        for batch in self.table.batches()? {
            let batch = batch?;
            let mut parts = Vec::with_capacity(batch.rows());
            for row in 0..batch.rows() {
                let scorable = || {
                    let mut targets = self.targets.iter();
                    targets.all(|target| !batch.column(*target).cell(row).is_missing())
                };
                parts.push(match self.is_test(&batch, row, number + row as u64) {
                    false => Part::Training,
                    true if scorable() => Part::Test,
                    true => Part::Unscorable,
                });
            }
            number += batch.rows() as u64;
            visit(&batch, &parts)?;
        }
        Ok(())
    }

    fn is_test(&self, batch: &Batch, row: usize, number: u64) -> bool {
        match &self.rule {
            Rule::Fraction(fraction) => self.seed.chance("test", number, *fraction),
            Rule::Groups { column, test } => {
                test.contains(&batch.column(*column).cell(row).to_string())
            }
            Rule::After {
                column,
                last_training,
            } => {
                let last = match last_training {
                    Owned::Integer(value) => Cell::Integer(*value),
                    Owned::Number(value) => Cell::Number(*value),
                    Owned::Text(value) => Cell::Text(value),
                    Owned::Date(value) => Cell::Date(*value),
                };
                let cell = batch.column(*column).cell(row);
                !cell.is_missing() && cell.compare(&last).is_gt()
            }
        }
    }

    /// Passes over the table and hands every part to its sink.
    ///
    /// # Errors
    /// [`SplitError`], also when a part remains without rows; what was written by then is no split.
    pub fn write(
        &self,
        mut training: impl FnMut(&Batch) -> Result<(), TableError>,
        mut test: impl FnMut(&Batch) -> Result<(), TableError>,
        mut solution: impl FnMut(&Batch) -> Result<(), TableError>,
    ) -> Result<SplitReport, SplitError> {
        let mut report = SplitReport::default();
        let mut tests = 0u64;
        self.each_batch(|batch, parts| {
            let is = |part: Part| parts.iter().map(|p| *p == part).collect::<Vec<_>>();
            let (in_training, in_test) = (is(Part::Training), is(Part::Test));
            let trained = batch.columns().iter().map(|v| v.filter(&in_training));
            let trained = Batch::new(self.training.clone(), trained.collect())?;
            report.training_rows += trained.rows() as u64;
            report.test_rows_without_target += parts
                .iter()
                .filter(|part| **part == Part::Unscorable)
                .count() as u64;
            if trained.rows() > 0 {
                training(&trained)?;
            }

            let mut ids = Vec::new();
            let mut splits = Vec::new();
            for row in (0..batch.rows()).filter(|row| in_test[*row]) {
                tests += 1;
                ids.push(Some(tests as i64));
                let public = match &self.public {
                    PublicRule::Rows(fraction) => self.seed.chance("public", tests, *fraction),
                    PublicRule::Groups { column, public } => {
                        public.contains(&batch.column(*column).cell(row).to_string())
                    }
                };
                report.public_rows += u64::from(public);
                report.private_rows += u64::from(!public);
                splits.push(Some(if public { "public" } else { "private" }.to_owned()));
            }
            if ids.is_empty() {
                return Ok(());
            }
            let chosen = |positions: &[usize]| -> Vec<Values> {
                let columns = positions.iter();
                columns
                    .map(|position| batch.column(*position).filter(&in_test))
                    .collect()
            };
            let mut columns = vec![Values::Integer(ids.clone())];
            columns.extend(chosen(&self.shown));
            test(&Batch::new(self.test.clone(), columns)?)?;
            let mut columns = vec![Values::Integer(ids)];
            columns.extend(chosen(&self.targets));
            columns.push(Values::Text(splits));
            solution(&Batch::new(self.solution.clone(), columns)?)?;
            Ok(())
        })?;
        let parts = [
            ("training", report.training_rows),
            ("public test", report.public_rows),
            ("private test", report.private_rows),
        ];
        match parts.into_iter().find(|(_, rows)| *rows == 0) {
            Some((part, _)) => Err(SplitError::NoRows { part }),
            None => Ok(report),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Training,
    Test,
    /// A test row with a missing target.
    Unscorable,
}

fn training_schema(schema: &Schema, targets: &[usize]) -> Result<Schema, TableError> {
    let mut columns = schema.columns().to_vec();
    for target in targets {
        columns[*target].role = Role::Target;
    }
    Schema::new(columns)
}

fn rule(schema: &Schema, test: &TestRows) -> Result<Rule, SplitError> {
    Ok(match test {
        TestRows::Fraction(fraction) => Rule::Fraction(*fraction),
        TestRows::Groups { column, .. } => Rule::Groups {
            column: schema.require(column)?,
            test: HashSet::new(),
        },
        TestRows::After {
            column,
            last_training,
        } => {
            let position = schema.require(column)?;
            let kind = schema.columns()[position].kind;
            let bound = match (kind, last_training) {
                (ColumnType::Integer | ColumnType::Number, Bound::Integer(value)) => {
                    Some(Owned::Integer(*value))
                }
                (ColumnType::Integer | ColumnType::Number, Bound::Number(value)) => {
                    value.is_finite().then_some(Owned::Number(*value))
                }
                (ColumnType::Date, Bound::Text(text)) => text.parse().ok().map(Owned::Date),
                (ColumnType::Text, Bound::Text(text)) => Some(Owned::Text(text.clone())),
                _ => None,
            };
            let last_training = bound.ok_or_else(|| SplitError::Bound {
                column: column.clone(),
                kind,
                bound: match last_training {
                    Bound::Integer(value) => value.to_string(),
                    Bound::Number(value) => value.to_string(),
                    Bound::Text(text) => format!("\"{text}\""),
                },
            })?;
            Rule::After {
                column: position,
                last_training,
            }
        }
    })
}

#[cfg(test)]
mod tests;
