//! What a challenge makes of a competition.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::competition::{Competition, FileName, PhaseEntry, TaskEntry};
use super::program::{self, Program};
use super::reference::{self, Table};
use super::{
    COMPETITION, CodabenchError, Files, Found, Imported, MissingEntry, NotCarried, Options,
    competition, competition_path, pages,
};
use crate::challenges::bundle::PhaseFiles;
use crate::challenges::challenge::Page;
use crate::challenges::draft::{
    CarryOver, ChallengeDraft, Joining, LatePolicy, PhaseDraft, SecondaryMetric,
};
use crate::scoring::intake::{self, ArchiveLimits, Entries};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::metrics::Direction;
use crate::scoring::predictions::{ColumnKind, PredictionColumn, PredictionFormat};
use crate::scoring::rule::ScoringRule;
use crate::scoring::sandbox::Limits;
use crate::scoring::solution::{SolutionFormat, TargetKind};
use crate::scoring::worker::SolutionSpec;

/// The largest page or `competition.yaml`.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// What Codabench allows a participant where a phase does not say: in a day, and in all.
const USUAL_LIMITS: (u32, u32) = (5, 100);

/// How long a phase runs that has no end and none after it.
const OPEN_END: TimeDelta = TimeDelta::days(365);

/// The share of rows on the public board: Codabench has one board for all of them.
const PUBLIC_FRACTION: f64 = 0.5;

/// The most other columns that a board has here.
const MOST_COLUMNS: usize = 8;

/// Makes a challenge of an unpacked bundle. `made` is an empty folder for the files that have to be written
/// anew.
///
/// # Errors
/// What is broken, by the file or field; what merely has no place in a challenge is told in the list.
pub fn import(
    folder: &Path,
    entries: &Entries,
    made: &Path,
    options: &Options,
) -> Result<Imported, CodabenchError> {
    let path = competition_path(entries).ok_or_else(|| {
        CodabenchError::Missing(vec![MissingEntry {
            file: COMPETITION[0].to_owned(),
            field: "every bundle".to_owned(),
        }])
    })?;
    let files = Files {
        folder,
        base: path.rfind('/').map_or("", |end| &path[..=end]),
        entries,
    };
    let yaml = std::fs::read(folder.join(path))?;
    if yaml.len() as u64 > MAX_TEXT_BYTES {
        let problem = format!("it is longer than {MAX_TEXT_BYTES} bytes");
        return Err(CodabenchError::Yaml(problem));
    }
    let yaml = String::from_utf8(yaml)
        .map_err(|_| CodabenchError::Yaml("it is not UTF-8; save it as UTF-8".to_owned()))?;
    let competition = competition::read(&yaml)?;
    check_files(&competition, &files)?;
    std::fs::create_dir_all(made)?;
    let import = Import {
        competition: &competition,
        files: &files,
        made,
        options,
        carried: Vec::new(),
        not_carried: Vec::new(),
    };
    import.run()
}

/// Every file that the competition names must be in the bundle; all that are not are told at once.
fn check_files(competition: &Competition, files: &Files<'_>) -> Result<(), CodabenchError> {
    let of_pages = competition
        .pages
        .iter()
        .filter_map(|page| page.file.as_ref());
    let of_phases = competition
        .phases
        .iter()
        .flat_map(|phase| [&phase.public_data, &phase.starting_kit]);
    let of_tasks = competition.tasks.iter().flat_map(|task| {
        [
            &task.scoring_program,
            &task.reference_data,
            &task.input_data,
            &task.ingestion_program,
        ]
    });
    let missing: Vec<MissingEntry> = [&competition.terms, &competition.image]
        .into_iter()
        .chain(of_phases)
        .chain(of_tasks)
        .flatten()
        .chain(of_pages)
        .chain(&competition.solutions)
        .filter(|file| files.find(&file.path).is_none())
        .map(|file| MissingEntry {
            file: file.path.clone(),
            field: file.field.clone(),
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(CodabenchError::Missing(missing))
    }
}

struct Import<'a> {
    competition: &'a Competition,
    files: &'a Files<'a>,
    made: &'a Path,
    options: &'a Options,
    carried: Vec<String>,
    not_carried: Vec<NotCarried>,
}

/// What a phase's task gave.
struct OfTask {
    table: Option<Table>,
    files: PhaseFiles,
}

impl Import<'_> {
    fn run(mut self) -> Result<Imported, CodabenchError> {
        let pages = self.pages()?;
        let rules = self.rules()?;
        let (metric, secondary_metrics, public_digits) = self.metrics()?;
        let dates = self.dates();
        let mut of_tasks = Vec::new();
        for index in 0..self.competition.phases.len() {
            let found = self.task(index)?;
            of_tasks.push(found);
        }
        let (prediction_format, spec) = self.formats(&mut of_tasks)?;
        let mut phases = Vec::new();
        for (index, (phase, (starts_at, ends_at))) in
            self.competition.phases.iter().zip(dates).enumerate()
        {
            let (submissions_per_day, submissions_total) = self.limits(phase);
            phases.push(PhaseDraft {
                name: phase.name.clone(),
                starts_at,
                ends_at,
                metric: metric.clone(),
                submissions_per_day,
                submissions_total,
                max_bytes: 64 << 20,
                solution: SolutionSpec {
                    split_seed: self.options.seed.wrapping_add(index as u64),
                    ..spec.clone()
                },
                features_file: None,
                features_hidden: true,
                grace_minutes: 0,
                late: LatePolicy::Refused,
                carry_over: match phase.migrates && index > 0 {
                    true => CarryOver::All,
                    false => CarryOver::None,
                },
                secondary_metrics: secondary_metrics.clone(),
                ladder: None,
                public_digits,
            });
        }
        self.other_things();
        let draft = ChallengeDraft {
            slug: self
                .options
                .slug
                .clone()
                .unwrap_or_else(|| slug_of(&self.competition.title, "competition")),
            title: shortened(&self.competition.title, 120),
            tagline: self.tagline(),
            dataset: None,
            rates_drivers: false,
            prediction_format,
            kinds: vec![SubmissionKind::Predictions],
            onnx: None,
            run_limits: self.run_limits(),
            rules,
            pages,
            prizes: self.competition.reward.clone().unwrap_or_default(),
            eligibility: String::new(),
            time_zone: Tz::UTC,
            joining: match self.competition.auto_approve {
                Some(false) => Joining::Approval,
                _ => Joining::Open,
            },
            max_team_size: 1,
            teams_locked_at: None,
            final_selections: self.final_selections(),
            phases,
        };
        Ok(Imported {
            draft,
            files: of_tasks.into_iter().map(|task| task.files).collect(),
            carried: self.carried,
            not_carried: self.not_carried,
        })
    }

    fn leave(
        &mut self,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let note = NotCarried::new(what, why, remedy);
        if !self.not_carried.contains(&note) {
            self.not_carried.push(note);
        }
    }

    fn text(&self, file: &FileName) -> Result<Vec<u8>, CodabenchError> {
        match self.files.find(&file.path) {
            Some(Found::File(path)) if path.metadata()?.len() <= MAX_TEXT_BYTES => {
                Ok(std::fs::read(path)?)
            }
            Some(Found::File(_)) => Err(CodabenchError::Field {
                field: file.field.clone(),
                problem: format!("`{}` is longer than {MAX_TEXT_BYTES} bytes", file.path),
            }),
            _ => Err(CodabenchError::Field {
                field: file.field.clone(),
                problem: format!("`{}` is a folder; name a Markdown or HTML file", file.path),
            }),
        }
    }

    fn pages(&mut self) -> Result<Vec<Page>, CodabenchError> {
        let mut pages: Vec<Page> = Vec::new();
        for (number, entry) in (1..).zip(&self.competition.pages) {
            let Some(file) = &entry.file else { continue };
            let body = pages::to_markdown(&file.path, &self.text(file)?);
            if pages::has_own_images(&body) {
                self.leave(
                    format!("the images of the page {}", file.path),
                    "pages hold text, and images only by their address on the web",
                    "put them on a web server and name their address, or say it in words",
                );
            }
            let title = match entry.title.as_str() {
                "" => format!("Page {number}"),
                title => title.to_owned(),
            };
            let mut slug = slug_of(&title, "page");
            if pages.iter().any(|page| page.slug == slug) {
                slug = format!("{}-{number}", &slug[..slug.len().min(50)]);
            }
            pages.push(Page { slug, title, body });
        }
        if !pages.is_empty() {
            self.carried.push(format!("{} pages", pages.len()));
        }
        Ok(pages)
    }

    fn rules(&mut self) -> Result<String, CodabenchError> {
        if let Some(terms) = &self.competition.terms {
            let rules = pages::to_markdown(&terms.path, &self.text(terms)?);
            if !rules.trim().is_empty() {
                self.carried.push("the terms, as the rules".to_owned());
                return Ok(rules);
            }
        }
        self.leave(
            "the terms",
            "the bundle has none, and competitors accept rules before they submit",
            "write the rules",
        );
        Ok("The rules are on the pages of this challenge.\n".to_owned())
    }

    /// The first board: its first column ranks, the others are shown.
    fn metrics(
        &mut self,
    ) -> Result<(ScoringRule, Vec<SecondaryMetric>, Option<u32>), CodabenchError> {
        let board = &self.competition.board;
        if self.competition.boards > 1 {
            self.leave(
                format!("{} more leaderboards", self.competition.boards - 1),
                "a challenge has one leaderboard",
                "clone the challenge for each of the others, or show their columns here",
            );
        }
        let mut primary = None;
        let mut secondary: Vec<SecondaryMetric> = Vec::new();
        for (place, column) in board.columns.iter().enumerate() {
            let better = match column.direction {
                Direction::LowerIsBetter => "lower",
                Direction::HigherIsBetter => "higher",
            };
            let rule = format!("program:{}:{better}", column.key).parse::<ScoringRule>();
            let what = format!("the column {}", column.key);
            match rule {
                Err(error) if place == board.primary => {
                    return Err(CodabenchError::Field {
                        field: format!("{}.key", column.field),
                        problem: error.to_string(),
                    });
                }
                Err(error) => self.leave(what, error.to_string(), "give it a plain key"),
                _ if place == board.primary && column.is_computed => {
                    return Err(CodabenchError::Field {
                        field: format!("{}.computation", column.field),
                        problem: "the column that ranks is computed from others; let the scoring program write it"
                            .to_owned(),
                    });
                }
                Ok(rule) if place == board.primary => primary = Some((rule, column.precision)),
                Ok(_) if column.is_hidden => self.leave(
                    what,
                    "it is hidden, and a board shows all of its columns",
                    "leave it out, or show it: add it to `secondary_metrics`",
                ),
                Ok(_) if column.is_computed => self.leave(
                    what,
                    "it is computed from other columns",
                    "let the scoring program write it",
                ),
                Ok(_) if secondary.len() == MOST_COLUMNS => self.leave(
                    what,
                    format!("a board shows {MOST_COLUMNS} columns beside the one that ranks"),
                    "leave it out",
                ),
                Ok(metric) => secondary.push(SecondaryMetric {
                    metric,
                    breaks_ties: false,
                }),
            }
        }
        let Some((metric, precision)) = primary else {
            return Err(CodabenchError::Field {
                field: format!("{}.columns", board.field),
                problem: "no column ranks".to_owned(),
            });
        };
        secondary.retain(|other| other.metric != metric);
        self.carried.push(format!(
            "the leaderboard, ranked by {metric}, with {} more columns",
            secondary.len()
        ));
        Ok((metric, secondary, precision.map(|digits| digits.min(12))))
    }

    /// The dates of the phases, one after the other.
    fn dates(&mut self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let phases = &self.competition.phases;
        let mut dates: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
        for (index, phase) in phases.iter().enumerate() {
            let name = &phase.name;
            let before = dates.last().map(|(_, end)| *end);
            let next = phases.get(index + 1).and_then(|next| next.start);
            let mut start = phase.start.or(before).unwrap_or(self.options.now);
            if let Some(before) = before.filter(|before| start < *before) {
                start = before;
                self.leave(
                    format!("the beginning of the phase {name}"),
                    "it begins before the one before it is over",
                    format!("it begins at {start} here; set the dates that you mean"),
                );
            }
            let mut end = phase.end.filter(|end| *end > start);
            if phase.end.is_some() && end.is_none() {
                end = Some(start + TimeDelta::days(1));
                self.leave(
                    format!("the end of the phase {name}"),
                    "it is not after its beginning",
                    "the phase runs for a day here; set the dates that you mean",
                );
            }
            if let (Some(at), Some(next)) = (end, next)
                && next > start
                && at > next
            {
                end = Some(next);
                self.leave(
                    format!("the end of the phase {name}"),
                    "the next phase begins before it",
                    format!("it ends at {next} here; set the dates that you mean"),
                );
            }
            let end = end.unwrap_or_else(|| {
                let end = next.filter(|next| *next > start);
                let end = end.unwrap_or(start + OPEN_END);
                self.leave(
                    format!("the open end of the phase {name}"),
                    "a phase has an end here",
                    format!("it ends at {end}; set the date that you mean"),
                );
                end
            });
            dates.push((start, end));
        }
        self.carried
            .push(format!("{} phases with their dates, in UTC", dates.len()));
        dates
    }

    fn limits(&mut self, phase: &PhaseEntry) -> (u32, u32) {
        let name = &phase.name;
        let mut limit = |said: Option<u32>, usual: u32, what: &str| match said {
            Some(0) => {
                self.leave(
                    format!("{what} of the phase {name}, which is 0"),
                    "a phase accepts at least one submission",
                    "it is 1 here; where entries of the phase before are to count, set `carry_over`",
                );
                1
            }
            Some(count) => count,
            None => usual,
        };
        let per_day = limit(phase.per_day, USUAL_LIMITS.0, "submissions a day");
        let total = limit(phase.total, USUAL_LIMITS.1, "submissions in all");
        (per_day, total)
    }

    fn run_limits(&mut self) -> Limits {
        let usual = Limits::default();
        let asked = self
            .competition
            .phases
            .iter()
            .filter_map(|phase| phase.seconds)
            .max();
        let Some(seconds) = asked.filter(|seconds| *seconds > 0) else {
            return usual;
        };
        let limits = Limits {
            wall_seconds: seconds,
            ..usual
        };
        if limits.check().is_ok() {
            return limits;
        }
        self.leave(
            format!("the time limit of {seconds} seconds"),
            "a run may not take as long here",
            format!("it is {} seconds; see `run_limits`", usual.wall_seconds),
        );
        usual
    }

    fn final_selections(&mut self) -> u32 {
        match self.competition.board.submission_rule.as_deref() {
            Some("Force_Best") => 0,
            None => 2,
            Some(rule) => {
                self.leave(
                    format!("the submission rule {rule}"),
                    "here a team's best public score stands, unless it chooses itself which submissions decide",
                    "set `final_selections`: 0 for the best alone, or how many a team may choose",
                );
                2
            }
        }
    }

    fn tagline(&self) -> String {
        let words: Vec<&str> = self.competition.description.split_whitespace().collect();
        match words.join(" ").as_str() {
            "" => shortened(&self.competition.title, 300),
            text => shortened(text, 300),
        }
    }

    /// The first task of a phase: its reference data and its scoring program.
    fn task(&mut self, index: usize) -> Result<OfTask, CodabenchError> {
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
    fn formats(
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

    /// What stands beside pages, phases and tasks.
    fn other_things(&mut self) {
        let competition = self.competition;
        if let Some(image) = &competition.image {
            self.leave(
                format!("the image {}", image.path),
                "challenges have no image",
                "leave it out",
            );
        }
        if let Some(docker) = &competition.docker_image {
            self.leave(
                format!("the Docker image {docker}"),
                "programs run in the platform's own sandbox: Python with numpy, pandas, polars, pyarrow, scipy, \
                 scikit-learn, LightGBM, XGBoost and ONNX Runtime",
                "see that the scoring program needs nothing else; put what it needs into its zip",
            );
        }
        for solution in &competition.solutions {
            self.leave(
                format!("the example solution {}", solution.path),
                "examples are entries like any other",
                "submit it yourself when the challenge is open",
            );
        }
        for key in &competition.other_keys {
            self.leave(
                format!("the setting {key}"),
                "a challenge has none of this kind",
                "leave it out",
            );
        }
    }
}

fn is_zip(path: &Path) -> Result<bool, std::io::Error> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(4).read_to_end(&mut head)?;
    Ok(head == b"PK\x03\x04")
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.push('…');
    short
}

/// A text as an address: `Iris Challenge!` is `iris-challenge`.
fn slug_of(text: &str, otherwise: &str) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        if slug.len() >= 60 {
            break;
        }
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.len() < 2 {
        return otherwise.to_owned();
    }
    slug.to_owned()
}
