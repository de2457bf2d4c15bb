//! What a challenge's predictions file must hold.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The columns of a challenge's predictions files: an id and one or more predictions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "UncheckedFormat")]
pub struct PredictionFormat {
    id_column: String,
    columns: Vec<PredictionColumn>,
}

/// A column of predictions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionColumn {
    /// Its name in the header.
    pub name: String,
    /// What its cells are.
    pub kind: ColumnKind,
}

/// What the cells of a prediction column are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// A finite number.
    Number,
    /// A number from 0 to 1.
    Probability,
    /// One of these classes, read as its place in the list: 0, 1, ….
    Label(Vec<String>),
}

/// Why columns do not make a format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    #[error("predictions need at least one column beside the id; add one")]
    NoColumns,
    #[error("two columns are called \"{0}\"; give each its own name")]
    RepeatedName(String),
    #[error(
        "\"{0}\" cannot name a column; a name is not empty, has no line break and no white space at its ends"
    )]
    Name(String),
    #[error("the column \"{0}\" has fewer than two classes; name at least two")]
    FewClasses(String),
    #[error("the column \"{column}\" has the class \"{class}\" twice; name each class once")]
    RepeatedClass { column: String, class: String },
    #[error(
        "the column \"{column}\" has the class \"{class}\"; a class is not empty, has no line break and no white space \
         at its ends"
    )]
    Class { column: String, class: String },
}

impl PredictionFormat {
    /// A format of these columns.
    ///
    /// # Errors
    ///
    /// No column, names or classes that a CSV file cannot tell apart, fewer than two classes.
    pub fn new(
        id_column: impl Into<String>,
        columns: Vec<PredictionColumn>,
    ) -> Result<Self, FormatError> {
        let id_column = id_column.into();
        if columns.is_empty() {
            return Err(FormatError::NoColumns);
        }
        let mut names = vec![&id_column];
        names.extend(columns.iter().map(|column| &column.name));
        if let Some(name) = names.iter().find(|name| !is_cell(name)) {
            return Err(FormatError::Name((*name).clone()));
        }
        if let Some(name) = repeated(&names) {
            return Err(FormatError::RepeatedName(name));
        }
        for PredictionColumn { name, kind } in &columns {
            let ColumnKind::Label(classes) = kind else {
                continue;
            };
            let column = name.clone();
            if classes.len() < 2 {
                return Err(FormatError::FewClasses(column));
            }
            if let Some(class) = classes.iter().find(|class| !is_cell(class)) {
                let class = class.clone();
                return Err(FormatError::Class { column, class });
            }
            if let Some(class) = repeated(&classes.iter().collect::<Vec<_>>()) {
                return Err(FormatError::RepeatedClass { column, class });
            }
        }
        Ok(PredictionFormat { id_column, columns })
    }

    /// The name of the id column.
    pub fn id_column(&self) -> &str {
        &self.id_column
    }

    /// The prediction columns, in the order in which they are scored.
    pub fn columns(&self) -> &[PredictionColumn] {
        &self.columns
    }

    /// The names of all columns, the id's first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.id_column).chain(self.columns.iter().map(|column| &*column.name))
    }
}

/// Whether a text stays itself as a cell of a CSV file.
fn is_cell(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.contains(['\n', '\r'])
}

fn repeated(names: &[&String]) -> Option<String> {
    let mut sorted = names.to_vec();
    sorted.sort();
    let pair = sorted.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(pair[0].clone())
}

/// A format as it is written down, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedFormat {
    id_column: String,
    columns: Vec<PredictionColumn>,
}

impl TryFrom<UncheckedFormat> for PredictionFormat {
    type Error = FormatError;

    fn try_from(format: UncheckedFormat) -> Result<Self, FormatError> {
        PredictionFormat::new(format.id_column, format.columns)
    }
}
