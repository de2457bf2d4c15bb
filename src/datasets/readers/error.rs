//! Why a file is not a session, in words that let its owner repair it.

/// Where in a file something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file, from 1, as an editor shows it.
    Line(u64),
    /// A byte of a binary file, from 0.
    Byte(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Byte(offset) => write!(f, "byte {offset}"),
        }
    }
}

/// A file that cannot be read as a session.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),

    #[error("the file is empty")]
    Empty,

    /// None of the formats.
    #[error("this is {found}; {remedy}")]
    Foreign { found: String, remedy: &'static str },

    /// One of the formats, but broken.
    #[error("{format}, {place}: expected {expected}, found {found}")]
    Malformed {
        format: &'static str,
        place: Place,
        expected: String,
        found: String,
    },

    /// A column whose unit is not known: it is never guessed.
    #[error(
        "{format}, column \"{column}\": the unit \"{unit}\" is not known; export it in a unit such as \
         km/h, g, deg, rpm, °C, s or m"
    )]
    UnknownUnit {
        format: &'static str,
        column: String,
        unit: String,
    },

    /// More than a recording of a session can hold.
    #[error("{format}: {what} is more than {allowed}; {remedy}")]
    TooLarge {
        format: &'static str,
        what: String,
        allowed: u64,
        remedy: &'static str,
    },

    /// A recording of an archive cannot be read.
    #[error("{name}: {source}")]
    InArchive {
        name: String,
        source: Box<ReadError>,
    },

    /// A table that is not a lap table.
    #[error(transparent)]
    Table(#[from] crate::datasets::tables::TableError),
}
