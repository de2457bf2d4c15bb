//! `challenge.toml`: a challenge as a file, whose long texts may stand in Markdown files beside it.

use serde_json::{Map, Number, Value as Json};
use toml::{Table, Value};

use crate::challenges::draft::ChallengeDraft;

/// Its usual name.
pub const NAME: &str = "challenge.toml";

/// Keys whose text may be in a file, with the keys that name that file.
const TEXTS: [(&str, &str); 3] = [
    ("rules_file", "rules"),
    ("prizes_file", "prizes"),
    ("eligibility_file", "eligibility"),
];

/// A number that TOML has no room for: its integers end at 2^63.
const SEED: &str = "split_seed";

/// Why a file is no challenge.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeFileError {
    /// It is not TOML.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A key names a file and is no text.
    #[error("{0}: name a file, in quotation marks")]
    NoName(&'static str),
    /// A text is given twice.
    #[error("{file_key} and {text_key} both say it; keep one of the two")]
    Twice {
        /// The key that names a file.
        file_key: &'static str,
        /// The key that has the text itself.
        text_key: &'static str,
    },
    /// A file that it names cannot be read.
    #[error("{key}: {problem}")]
    Text {
        /// The key that names it.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// It is TOML and no challenge.
    #[error("{0}")]
    Draft(serde_json::Error),
    /// A challenge that cannot be written as TOML.
    #[error("{0}")]
    Unwritable(String),
}

/// Reads a challenge from TOML whose texts may stand in other files, which `read` reads.
///
/// # Errors
/// What is wrong, with the key or line.
pub fn parse(
    text: &str,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<ChallengeDraft, ChallengeFileError> {
    let mut draft: Table = text.parse()?;
    for (file_key, text_key) in TEXTS {
        take_text(&mut draft, file_key, text_key, &read)?;
    }
    if let Some(Value::Array(pages)) = draft.get_mut("pages") {
        for page in pages.iter_mut().filter_map(Value::as_table_mut) {
            take_text(page, "body_file", "body", &read)?;
        }
    }
    serde_json::from_value(json("", Value::Table(draft))).map_err(ChallengeFileError::Draft)
}

/// Replaces a key that names a file by the file's text.
fn take_text(
    table: &mut Table,
    file_key: &'static str,
    text_key: &'static str,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<(), ChallengeFileError> {
    let Some(file) = table.remove(file_key) else {
        return Ok(());
    };
    let name = file.as_str().ok_or(ChallengeFileError::NoName(file_key))?;
    if table.contains_key(text_key) {
        return Err(ChallengeFileError::Twice { file_key, text_key });
    }
    let text = read(name).map_err(|problem| ChallengeFileError::Text {
        key: file_key,
        problem,
    })?;
    table.insert(text_key.to_owned(), Value::String(text));
    Ok(())
}

/// The same value as JSON has it: dates are texts there, and large seeds numbers.
fn json(key: &str, value: Value) -> Json {
    match value {
        Value::String(text) if key == SEED => text
            .parse::<u64>()
            .map_or(Json::String(text), |seed| Json::Number(seed.into())),
        Value::String(text) => Json::String(text),
        Value::Integer(number) => Json::Number(number.into()),
        Value::Float(number) => Number::from_f64(number).map_or(Json::Null, Json::Number),
        Value::Boolean(value) => Json::Bool(value),
        Value::Datetime(date) => Json::String(date.to_string()),
        Value::Array(values) => {
            Json::Array(values.into_iter().map(|value| json("", value)).collect())
        }
        Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| {
                let value = json(&key, value);
                (key, value)
            });
            Json::Object(entries.collect::<Map<_, _>>())
        }
    }
}

/// A challenge as TOML, with the texts in it.
///
/// # Errors
/// A number that TOML cannot hold.
pub fn text(draft: &ChallengeDraft) -> Result<String, ChallengeFileError> {
    written(table(draft)?)
}

/// A challenge as files: `challenge.toml` and the Markdown files that it names.
///
/// # Errors
/// A number that TOML cannot hold.
pub fn files(draft: &ChallengeDraft) -> Result<Vec<(String, String)>, ChallengeFileError> {
    let mut table = table(draft)?;
    let mut files = Vec::new();
    for (file_key, text_key) in TEXTS {
        let name = format!("{text_key}.md");
        put_text(&mut table, file_key, text_key, name, &mut files);
    }
    if let Some(Value::Array(pages)) = table.get_mut("pages") {
        for (number, page) in (1..).zip(pages.iter_mut().filter_map(Value::as_table_mut)) {
            let slug = page.get("slug").and_then(Value::as_str).unwrap_or_default();
            let name = format!("pages/{number:02}-{slug}.md");
            put_text(page, "body_file", "body", name, &mut files);
        }
    }
    files.insert(0, (NAME.to_owned(), written(table)?));
    Ok(files)
}

/// Moves a text into a file of its own; an empty one stays where it is.
fn put_text(
    table: &mut Table,
    file_key: &str,
    text_key: &str,
    name: String,
    files: &mut Vec<(String, String)>,
) {
    if let Some(Value::String(text)) = table.remove(text_key)
        && !text.is_empty()
    {
        table.insert(file_key.to_owned(), Value::String(name.clone()));
        files.push((name, text));
    } else {
        table.insert(text_key.to_owned(), Value::String(String::new()));
    }
}

fn table(draft: &ChallengeDraft) -> Result<Table, ChallengeFileError> {
    let unwritable = |error: String| ChallengeFileError::Unwritable(error);
    let json = serde_json::to_value(draft).map_err(|error| unwritable(error.to_string()))?;
    match toml_value(json) {
        Some(Value::Table(table)) => Ok(table),
        _ => Err(unwritable("a challenge is a table".to_owned())),
    }
}

fn written(table: Table) -> Result<String, ChallengeFileError> {
    toml::to_string_pretty(&table)
        .map_err(|error| ChallengeFileError::Unwritable(error.to_string()))
}

/// The same value as TOML has it; what is null is left out.
fn toml_value(value: Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => Value::Boolean(value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(float)) if number.is_f64() => Value::Float(float),
            // Only a seed may be that large; it is read back from its text.
            _ => Value::String(number.to_string()),
        },
        Json::String(text) => Value::String(text),
        Json::Array(values) => Value::Array(values.into_iter().filter_map(toml_value).collect()),
        Json::Object(entries) => {
            let entries = entries
                .into_iter()
                .filter_map(|(key, value)| Some((key, toml_value(value)?)));
            Value::Table(entries.collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAFT: &str = r#"
        slug = "lap-times"
        title = "Lap times"
        tagline = "Predict them"
        rules_file = "rules.md"
        prizes_file = "prizes.md"
        [prediction_format]
        id_column = "id"
        columns = [{ name = "lap_time", kind = "number" }]
        [[pages]]
        slug = "overview"
        title = "Overview"
        body_file = "overview.md"
        [[phases]]
        name = "Season"
        starts_at = 2026-11-01T00:00:00Z
        ends_at = 2026-12-01T00:00:00Z
        metric = "mae"
        submissions_per_day = 5
        submissions_total = 50
        [phases.solution]
        id_column = "id"
        target_column = "lap_time"
        public_fraction = 0.3
        split_seed = "18446744073709551615"
    "#;

    fn draft() -> ChallengeDraft {
        parse(DRAFT, |name| Ok(format!("the text of {name}"))).unwrap()
    }

    #[test]
    fn texts_come_from_the_files_beside_and_dates_may_be_tomls_own() {
        let draft = draft();
        assert_eq!(draft.rules, "the text of rules.md");
        assert_eq!(draft.prizes, "the text of prizes.md");
        assert_eq!(draft.pages[0].body, "the text of overview.md");
        assert_eq!(
            draft.phases[0].ends_at.to_rfc3339(),
            "2026-12-01T00:00:00+00:00"
        );
        assert_eq!(draft.phases[0].solution.split_seed, u64::MAX);
        draft.check().unwrap();
    }

    #[test]
    fn what_is_written_is_read_back_as_one_file_and_as_several() {
        let draft = draft();
        let expected = serde_json::to_value(&draft).unwrap();
        let alone = parse(&text(&draft).unwrap(), |name| Err(name.to_owned())).unwrap();
        assert_eq!(serde_json::to_value(&alone).unwrap(), expected);

        let files = files(&draft).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let written = [
            "challenge.toml",
            "rules.md",
            "prizes.md",
            "pages/01-overview.md",
        ];
        assert_eq!(names, written);
        let together = parse(&files[0].1, |name| {
            let file = files.iter().find(|(file, _)| file == name);
            file.map(|(_, text)| text.clone())
                .ok_or_else(|| name.to_owned())
        });
        assert_eq!(serde_json::to_value(together.unwrap()).unwrap(), expected);
    }

    #[test]
    fn a_text_that_is_given_twice_or_missing_is_named() {
        let twice = DRAFT.replace("rules_file", "rules = \"none\"\n        rules_file");
        let error = parse(&twice, |_| Ok(String::new())).unwrap_err();
        assert!(
            error.to_string().contains("rules_file and rules"),
            "{error}"
        );
        let error = parse(DRAFT, |name| Err(format!("{name} cannot be read"))).unwrap_err();
        assert_eq!(error.to_string(), "rules_file: rules.md cannot be read");
        let error = parse(
            &DRAFT.replace("slug = \"lap-times\"", "slog = \"lap-times\""),
            |_| Ok(String::new()),
        )
        .unwrap_err();
        assert!(error.to_string().contains("`slog`"), "{error}");
    }
}
