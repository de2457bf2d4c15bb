//! A policy as TOML that a person would have written: what matters first, one paragraph a column.

use toml::{Table, Value};

/// The keys of a policy in the order in which a reader wants them; others follow.
const FIRST: [&str; 5] = [
    "version",
    "minimum_class_size",
    "minors",
    "subject",
    "small_classes",
];
/// Likewise those of a column.
const FIRST_OF_COLUMN: [&str; 2] = ["name", "action"];

/// Writes a policy, with everything in it, also what this version of the program does not know.
pub fn to_text(policy: &Table) -> String {
    let mut text = String::new();
    let values = policy
        .iter()
        .filter(|(_, value)| !value.is_table() && !is_list_of_tables(value));
    write(&mut text, values, &FIRST);
    for (key, value) in policy {
        if let Value::Table(table) = value {
            text += &format!("\n[{}]\n", bare(key));
            write(&mut text, table.iter(), &[]);
        }
    }
    for (key, value) in policy {
        let Value::Array(tables) = value else {
            continue;
        };
        if !is_list_of_tables(value) {
            continue;
        }
        for table in tables.iter().filter_map(Value::as_table) {
            text += &format!("\n[[{}]]\n", bare(key));
            write(&mut text, table.iter(), &FIRST_OF_COLUMN);
        }
    }
    text
}

fn is_list_of_tables(value: &Value) -> bool {
    matches!(value, Value::Array(values) if !values.is_empty() && values.iter().all(Value::is_table))
}

fn write<'a>(
    text: &mut String,
    values: impl Iterator<Item = (&'a String, &'a Value)>,
    first: &[&str],
) {
    let place = |key: &str| {
        let place = first.iter().position(|first| *first == key);
        place.unwrap_or(first.len())
    };
    let mut values: Vec<_> = values.collect();
    values.sort_by_key(|(key, _)| place(key));
    for (key, value) in values {
        text.push_str(&format!("{} = {value}\n", bare(key)));
    }
}

/// A key, in quotation marks where it needs them.
fn bare(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(is_bare) {
        key.to_owned()
    } else {
        Value::String(key.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_and_what_matters_first() {
        let written = "zeta = [1, 2]\nsubject = \"dri\\\"ver\"\nversion = 1\n[laps]\nquota = 15\nrange = { low = 0.9 }\n\
                       [[column]]\nstep = 0.5\naction = \"round\"\nname = \"a b\"\n\
                       [[column]]\nname = \"c\"\nlevels = { \"x y\" = \"z\" }\n";
        let table: Table = written.parse().unwrap();
        let text = to_text(&table);
        assert!(text.starts_with("version = 1\nsubject = "), "{text}");
        assert!(
            text.contains("\n[[column]]\nname = \"a b\"\naction = \"round\"\nstep = 0.5\n"),
            "{text}"
        );
        assert_eq!(text.parse::<Table>().unwrap(), table);
    }
}
