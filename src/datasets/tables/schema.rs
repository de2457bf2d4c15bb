//! What a table's columns are called and hold.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::TableError;

/// The widest table that is read: a bound against hostile headers, far above any lap table.
pub const MAX_COLUMNS: usize = 1024;

/// What the cells of a column hold. Every cell may also be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// A whole number that fits 64 bits.
    Integer,
    /// A finite floating-point number.
    Number,
    /// UTF-8 text; also identifiers with leading zeros and numbers too long for 64 bits.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A calendar day, `2026-05-31` in CSV.
    Date,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnType::Integer => "integer",
            ColumnType::Number => "number",
            ColumnType::Text => "text",
            ColumnType::Boolean => "boolean",
            ColumnType::Date => "date",
        })
    }
}

/// What a column is for, as far as a release or a split knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An ordinary column.
    #[default]
    Feature,
    /// Names the subject (the driver), by a pseudonym in a release.
    Subject,
    /// Helps to single a subject out when combined with others: age, weight, class, event.
    QuasiIdentifier,
    /// What a challenge asks to predict.
    Target,
    /// Numbers the rows of a challenge's test table.
    Id,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// The unit of the values, such as `s` or `km/h`, where the publisher stated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// One sentence for people, where the publisher wrote one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub role: Role,
}

impl Column {
    /// A feature column without unit or description.
    pub fn new(name: impl Into<String>, kind: ColumnType) -> Column {
        Column {
            name: name.into(),
            kind,
            unit: None,
            description: None,
            role: Role::Feature,
        }
    }
}

/// The columns of a table, in order, with distinct and non-empty names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Schema {
    columns: Vec<Column>,
}

impl Schema {
    /// Checks the names and the width.
    ///
    /// # Errors
    /// [`TableError::UnnamedColumn`], [`TableError::DuplicateColumn`] and
    /// [`TableError::TooManyColumns`].
    pub fn new(columns: Vec<Column>) -> Result<Schema, TableError> {
        if columns.len() > MAX_COLUMNS {
            return Err(TableError::TooManyColumns {
                found: columns.len(),
                allowed: MAX_COLUMNS,
            });
        }
        for (index, column) in columns.iter().enumerate() {
            if column.name.trim().is_empty() {
                return Err(TableError::UnnamedColumn {
                    position: index + 1,
                });
            }
            if let Some(first) = columns[..index].iter().position(|c| c.name == column.name) {
                return Err(TableError::DuplicateColumn {
                    name: column.name.clone(),
                    first: first + 1,
                    second: index + 1,
                });
            }
        }
        Ok(Schema { columns })
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The types to declare when a CSV file written with this schema is opened again: numbers that all
    /// happen to be whole would otherwise be taken for integers.
    pub fn types(&self) -> BTreeMap<String, ColumnType> {
        let columns = self.columns.iter();
        columns
            .map(|column| (column.name.clone(), column.kind))
            .collect()
    }

    /// The position of the column called `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// As [`Schema::position`], or an error that lists the columns there are.
    ///
    /// # Errors
    /// [`TableError::NoSuchColumn`].
    pub fn require(&self, name: &str) -> Result<usize, TableError> {
        self.position(name).ok_or_else(|| TableError::NoSuchColumn {
            name: name.to_owned(),
            present: self
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}
