//! `competition.yaml` as it is written, before anything is made of it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{CodabenchError, dates};
use crate::scoring::metrics::Direction;

/// The most phases, pages, tasks or columns that are read.
const MOST: usize = 100;

/// A path in the bundle and the field that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    pub(super) path: String,
    pub(super) field: String,
}

#[derive(Debug)]
pub(super) struct Competition {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) terms: Option<FileName>,
    pub(super) image: Option<FileName>,
    pub(super) docker_image: Option<String>,
    pub(super) auto_approve: Option<bool>,
    pub(super) reward: Option<String>,
    pub(super) pages: Vec<PageEntry>,
    pub(super) phases: Vec<PhaseEntry>,
    pub(super) tasks: Vec<TaskEntry>,
    /// The paths of example solutions.
    pub(super) solutions: Vec<FileName>,
    pub(super) board: Board,
    /// How many leaderboards there are.
    pub(super) boards: usize,
    /// Keys at the top that are not read here.
    pub(super) other_keys: Vec<String>,
}

#[derive(Debug)]
pub(super) struct PageEntry {
    pub(super) title: String,
    pub(super) file: Option<FileName>,
}

#[derive(Debug)]
pub(super) struct PhaseEntry {
    pub(super) field: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) start: Option<DateTime<Utc>>,
    pub(super) end: Option<DateTime<Utc>>,
    pub(super) per_day: Option<u32>,
    pub(super) total: Option<u32>,
    pub(super) seconds: Option<u32>,
    pub(super) migrates: bool,
    /// The indices of its tasks.
    pub(super) tasks: Vec<i64>,
    pub(super) public_data: Option<FileName>,
    pub(super) starting_kit: Option<FileName>,
}

#[derive(Debug)]
pub(super) struct TaskEntry {
    pub(super) field: String,
    pub(super) index: i64,
    pub(super) name: String,
    pub(super) scoring_program: Option<FileName>,
    pub(super) reference_data: Option<FileName>,
    pub(super) input_data: Option<FileName>,
    pub(super) ingestion_program: Option<FileName>,
}

#[derive(Debug)]
pub(super) struct Board {
    pub(super) field: String,
    pub(super) submission_rule: Option<String>,
    pub(super) columns: Vec<ColumnEntry>,
    /// The place of the column that ranks, among those.
    pub(super) primary: usize,
}

#[derive(Debug)]
pub(super) struct ColumnEntry {
    pub(super) field: String,
    pub(super) key: String,
    pub(super) direction: Direction,
    pub(super) is_hidden: bool,
    pub(super) is_computed: bool,
    pub(super) precision: Option<u32>,
}

/// An object of the file, with its place in it.
struct Node<'a> {
    field: String,
    object: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    fn new(field: String, value: &'a Value) -> Result<Self, CodabenchError> {
        match value.as_object() {
            Some(object) => Ok(Self { field, object }),
            None => Err(refused(&field, "write keys and values here")),
        }
    }

    fn at(&self, key: &str) -> String {
        match self.field.as_str() {
            "" => key.to_owned(),
            field => format!("{field}.{key}"),
        }
    }

    /// A plain value as text; none where it is left out, null, or Python's `None`.
    fn text(&self, key: &str) -> Result<Option<String>, CodabenchError> {
        let text = match self.object.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(_) => return Err(refused(&self.at(key), "write a plain value here")),
        };
        Ok(Some(text).filter(|text| !text.is_empty() && text != "None" && text != "none"))
    }

    fn file(&self, key: &str) -> Result<Option<FileName>, CodabenchError> {
        Ok(self.text(key)?.map(|path| FileName {
            path,
            field: self.at(key),
        }))
    }

    fn whole(&self, key: &str) -> Result<Option<u32>, CodabenchError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let number = text.parse::<u32>().ok().or_else(|| {
            let float = text.parse::<f64>().ok()?;
            // Whole numbers up to 2^32 are exact.
            (float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&float))
                .then_some(float as u32)
        });
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(refused(&self.at(key), "write a whole number from 0")),
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, CodabenchError> {
        Ok(match self.text(key)?.as_deref() {
            None => None,
            Some("true" | "True" | "1" | "yes") => Some(true),
            Some("false" | "False" | "0" | "no") => Some(false),
            Some(_) => return Err(refused(&self.at(key), "write true or false")),
        })
    }

    fn moment(&self, key: &str) -> Result<Option<DateTime<Utc>>, CodabenchError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match dates::parse(&text) {
            Some(moment) => Ok(Some(moment)),
            None => Err(refused(
                &self.at(key),
                &format!("`{text}` is no date; write it as 2026-12-31 18:00:00"),
            )),
        }
    }

    fn list(&self, key: &str) -> Result<&'a [Value], CodabenchError> {
        match self.object.get(key) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(values)) if values.len() <= MOST => Ok(values),
            Some(Value::Array(_)) => Err(refused(
                &self.at(key),
                &format!("list at most {MOST} of them"),
            )),
            Some(_) => Err(refused(&self.at(key), "write a list here")),
        }
    }

    /// The objects of a list.
    fn nodes(&self, key: &str) -> Result<Vec<Node<'a>>, CodabenchError> {
        let values = self.list(key)?.iter().enumerate();
        values
            .map(|(index, value)| Node::new(format!("{}[{index}]", self.at(key)), value))
            .collect()
    }
}

fn refused(field: &str, problem: &str) -> CodabenchError {
    CodabenchError::Field {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}

/// What is read, and what means nothing here: it stands in no list.
const KNOWN_KEYS: [&str; 17] = [
    "version",
    "title",
    "description",
    "terms",
    "image",
    "docker_image",
    "registration_auto_approve",
    "reward",
    "pages",
    "phases",
    "tasks",
    "solutions",
    "leaderboards",
    "leaderboard",
    "contact_email",
    "remote_id",
    "url",
];

/// Reads the file.
///
/// # Errors
/// What is no YAML, no competition of version 2, or has a value of another kind, by the field.
pub(super) fn read(yaml: &str) -> Result<Competition, CodabenchError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let value: Value = serde_saphyr::from_str_with_options(yaml, options)
        .map_err(|error| CodabenchError::Yaml(error.to_string()))?;
    let top = match &value {
        Value::Object(object) => Node {
            field: String::new(),
            object,
        },
        _ => return Err(CodabenchError::Yaml("write keys and values".to_owned())),
    };
    match top.text("version")?.as_deref() {
        None => return Err(CodabenchError::NoVersion),
        Some("2" | "2.0") => {}
        Some(other) => return Err(CodabenchError::Version(other.to_owned())),
    }
    let pages = top
        .nodes("pages")?
        .iter()
        .map(|page| {
            Ok(PageEntry {
                title: page.text("title")?.unwrap_or_default(),
                file: page.file("file")?,
            })
        })
        .collect::<Result<_, CodabenchError>>()?;
    let boards = match top.nodes("leaderboards")? {
        boards if boards.is_empty() => top.nodes("leaderboard")?,
        boards => boards,
    };
    let other_keys = top
        .object
        .keys()
        .filter(|key| !KNOWN_KEYS.contains(&key.as_str()));
    Ok(Competition {
        title: top
            .text("title")?
            .ok_or_else(|| refused("title", "name the competition"))?,
        description: top.text("description")?.unwrap_or_default(),
        terms: top.file("terms")?,
        image: top.file("image")?,
        docker_image: top.text("docker_image")?,
        auto_approve: top.flag("registration_auto_approve")?,
        reward: top.text("reward")?,
        pages,
        phases: phases(&top)?,
        tasks: tasks(&top)?,
        solutions: top
            .nodes("solutions")?
            .iter()
            .map(|solution| solution.file("path"))
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?,
        board: match boards.first() {
            Some(first) => board(first)?,
            None => return Err(refused("leaderboards", "a competition needs a leaderboard")),
        },
        boards: boards.len(),
        other_keys: other_keys.cloned().collect(),
    })
}

/// The phases in the order of their `index`, where they have one.
fn phases(top: &Node<'_>) -> Result<Vec<PhaseEntry>, CodabenchError> {
    let mut phases = Vec::new();
    for (place, phase) in top.nodes("phases")?.iter().enumerate() {
        let tasks = phase
            .list("tasks")?
            .iter()
            .map(|task| match task.as_i64() {
                Some(index) => Ok(index),
                None => Err(refused(
                    &phase.at("tasks"),
                    "it names a task that is kept on Codabench and not in the bundle; export the competition with its \
                     files",
                )),
            })
            .collect::<Result<_, _>>()?;
        let entry = PhaseEntry {
            name: phase
                .text("name")?
                .unwrap_or_else(|| format!("Phase {}", place + 1)),
            description: phase.text("description")?.unwrap_or_default(),
            start: phase.moment("start")?,
            end: phase.moment("end")?,
            per_day: phase.whole("max_submissions_per_day")?,
            total: phase.whole("max_submissions")?,
            seconds: phase.whole("execution_time_limit")?,
            migrates: phase.flag("auto_migrate_to_this_phase")?.unwrap_or(false),
            tasks,
            public_data: phase.file("public_data")?,
            starting_kit: phase.file("starting_kit")?,
            field: phase.field.clone(),
        };
        phases.push((phase.whole("index")?.unwrap_or(0), entry));
    }
    if phases.is_empty() {
        return Err(refused("phases", "a competition needs at least one phase"));
    }
    phases.sort_by_key(|(index, _)| *index);
    Ok(phases.into_iter().map(|(_, phase)| phase).collect())
}

fn tasks(top: &Node<'_>) -> Result<Vec<TaskEntry>, CodabenchError> {
    let tasks = top.nodes("tasks")?;
    (0_i64..)
        .zip(&tasks)
        .map(|(place, task)| {
            Ok(TaskEntry {
                index: task.whole("index")?.map_or(place, i64::from),
                name: task
                    .text("name")?
                    .unwrap_or_else(|| format!("task {place}")),
                scoring_program: task.file("scoring_program")?,
                reference_data: task.file("reference_data")?,
                input_data: task.file("input_data")?,
                ingestion_program: task.file("ingestion_program")?,
                field: task.field.clone(),
            })
        })
        .collect()
}

/// The columns in the order of their `index`, where they have one.
fn board(board: &Node<'_>) -> Result<Board, CodabenchError> {
    let mut columns = Vec::new();
    for (place, column) in (0_u32..).zip(&board.nodes("columns")?) {
        let direction = match column.text("sorting")?.as_deref() {
            None | Some("desc") => Direction::HigherIsBetter,
            Some("asc") => Direction::LowerIsBetter,
            Some(_) => return Err(refused(&column.at("sorting"), "write asc or desc")),
        };
        let key = column
            .text("key")?
            .ok_or_else(|| refused(&column.at("key"), "name the score that it shows"))?;
        let index = column.whole("index")?.unwrap_or(place);
        let is_primary = column.flag("is_primary")?.or(column.flag("primary")?);
        let entry = ColumnEntry {
            key,
            direction,
            is_hidden: column.flag("hidden")?.unwrap_or(false),
            is_computed: column.text("computation")?.is_some(),
            precision: column.whole("precision")?,
            field: column.field.clone(),
        };
        columns.push((index, is_primary.unwrap_or(false), entry));
    }
    if columns.is_empty() {
        return Err(refused(
            &board.at("columns"),
            "a leaderboard needs at least one column",
        ));
    }
    columns.sort_by_key(|(index, ..)| *index);
    let said = board.whole("primary_index")?;
    let primary = columns
        .iter()
        .position(|(index, is_primary, _)| *is_primary || Some(*index) == said)
        .unwrap_or(0);
    Ok(Board {
        submission_rule: board.text("submission_rule")?,
        columns: columns.into_iter().map(|(_, _, column)| column).collect(),
        primary,
        field: board.field.clone(),
    })
}
