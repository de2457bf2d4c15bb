//! The scores that an organizer's scoring program writes: `scores.json` or `scores.txt`.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value;

use crate::scoring::csv_rows::excerpt;

/// The largest scores file that is read: far more than any leaderboard has columns.
const MAX_SCORES_BYTES: u64 = 1 << 20;

/// Why what a scoring program wrote is no scores.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ScoresError {
    /// The file cannot be read.
    #[error("the scores cannot be read: {0}")]
    Unreadable(String),
    /// There are no scores.
    #[error(
        "the scoring program wrote no scores; write {{\"rmse\": 0.25}} into /app/output/scores.json"
    )]
    Empty,
    /// More than any leaderboard shows.
    #[error(
        "the scores are larger than {MAX_SCORES_BYTES} bytes; write only the scores into scores.json"
    )]
    TooLarge,
    /// Neither JSON nor lines of `key: value`.
    #[error("line {line} of the scores is not like `rmse: 0.25`: \"{found}\"")]
    Line {
        /// The 1-based line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// JSON of another shape.
    #[error(
        "the scores are not a JSON object of names and numbers such as {{\"rmse\": 0.25}}: {0}"
    )]
    Shape(String),
    /// A score that is no number.
    #[error("the score \"{key}\" is not a number: {found}")]
    NotANumber {
        /// Which score.
        key: String,
        /// What stands there.
        found: String,
    },
    /// A score that no leaderboard can rank.
    #[error("the score \"{key}\" is {found}; a score is a finite number")]
    NotFinite {
        /// Which score.
        key: String,
        /// What stands there.
        found: String,
    },
    /// Two scores of one name.
    #[error("the score \"{0}\" is written twice; write each once")]
    Repeated(String),
}

/// The scores that a scoring program wrote, by name: JSON (`{"rmse": 0.25}`) or lines (`rmse: 0.25`).
///
/// # Errors
/// The first problem, with the score's name.
pub fn read_scores(file: impl Read) -> Result<BTreeMap<String, f64>, ScoresError> {
    let mut bytes = Vec::new();
    file.take(MAX_SCORES_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ScoresError::Unreadable(error.to_string()))?;
    if bytes.len() as u64 > MAX_SCORES_BYTES {
        return Err(ScoresError::TooLarge);
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| ScoresError::Unreadable("they are not UTF-8 text".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let scores = if text.starts_with(['{', '[']) {
        from_json(text)?
    } else {
        from_lines(text)?
    };
    if scores.is_empty() {
        return Err(ScoresError::Empty);
    }
    Ok(scores)
}

/// JSON as Python writes it: its NaN and Infinity are not JSON, and common enough to be told apart.
fn from_json(text: &str) -> Result<BTreeMap<String, f64>, ScoresError> {
    let pairs: Pairs = serde_json::from_str(text).map_err(|error| {
        let python_only = ["NaN", "Infinity"]
            .into_iter()
            .find(|word| text.contains(word));
        ScoresError::Shape(match python_only {
            Some(word) => format!(
                "it holds {word}, which JSON does not know; a score is a finite number ({error})"
            ),
            None => error.to_string(),
        })
    })?;
    let mut scores = BTreeMap::new();
    for (key, value) in pairs.0 {
        let score = match &value {
            Value::Number(number) => number.as_f64(),
            _ => None,
        };
        let score = score.ok_or_else(|| ScoresError::NotANumber {
            key: excerpt(&key),
            found: excerpt(&value.to_string()),
        })?;
        insert(&mut scores, key, score)?;
    }
    Ok(scores)
}

fn from_lines(text: &str) -> Result<BTreeMap<String, f64>, ScoresError> {
    let mut scores = BTreeMap::new();
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() {
            continue;
        }
        let (key, value) = content.rsplit_once(':').ok_or_else(|| ScoresError::Line {
            line,
            found: excerpt(content),
        })?;
        let (key, value) = (key.trim(), value.trim());
        let score = fast_float2::parse(value).map_err(|_| ScoresError::NotANumber {
            key: excerpt(key),
            found: excerpt(value),
        })?;
        insert(&mut scores, key.to_owned(), score)?;
    }
    Ok(scores)
}

fn insert(scores: &mut BTreeMap<String, f64>, key: String, score: f64) -> Result<(), ScoresError> {
    if !score.is_finite() {
        return Err(ScoresError::NotFinite {
            key: excerpt(&key),
            found: score.to_string(),
        });
    }
    match scores.insert(key.clone(), score) {
        Some(_) => Err(ScoresError::Repeated(excerpt(&key))),
        None => Ok(()),
    }
}

/// The pairs of a JSON object, with those that stand in it twice.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of names and numbers")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(text: &str) -> Result<Vec<(String, f64)>, String> {
        read_scores(text.as_bytes())
            .map(|scores| scores.into_iter().collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn scores_are_read_from_json_and_from_lines() {
        let both = vec![("mae".to_owned(), 2.0), ("rmse".to_owned(), 0.25)];
        assert_eq!(scores(r#"{"rmse": 0.25, "mae": 2}"#).unwrap(), both);
        assert_eq!(scores("\u{feff}rmse: 0.25\n\nmae : 2\n").unwrap(), both);
        assert_eq!(
            scores("set1: rmse: 1e-3").unwrap(),
            [("set1: rmse".to_owned(), 0.001)]
        );
    }

    #[test]
    fn what_is_no_score_is_named() {
        for (text, words) in [
            ("", "wrote no scores"),
            ("{}", "wrote no scores"),
            (
                r#"{"rmse": "0.25"}"#,
                r#"the score "rmse" is not a number: "0.25""#,
            ),
            (
                r#"{"rmse": null}"#,
                r#"the score "rmse" is not a number: null"#,
            ),
            (
                r#"{"rmse": {"a": 1}}"#,
                r#"the score "rmse" is not a number"#,
            ),
            (
                r#"{"rmse": 1, "rmse": 2}"#,
                r#"the score "rmse" is written twice"#,
            ),
            (r#"{"rmse": NaN}"#, "holds NaN"),
            (r#"{"rmse": -Infinity}"#, "holds Infinity"),
            ("[1]", "not a JSON object"),
            (
                "rmse: nan",
                r#"the score "rmse" is NaN; a score is a finite number"#,
            ),
            ("rmse: -inf", r#"the score "rmse" is -inf"#),
            ("rmse: 0.25s", r#"the score "rmse" is not a number: 0.25s"#),
            (
                "mae: 1\n0.25",
                r#"line 2 of the scores is not like `rmse: 0.25`: "0.25""#,
            ),
            ("rmse: 1\nrmse: 1", r#"the score "rmse" is written twice"#),
        ] {
            let error = scores(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(
            read_scores(&b"\xff: 1"[..]).unwrap_err().to_string(),
            "the scores cannot be read: they are not UTF-8 text"
        );
        let endless = std::io::repeat(b'1');
        assert_eq!(read_scores(endless), Err(ScoresError::TooLarge));
    }
}
