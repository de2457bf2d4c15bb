//! The tasks of a competition: which solution, scoring program and form of predictions they give.

use std::path::Path;

use super::competition::{PhaseEntry, TaskEntry};
use super::draft::Import;
use super::program::{self, Program};
use super::reference::{self, Table};
use super::{CodabenchError, Found};
use crate::challenges::bundle::PhaseFiles;
use crate::scoring::intake::{self, ArchiveLimits};
use crate::scoring::predictions::{ColumnKind, PredictionColumn, PredictionFormat};
use crate::scoring::solution::{SolutionFormat, TargetKind};
use crate::scoring::worker::SolutionSpec;

/// The share of rows on the public board: Codabench has one board for all of them.
const PUBLIC_FRACTION: f64 = 0.5;

/// What a phase's task gave.
pub(super) struct OfTask {
    pub(super) table: Option<Table>,
    pub(super) files: PhaseFiles,
}

impl Import<'_> {
    /// The first task of a phase: its reference data and its scoring program.
    pub(super) fn task(&mut self, index: usize) -> Result<OfTask, CodabenchError> {
        let competition = self.competition;
        let phase = &competition.phases[index];
        let of_index = |wanted: i64| competition.tasks.iter().find(|task| task.index == wanted);
        let Some(first) = phase.tasks.first() else {
            return Err(CodabenchError::Field {
                field: format!("{}.tasks", phase.field),
                problem: "a phase needs a task".to_owned(),
            });
        };
        let task = of_index(*first).ok_or_else(|| CodabenchError::Field {
            field: format!("{}.tasks", phase.field),
            problem: format!("there is no task of index {first}"),
        })?;
        for other in phase
            .tasks
            .iter()
            .skip(1)
            .filter_map(|index| of_index(*index))
        {
            self.leave(
                format!("the task {} of the phase {}", other.name, phase.name),
                "a phase has one solution and one scoring program",
                "join the reference data, or make it a phase or challenge of its own",
            );
        }
        if !phase.description.is_empty() {
            self.leave(
                format!("the description of the phase {}", phase.name),
                "phases have a name and no text",
                "say it on a page",
            );
        }
        for (file, what, remedy) in [
            (
                &phase.public_data,
                "public data",
                "publish it as a dataset, and name that in `dataset`",
            ),
            (
                &phase.starting_kit,
                "starting kit",
                "every challenge has starter kits of its own; put what is special into a dataset's file or on a page",
            ),
        ] {
            if let Some(file) = file {
                let why = "competitors' files come from a dataset here, whose every column has passed the anonymization";
                self.leave(format!("the {what} {}", file.path), why, remedy);
            }
        }
        self.code_submissions(task);
        let made = self.made.join(format!("{index}"));
        std::fs::create_dir_all(&made)?;
        let table = self.solution(phase, task, &made)?;
        let program = self.program(phase, task, &made, table.as_ref())?;
        Ok(OfTask {
            files: PhaseFiles {
                solution: table.as_ref().map(|table| table.path.clone()),
                features: None,
                program,
            },
            table,
        })
    }

    fn code_submissions(&mut self, task: &TaskEntry) {
        if let Some(ingestion) = &task.ingestion_program {
            self.leave(
                format!("the ingestion program {}", ingestion.path),
                "the platform itself runs competitors' code: a zip with `main.py` (`main.py FEATURES OUTPUT`) or \
                 `submission.py` (`class Model`)",
                "add `python` to `kinds` and send the features; the starter kit shows competitors the form of their \
                 code. A score that it measured, such as a duration, is no longer there for the scoring program",
            );
        }
        if let Some(input) = &task.input_data {
            self.leave(
                format!("the input data {}", input.path),
                "models predict from one table with a row for each row of the solution",
                "where code is to be sent, send that table as the phase's features",
            );
        }
    }

    fn solution(
        &mut self,
        phase: &PhaseEntry,
        task: &TaskEntry,
        made: &Path,
    ) -> Result<Option<Table>, CodabenchError> {
        let remedy = format!(
            "send the solution of the phase {}: a CSV file with a column of ids and one of the truth",
            phase.name
        );
        let Some(reference) = &task.reference_data else {
            let what = format!("a solution for the phase {}", phase.name);
            self.leave(what, "the task has no reference data", remedy);
            return Ok(None);
        };
        let folder = match self.files.find(&reference.path) {
            Some(Found::File(zip)) if is_zip(&zip)? => {
                let unpacked = made.join("reference");
                intake::unpack(&zip, &unpacked, &ArchiveLimits::default()).map_err(|error| {
                    CodabenchError::Archive {
                        file: reference.path.clone(),
                        error,
                    }
                })?;
                unpacked
            }
            Some(Found::File(path) | Found::Folder(path)) => path,
            None => return Ok(None), // every file was found before
        };
        match reference::find_table(&folder, &made.join("solution.csv"))? {
            Ok(table) => {
                self.carried.push(format!(
                    "the solution of the phase {}: `{}`, with the ids in `{}` and the truth in `{}`",
                    phase.name, table.name, table.id_column, table.target_column
                ));
                if table.is_converted {
                    self.leave(
                        format!("the tabs of {}", table.name),
                        "solutions are CSV",
                        "see that the scoring program reads commas",
                    );
                }
                Ok(Some(table))
            }
            Err(why) => {
                self.leave(
                    format!("the reference data {}", reference.path),
                    why,
                    remedy,
                );
                Ok(None)
            }
        }
    }

    fn program(
        &mut self,
        phase: &PhaseEntry,
        task: &TaskEntry,
        made: &Path,
        table: Option<&Table>,
    ) -> Result<Option<std::path::PathBuf>, CodabenchError> {
        let Some(file) = &task.scoring_program else {
            self.leave(
                format!("a scoring program for the phase {}", phase.name),
                format!("{} has none", task.field),
                "send one, or choose a metric of the catalogue",
            );
            return Ok(None);
        };
        let Some(found) = self.files.find(&file.path) else {
            return Ok(None); // every file was found before
        };
        let name = table.map(|table| table.name.as_str());
        let Program { zip, not_carried } = program::carry(&found, &file.field, made, name)?;
        for note in not_carried {
            self.leave(note.what, note.why, note.remedy);
        }
        if zip.is_some() {
            self.carried
                .push(format!("the scoring program of the phase {}", phase.name));
        }
        Ok(zip)
    }

    /// What predictions hold and how solutions are read: one form for all phases. A table of another form
    /// than the first is not used.
    pub(super) fn formats(
        &mut self,
        of_tasks: &mut [OfTask],
    ) -> Result<(PredictionFormat, SolutionSpec), CodabenchError> {
        let first = of_tasks.iter().find_map(|task| task.table.clone());
        let (id, target, mut kind) = match first {
            Some(table) => (table.id_column, table.target_column, table.target),
            None => ("id".to_owned(), "prediction".to_owned(), TargetKind::Number),
        };
        for (task, phase) in of_tasks.iter_mut().zip(&self.competition.phases) {
            let Some(table) = &task.table else { continue };
            let is_same = table.id_column == id && table.target_column == target;
            match (&mut kind, &table.target) {
                (TargetKind::Number, TargetKind::Number) if is_same => {}
                (TargetKind::Label(classes), TargetKind::Label(more)) if is_same => {
                    classes.extend(more.iter().cloned());
                    classes.sort();
                    classes.dedup();
                }
                _ => {
                    self.leave(
                        format!("the reference data {} of the phase {}", table.name, phase.name),
                        "its columns are other ones than those of the first phase, and a challenge has one form of \
                         predictions",
                        "send a solution with the same columns",
                    );
                    task.files.solution = None;
                }
            }
        }
        self.leave(
            "one board for all rows",
            "a challenge has a public board, and a private one that decides",
            "half of the rows, drawn at random, make the public board here; set `public_fraction`, or give the solution a \
             column of its own and name it in `split_column`",
        );
        let predicted = match &kind {
            TargetKind::Number => ColumnKind::Number,
            TargetKind::Label(classes) => ColumnKind::Label(classes.clone()),
        };
        let column = PredictionColumn {
            name: target.clone(),
            kind: predicted,
        };
        let format = PredictionFormat::new(id.clone(), vec![column]).map_err(|error| {
            CodabenchError::Field {
                field: "tasks".to_owned(),
                problem: format!("the columns of the reference data: {error}"),
            }
        })?;
        let spec = SolutionSpec {
            format: SolutionFormat {
                target: kind,
                ..SolutionFormat::new(id, target)
            },
            public_fraction: Some(PUBLIC_FRACTION),
            split_seed: 0,
        };
        Ok((format, spec))
    }
}

fn is_zip(path: &Path) -> Result<bool, std::io::Error> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(4).read_to_end(&mut head)?;
    Ok(head == b"PK\x03\x04")
}
