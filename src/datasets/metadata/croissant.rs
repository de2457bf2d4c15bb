//! Croissant 1.1 (<https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html>), as `mlcroissant`
//! validates it without a warning.

use serde_json::{Value, json};

use super::{
    Addresses, citation, columns, description, in_words, licence, release_tables, semantic_version,
};
use crate::datasets::catalogue::{DatasetDetail, ReleaseFile};
use crate::datasets::tables::{Column, ColumnType, Role};

/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/ld+json";
/// The version of the standard that the document conforms to.
pub const PROFILE: &str = "http://mlcommons.org/croissant/1.1";

/// The release as Croissant: its files, and a record set for each table and format. The one of Parquet
/// has the table's plain name, because types survive in it; that of CSV is called `NAME_csv`.
pub fn croissant(dataset: &DatasetDetail, base: &str) -> Value {
    let addresses = Addresses::new(base, dataset);
    let mut record_sets = Vec::new();
    for table in release_tables(dataset) {
        if let Some(parquet) = table.parquet {
            record_sets.push(record_set(table.name, parquet));
        }
        if let Some(csv) = table.csv {
            record_sets.push(record_set(&format!("{}_csv", table.name), csv));
        }
    }
    let files = dataset.files.iter();
    let distribution: Vec<Value> = files.map(|file| file_object(file, &addresses)).collect();
    let mut document = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "name": dataset.title,
        "alternateName": dataset.slug,
        "description": description(dataset),
        "conformsTo": PROFILE,
        "url": addresses.page(),
        "license": licence::address(&dataset.licence).unwrap_or_else(|| dataset.licence.clone()),
        "version": semantic_version(dataset.version),
        "datePublished": dataset.published_at.format("%Y-%m-%d").to_string(),
        "creator": { "@type": "sc:Organization", "name": dataset.owner },
        "publisher": { "@type": "sc:Organization", "name": "Paddock", "url": addresses.site() },
        "keywords": ["karting", "motorsport", "lap times", "anonymized"],
        "citeAs": citation(dataset, &addresses),
        "isLiveDataset": false,
        "rai:personalSensitiveInformation": description(dataset),
        "distribution": distribution,
        "recordSet": record_sets,
    });
    if let Some(doi) = super::doi_address(&dataset.doi) {
        document["sameAs"] = json!(doi);
    }
    document
}

fn file_object(file: &ReleaseFile, addresses: &Addresses<'_>) -> Value {
    json!({
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "description": file.description,
        "contentUrl": addresses.file(&file.path),
        "contentSize": format!("{} B", file.bytes),
        "encodingFormat": encoding_format(file),
        "sha256": file.sha256,
    })
}

/// The media type under which readers of Croissant know the format.
fn encoding_format(file: &ReleaseFile) -> &str {
    if file.path.ends_with(".parquet") {
        "application/x-parquet"
    } else if file.path.ends_with(".csv") {
        "text/csv"
    } else {
        &file.media_type
    }
}

fn record_set(name: &str, file: &ReleaseFile) -> Value {
    let fields: Vec<Value> = columns(file)
        .map(|column| field(name, file, column))
        .collect();
    let mut set = json!({
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": format!("{}, {} rows", file.description, file.row_count),
        "field": fields,
    });
    let key: Vec<Value> = columns(file)
        .filter(|column| column.role == Role::Id)
        .map(|column| json!({ "@id": field_id(name, column) }))
        .collect();
    if !key.is_empty() {
        set["key"] = Value::Array(key);
    }
    set
}

fn field_id(record_set: &str, column: &Column) -> String {
    format!("{record_set}/{}", column.name)
}

fn field(record_set: &str, file: &ReleaseFile, column: &Column) -> Value {
    let mut field = json!({
        "@type": "cr:Field",
        "@id": field_id(record_set, column),
        "name": column.name,
        "dataType": data_type(column.kind),
        "source": {
            "fileObject": { "@id": file.path },
            "extract": { "column": column.name },
        },
    });
    if let Some(words) = in_words(column) {
        field["description"] = json!(words);
    }
    field
}

fn data_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Integer => "sc:Integer",
        ColumnType::Number => "sc:Float",
        ColumnType::Text => "sc:Text",
        ColumnType::Boolean => "sc:Boolean",
        ColumnType::Date => "sc:Date",
    }
}

/// The standard's own context, which readers expect word for word.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "data": { "@id": "cr:data", "@type": "@json" },
        "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
        "dct": "http://purl.org/dc/terms/",
        "examples": { "@id": "cr:examples", "@type": "@json" },
        "extract": "cr:extract",
        "field": "cr:field",
        "fileProperty": "cr:fileProperty",
        "fileObject": "cr:fileObject",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "samplingRate": "cr:samplingRate",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
        "arrayShape": "cr:arrayShape",
        "isArray": "cr:isArray",
        "equivalentProperty": "cr:equivalentProperty",
    })
}
