//! What changed from one release to another: columns, rows and what stands in them. Pseudonyms differ in
//! every release, so rows are compared by what their columns hold and not one by one.

use serde::Serialize;

use super::summary::{ColumnSummary, Distinct, TableSummary};

/// What changed between two releases of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub tables: Vec<TableComparison>,
}

/// What changed in one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableComparison {
    /// Its name, such as `train`.
    pub name: String,
    /// Rows before and after; nothing where the table was not there.
    pub rows_before: Option<u64>,
    pub rows_after: Option<u64>,
    /// Columns that are new, gone, or not the same, in the order of the newer table.
    pub columns: Vec<ColumnComparison>,
    /// Columns that are the same in all that was compared.
    pub unchanged: u64,
}

/// A column that is not the same in both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnComparison {
    pub name: String,
    pub change: ColumnChange,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnChange {
    Added,
    Removed,
    /// What differs.
    Changed(Vec<Difference>),
}

/// One thing that differs, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `type`, `unit`, `role`, `missing cells`, `distinct values`, `range` or `mean`.
    pub what: &'static str,
    pub before: String,
    pub after: String,
}

/// Compares the tables of two releases, each under its name.
pub fn compare(before: &[(String, TableSummary)], after: &[(String, TableSummary)]) -> Comparison {
    let find = |tables: &'_ [(String, TableSummary)], name: &str| {
        tables.iter().position(|(other, _)| other == name)
    };
    let mut tables: Vec<TableComparison> = after
        .iter()
        .map(|(name, newer)| {
            let older = find(before, name).map(|position| &before[position].1);
            table(name, older, Some(newer))
        })
        .collect();
    let gone = before
        .iter()
        .filter(|(name, _)| find(after, name).is_none());
    tables.extend(gone.map(|(name, older)| table(name, Some(older), None)));
    Comparison { tables }
}

fn table(
    name: &str,
    before: Option<&TableSummary>,
    after: Option<&TableSummary>,
) -> TableComparison {
    let columns = |table: Option<&'_ TableSummary>| -> Vec<ColumnSummary> {
        table.map(|table| table.columns.clone()).unwrap_or_default()
    };
    let (older, newer) = (columns(before), columns(after));
    let find = |columns: &[ColumnSummary], name: &str| {
        columns.iter().position(|column| column.column.name == name)
    };
    let mut changed = Vec::new();
    let mut unchanged = 0;
    for column in &newer {
        let name = &column.column.name;
        let change = match find(&older, name) {
            None => ColumnChange::Added,
            Some(position) => match differences(&older[position], column) {
                differences if differences.is_empty() => {
                    unchanged += 1;
                    continue;
                }
                differences => ColumnChange::Changed(differences),
            },
        };
        changed.push(ColumnComparison {
            name: name.clone(),
            change,
        });
    }
    let gone = older
        .iter()
        .filter(|column| find(&newer, &column.column.name).is_none());
    changed.extend(gone.map(|column| ColumnComparison {
        name: column.column.name.clone(),
        change: ColumnChange::Removed,
    }));
    TableComparison {
        name: name.to_owned(),
        rows_before: before.map(|table| table.rows),
        rows_after: after.map(|table| table.rows),
        columns: changed,
        unchanged,
    }
}

fn differences(before: &ColumnSummary, after: &ColumnSummary) -> Vec<Difference> {
    let unit = |column: &ColumnSummary| column.column.unit.clone().unwrap_or_default();
    let role = |column: &ColumnSummary| format!("{:?}", column.column.role).to_lowercase();
    let range = |column: &ColumnSummary| match &column.range {
        Some((least, greatest)) => format!("{least} to {greatest}"),
        None => String::new(),
    };
    let mean = |column: &ColumnSummary| match &column.numbers {
        Some(numbers) => format!("{:.4}", numbers.mean),
        None => String::new(),
    };
    let distinct = |column: &ColumnSummary| match column.distinct {
        Distinct::Exactly(count) => count.to_string(),
        Distinct::MoreThan(count) => format!("over {count}"),
    };
    let described = |column: &ColumnSummary| {
        [
            ("type", column.column.kind.to_string()),
            ("unit", unit(column)),
            ("role", role(column)),
            ("missing cells", column.missing.to_string()),
            ("distinct values", distinct(column)),
            ("range", range(column)),
            ("mean", mean(column)),
        ]
    };
    let pairs = described(before).into_iter().zip(described(after));
    pairs
        .map(|((what, before), (_, after))| Difference {
            what,
            before,
            after,
        })
        .filter(|difference| difference.before != difference.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::tables::{Source, Table};

    fn summary(csv: &'static str) -> TableSummary {
        let table = Table::open(Source::Bytes(csv.into())).unwrap();
        TableSummary::of(&table).unwrap()
    }

    #[test]
    fn a_new_version_says_what_it_added_dropped_and_changed() {
        let before = [
            (
                "train".to_owned(),
                summary("lap,kart,time\n1,a,50\n2,b,51\n"),
            ),
            ("old".to_owned(), summary("x\n1\n")),
        ];
        let after = [(
            "train".to_owned(),
            summary("lap,time,wet\n1,50.5,true\n2,51.5,false\n2,52,true\n"),
        )];
        let Comparison { tables } = compare(&before, &after);
        let [train, old] = &tables[..] else {
            panic!("{tables:?}")
        };
        assert_eq!((train.rows_before, train.rows_after), (Some(2), Some(3)));
        assert_eq!((old.rows_before, old.rows_after), (Some(1), None));
        let change = |name: &str| {
            let found = train.columns.iter().find(|column| column.name == name);
            found.map(|column| column.change.clone())
        };
        assert_eq!(change("wet"), Some(ColumnChange::Added));
        assert_eq!(change("kart"), Some(ColumnChange::Removed));
        // The same laps, though a number of rows more.
        assert_eq!((change("lap").is_some(), train.unchanged), (true, 0));
        let Some(ColumnChange::Changed(time)) = change("time") else {
            panic!("{train:?}")
        };
        let what: Vec<_> = time.iter().map(|difference| difference.what).collect();
        assert_eq!(what, ["type", "distinct values", "range", "mean"]);
        assert_eq!(
            (time[0].before.as_str(), time[0].after.as_str()),
            ("integer", "number")
        );
    }

    #[test]
    fn the_same_release_is_the_same() {
        let tables = [("train".to_owned(), summary("lap,time\n1,50\n2,51\n"))];
        let same = compare(&tables, &tables);
        assert_eq!(same.tables[0].columns, []);
        assert_eq!(same.tables[0].unchanged, 2);
    }
}
