//! A release as a repository of the Hugging Face hub: its commit and its dataset card.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Addresses, citation, columns, licence, release_tables};
use crate::datasets::catalogue::DatasetDetail;
use crate::platform::storage::hexadecimal;

/// The name of the dataset card in a repository.
pub const CARD: &str = "README.md";

/// The branch that always is the newest release.
pub const MAIN: &str = "main";

/// The commit of a release, 40 hexadecimal digits as Git's are: the beginning of the SHA-256 over its
/// version and its files, so that it follows from the release alone.
pub fn commit<'a>(version: i32, files: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("paddock release {version}\n"));
    for (path, sha256) in files {
        hash.update(format!("{sha256} {path}\n"));
    }
    let mut commit = hexadecimal(&hash.finalize());
    commit.truncate(40);
    commit
}

/// The dataset card: YAML that says what to load (<https://huggingface.co/docs/hub/datasets-cards>), then
/// the data card. Every value is written as JSON, which YAML contains, so no text can break out of it.
pub fn card(dataset: &DatasetDetail, base: &str) -> String {
    let addresses = Addresses::new(base, dataset);
    let hub_licence = licence::hugging_face_id(&dataset.licence);
    let mut header: Vec<(&str, Value)> = vec![
        ("pretty_name", json!(dataset.title)),
        (
            "license",
            json!(hub_licence.clone().unwrap_or_else(|| "other".to_owned())),
        ),
    ];
    if hub_licence.is_none() {
        header.push(("license_name", json!(dataset.licence)));
    }
    header.push((
        "tags",
        json!(["karting", "motorsport", "tabular", "anonymized"]),
    ));
    header.push(("configs", Value::Array(configs(dataset))));
    let mut card = "---\n".to_owned();
    for (name, value) in header {
        let _ = writeln!(card, "{name}: {value}"); // writing to a String cannot fail
    }
    card.push_str("---\n\n");
    if dataset.card.trim().is_empty() {
        let _ = write!(card, "# {}\n\n{}\n", dataset.title, dataset.summary);
    } else {
        card.push_str(dataset.card.trim_end());
        card.push('\n');
    }
    let _ = write!(
        card,
        "\nVersion {} of {}, published by {}.\n\n> {}\n",
        dataset.version,
        addresses.page(),
        dataset.owner,
        citation(dataset, &addresses),
    );
    card
}

/// What `load_dataset` offers. Tables of the same columns are splits of one configuration; tables that
/// differ, as a test table without its target does, cannot be, and each gets one of its own, the first
/// of which is the default.
fn configs(dataset: &DatasetDetail) -> Vec<Value> {
    let tables = release_tables(dataset);
    let files: Vec<_> = tables
        .iter()
        .filter_map(|table| Some((table.name, table.typed()?)))
        .collect();
    let names = |file| -> Vec<_> {
        columns(file)
            .map(|column| (&column.name, column.kind))
            .collect()
    };
    let alike = files
        .windows(2)
        .all(|pair| names(pair[0].1) == names(pair[1].1));
    if alike {
        let splits: Vec<Value> = files
            .iter()
            .map(|(name, file)| {
                // A table alone is called `train` on the hub.
                let split = if files.len() == 1 { "train" } else { name };
                json!({ "split": split, "path": file.path })
            })
            .collect();
        return vec![json!({ "config_name": "default", "data_files": splits })];
    }
    files
        .iter()
        .enumerate()
        .map(|(index, (name, file))| {
            let mut config = json!({
                "config_name": name,
                "data_files": [{ "split": name, "path": file.path }],
            });
            if index == 0 {
                config["default"] = json!(true);
            }
            config
        })
        .collect()
}

/// The configuration that `load_dataset` must be told to load a table, and the split that it is in then;
/// no configuration where the default has it.
pub fn place_of(dataset: &DatasetDetail, table: &str) -> Option<(Option<String>, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let path = |name: &str| format!("{table}.{name}");
    configs(dataset).iter().find_map(|config| {
        let split = config["data_files"].as_array()?.iter().find(|file| {
            ["parquet", "csv"]
                .iter()
                .any(|extension| file["path"] == path(extension).as_str())
        })?;
        let is_default = config["config_name"] == "default" || config["default"] == true;
        let name = if is_default {
            None
        } else {
            text(&config["config_name"])
        };
        Some((name, text(&split["split"])?))
    })
}
