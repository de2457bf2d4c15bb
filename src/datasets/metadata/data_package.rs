//! Data Package 2.0 (<https://datapackage.org/standard/data-package/>), as `frictionless` validates it.

use serde_json::{Value, json};

use super::{Addresses, columns, description, licence, release_tables, semantic_version};
use crate::datasets::catalogue::{DatasetDetail, ReleaseFile};
use crate::datasets::tables::{Column, ColumnType, Role};

/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/json";

/// The release as a Data Package: each table as CSV with its schema, and as Parquet where there is one.
pub fn data_package(dataset: &DatasetDetail, base: &str) -> Value {
    let addresses = Addresses::new(base, dataset);
    let mut resources = Vec::new();
    for table in release_tables(dataset) {
        if let Some(csv) = table.csv {
            resources.push(table_resource(table.name, csv, &addresses));
        }
        if let Some(parquet) = table.parquet {
            resources.push(parquet_resource(table.name, parquet, &addresses));
        }
    }
    let mut licence = json!({ "title": licence::full_name(&dataset.licence) });
    if let Some(address) = licence::address(&dataset.licence) {
        licence["name"] = json!(dataset.licence);
        licence["path"] = json!(address);
    }
    json!({
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": dataset.slug,
        "id": super::doi_address(&dataset.doi).unwrap_or_else(|| addresses.page()),
        "title": dataset.title,
        "description": description(dataset),
        "homepage": addresses.page(),
        "version": semantic_version(dataset.version),
        "created": dataset.published_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "keywords": ["karting", "motorsport", "lap times", "anonymized"],
        "licenses": [licence],
        "contributors": [{ "title": dataset.owner, "roles": ["publisher"] }],
        "sources": [{ "title": dataset.title, "path": addresses.page() }],
        "resources": resources,
    })
}

fn table_resource(name: &str, file: &ReleaseFile, addresses: &Addresses<'_>) -> Value {
    let mut resource = file_resource(name, file, addresses);
    resource["type"] = json!("table");
    resource["format"] = json!("csv");
    resource["mediatype"] = json!("text/csv");
    resource["encoding"] = json!("utf-8");
    resource["schema"] = schema(file);
    resource
}

/// Parquet carries its schema itself, and readers of tables would need an extension for it.
fn parquet_resource(name: &str, file: &ReleaseFile, addresses: &Addresses<'_>) -> Value {
    let mut resource = file_resource(&format!("{name}-parquet"), file, addresses);
    resource["type"] = json!("file");
    resource["format"] = json!("parquet");
    resource["mediatype"] = json!(file.media_type);
    resource
}

fn file_resource(name: &str, file: &ReleaseFile, addresses: &Addresses<'_>) -> Value {
    json!({
        "name": name,
        "title": file.description,
        // The scheme stands in the address; named too, because the address ends in a query.
        "path": addresses.file(&file.path),
        "scheme": addresses.site().split(':').next().unwrap_or("https"),
        "bytes": file.bytes,
        "hash": format!("sha256:{}", file.sha256),
    })
}

/// A Table Schema (<https://datapackage.org/standard/table-schema/>).
fn schema(file: &ReleaseFile) -> Value {
    let fields: Vec<Value> = columns(file).map(field).collect();
    let mut schema = json!({ "fields": fields, "missingValues": [""] });
    let key: Vec<&str> = columns(file)
        .filter(|column| column.role == Role::Id)
        .map(|column| column.name.as_str())
        .collect();
    if !key.is_empty() {
        schema["primaryKey"] = json!(key);
    }
    schema
}

fn field(column: &Column) -> Value {
    let mut field = json!({ "name": column.name });
    field["type"] = json!(match column.kind {
        ColumnType::Integer => "integer",
        ColumnType::Number => "number",
        ColumnType::Text => "string",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
    });
    if let Some(description) = &column.description {
        field["description"] = json!(description);
    }
    if let Some(unit) = &column.unit {
        field["unit"] = json!(unit);
    }
    if column.role == Role::Id {
        field["constraints"] = json!({ "required": true, "unique": true });
    }
    field
}
