//! A form that is shown again with what was typed, and with what is wrong at each field.

use std::collections::HashMap;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::http::fault::Fault;

/// What was typed and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Form {
    texts: HashMap<String, String>,
    problems: Vec<Problem>,
}

/// Something wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field's name; empty where it is the form as a whole.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// The field's name as a person reads it.
    pub fn label(&self) -> String {
        let words = self.field.replace('_', " ");
        let mut letters = words.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
            .unwrap_or_default()
    }
}

impl Form {
    /// A form with these texts.
    pub fn new(texts: HashMap<String, String>) -> Self {
        Self {
            texts,
            problems: Vec::new(),
        }
    }

    /// A form with these texts.
    pub fn of<const N: usize>(texts: [(&str, String); N]) -> Self {
        Self::new(texts.map(|(name, text)| (name.to_owned(), text)).into())
    }

    /// Fills a field.
    pub fn put(&mut self, field: &str, text: &str) {
        self.texts.insert(field.to_owned(), text.to_owned());
    }

    /// What was typed into a field, without white space around it.
    pub fn text(&self, field: &str) -> &str {
        self.texts
            .get(field)
            .map(|text| text.trim())
            .unwrap_or_default()
    }

    /// What was typed into a text area, with the line breaks of a file.
    pub fn long_text(&self, field: &str) -> String {
        self.texts
            .get(field)
            .map(|text| text.replace("\r\n", "\n"))
            .unwrap_or_default()
    }

    /// Whether a box was ticked.
    pub fn is_ticked(&self, field: &str) -> bool {
        !self.text(field).is_empty()
    }

    /// The text of a field, or nothing where it was left empty.
    pub fn optional(&self, field: &str) -> Option<String> {
        Some(self.text(field))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// Notes what is wrong with a field.
    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Notes a refusal that names a field.
    ///
    /// # Errors
    /// Every other fault, which is for the caller to pass on.
    pub fn refuse_fault<T>(&mut self, outcome: Result<T, Fault>) -> Result<Option<T>, Fault> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Fault {
                field: Some(field),
                detail,
                status: 400..500,
                ..
            }) => {
                self.refuse(&field, detail);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// What is wrong, in the order in which it was found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is wrong with a field; empty where nothing is.
    pub fn error(&self, field: &str) -> &str {
        self.problems
            .iter()
            .find(|problem| problem.field == field)
            .map_or("", |problem| &problem.message)
    }

    /// The field's value, or a note of what it must be.
    pub fn parse<T: FromStr>(&mut self, field: &str, wanted: &str) -> Option<T> {
        let parsed = self.text(field).parse().ok();
        if parsed.is_none() {
            self.refuse(field, wanted);
        }
        parsed
    }

    /// The moment in a `datetime-local` field, which is in UTC; none where it cannot be read, which is not
    /// noted.
    pub fn peek_moment(&self, field: &str) -> Option<DateTime<Utc>> {
        let text = self.text(field);
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
            .into_iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|moment| moment.and_utc())
    }

    /// The moment in a `datetime-local` field, which is in UTC, or a note of what it must be.
    pub fn moment(&mut self, field: &str) -> Option<DateTime<Utc>> {
        let parsed = self.peek_moment(field);
        if parsed.is_none() {
            self.refuse(
                field,
                "give a day and a time in UTC, such as 2026-05-31T18:00",
            );
        }
        parsed
    }

    /// The names in a field, parted by commas.
    pub fn names(&self, field: &str) -> Vec<String> {
        self.text(field)
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_a_browser_writes_it() {
        let mut form = Form::of([
            ("short", "2026-05-31T18:00".into()),
            ("long", "2026-05-31T18:00:30".into()),
            ("bad", "31.5.2026".into()),
        ]);
        assert_eq!(
            form.moment("short").unwrap().to_rfc3339(),
            "2026-05-31T18:00:00+00:00"
        );
        assert_eq!(
            form.moment("long").unwrap().to_rfc3339(),
            "2026-05-31T18:00:30+00:00"
        );
        assert_eq!(form.moment("bad"), None);
        assert_eq!(form.problems()[0].field, "bad");
        assert!(form.error("bad").contains("UTC"));
    }

    #[test]
    fn problems_keep_what_was_typed() {
        let mut form = Form::of([("submissions_per_day", " many ".into())]);
        assert_eq!(
            form.parse::<u32>("submissions_per_day", "give a whole number"),
            None
        );
        assert_eq!(form.text("submissions_per_day"), "many");
        assert_eq!(form.problems()[0].label(), "Submissions per day");
    }
}
