//! Reference data: which table of it can be a phase's solution.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::scoring::solution::TargetKind;

/// Fewer rows cannot be cut into a public and a private part.
const LEAST_ROWS: usize = 4;

/// More names than these are no classes but texts.
const MOST_CLASSES: usize = 100;

/// The deepest folder that is looked into, and the most files.
const MOST_FILES: usize = 5_000;

/// A table that can be a solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The file, CSV.
    pub(super) path: PathBuf,
    /// What the bundle calls it.
    pub(super) name: String,
    /// Whether it was written anew as CSV.
    pub(super) is_converted: bool,
    /// The column that names each row.
    pub(super) id_column: String,
    /// The column that is compared with.
    pub(super) target_column: String,
    /// What it holds.
    pub(super) target: TargetKind,
}

/// The one table of a folder or file that can be a solution, or why there is none. A table of tabs is
/// written as CSV to `converted`.
pub(super) fn find_table(
    reference: &Path,
    converted: &Path,
) -> Result<Result<Table, String>, io::Error> {
    let mut files = Vec::new();
    collect(reference, &mut files)?;
    let ending = |path: &Path| {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        ending.to_ascii_lowercase()
    };
    let mut tables = files
        .iter()
        .filter(|path| ["csv", "tsv"].contains(&&*ending(path)));
    let path = match (tables.next(), tables.next()) {
        (Some(path), None) => path,
        (None, _) => return Ok(Err("there is no CSV or TSV table in it".to_owned())),
        (Some(_), Some(_)) => {
            return Ok(Err("there are several tables in it".to_owned()));
        }
    };
    let delimiter = if ending(path) == "tsv" { b'\t' } else { b',' };
    let looked = match look(path, delimiter) {
        Ok(looked) => looked,
        Err(Looking::Io(error)) => return Err(error),
        Err(Looking::Unfit(why)) => return Ok(Err(why)),
    };
    let (id_column, target_column, target) = looked;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_converted = delimiter != b',';
    if is_converted {
        convert(path, converted)?;
    }
    Ok(Ok(Table {
        path: if is_converted { converted } else { path }.to_owned(),
        name: name.into_owned(),
        is_converted,
        id_column,
        target_column,
        target,
    }))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), io::Error> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside = std::fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    inside.sort();
    for path in inside {
        if files.len() < MOST_FILES {
            collect(&path, files)?;
        }
    }
    Ok(())
}

enum Looking {
    Io(io::Error),
    Unfit(String),
}

impl From<csv::Error> for Looking {
    fn from(error: csv::Error) -> Self {
        let message = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                Self::Io(error)
            }
            _ => Self::Unfit(format!("its table cannot be read: {message}")),
        }
    }
}

/// Whether a column's name is that of a row's id.
fn is_id(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    [
        "id", "index", "idx", "uid", "uuid", "key", "rowid", "sampleid",
    ]
    .contains(&&*name)
        || name.ends_with("_id")
        || name.ends_with(" id")
}

/// Whether a column's name is that of what is to be predicted.
fn is_target(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    [
        "target",
        "label",
        "labels",
        "y",
        "y_true",
        "class",
        "truth",
        "solution",
        "ground_truth",
    ]
    .contains(&&*name)
}

/// The columns of a table that make it a solution.
fn look(path: &Path, delimiter: u8) -> Result<(String, String, TargetKind), Looking> {
    let unfit = |why: String| Err(Looking::Unfit(why));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_path(path)?;
    let names: Vec<String> = reader
        .headers()?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    let Some(id) = names.iter().position(|name| is_id(name)) else {
        return unfit(format!(
            "its table has no column that names the rows, such as `id`: it has {}",
            names.join(", ")
        ));
    };
    let mut others = (0..names.len()).filter(|column| *column != id);
    let named = others.clone().find(|column| is_target(&names[*column]));
    let target = match (named, others.next(), others.next()) {
        (Some(column), ..) | (None, Some(column), None) => column,
        _ => {
            return unfit(format!(
                "it is not clear which column is the truth: {}",
                names.join(", ")
            ));
        }
    };
    let mut ids = HashSet::new();
    let mut classes = BTreeSet::new();
    let mut are_numbers = true;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let (row_id, value) = (
            record.get(id).unwrap_or_default(),
            record.get(target).unwrap_or_default(),
        );
        if !ids.insert(row_id.to_owned()) {
            return unfit(format!("its table has the {} `{row_id}` twice", names[id]));
        }
        let number = fast_float2::parse::<f64, _>(value.trim());
        are_numbers &= number.is_ok_and(f64::is_finite);
        if classes.len() <= MOST_CLASSES && !classes.contains(value) {
            classes.insert(value.to_owned());
        }
    }
    if ids.len() < LEAST_ROWS {
        return unfit(format!(
            "its table has fewer than {LEAST_ROWS} rows, too few for a public and a private part"
        ));
    }
    let kind = if are_numbers {
        TargetKind::Number
    } else if classes.len() <= MOST_CLASSES && !classes.contains("") {
        TargetKind::Label(classes.into_iter().collect())
    } else {
        return unfit(format!(
            "the column `{}` of its table holds neither numbers nor a few classes",
            names[target]
        ));
    };
    Ok((names[id].clone(), names[target].clone(), kind))
}

fn convert(from: &Path, to: &Path) -> Result<(), io::Error> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .has_headers(false)
        .from_path(from)?;
    let mut writer = csv::Writer::from_path(to)?;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        writer.write_byte_record(&record)?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        find_table(folder.path(), &folder.path().join("made")).unwrap()
    }

    #[test]
    fn one_table_with_ids_is_a_solution() {
        let table = found(&[
            ("iris.csv", "id,species\n1,a\n2,b\n3,a\n4,b\n"),
            ("readme.txt", "x"),
        ])
        .unwrap();
        assert_eq!(
            (&*table.id_column, &*table.target_column),
            ("id", "species")
        );
        assert_eq!(
            table.target,
            TargetKind::Label(vec!["a".into(), "b".into()])
        );
        let table = found(&[(
            "t.tsv",
            "lap_id\tnoise\ty\n1\t9\t1.5\n2\t9\t2\n3\t8\t3\n4\t8\t4\n",
        )]);
        let table = table.unwrap();
        assert!(table.is_converted);
        assert_eq!((&*table.id_column, &*table.target_column), ("lap_id", "y"));
        assert_eq!(table.target, TargetKind::Number);
    }

    #[test]
    fn what_cannot_be_a_solution_is_told() {
        for (files, why) in [
            (&[("a.npy", "")][..], "no CSV"),
            (
                &[("a.csv", "id,y\n"), ("b.csv", "id,y\n")][..],
                "several tables",
            ),
            (&[("a.csv", "x,y\n1,2\n")][..], "no column that names"),
            (&[("a.csv", "id,a,b\n1,2,3\n")][..], "not clear which"),
            (&[("a.csv", "id,y\n1,2\n1,3\n2,3\n3,4\n")][..], "`1` twice"),
            (&[("a.csv", "id,y\n1,2\n")][..], "fewer than 4 rows"),
            (&[("a.csv", "id,y\n1,2\n2\n")][..], "cannot be read"),
        ] {
            let said = found(files).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
