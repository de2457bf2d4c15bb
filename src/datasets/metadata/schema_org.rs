//! schema.org's `Dataset` (<https://schema.org/Dataset>), which search engines read in the page.

use serde_json::{Value, json};

use super::{
    Addresses, citation, columns, description, doi_address, licence, release_tables,
    semantic_version,
};
use crate::datasets::catalogue::{DatasetDetail, ReleaseFile};
use crate::datasets::publish::Access;
use crate::datasets::tables::Column;

/// The release as schema.org's `Dataset`.
pub fn schema_org(dataset: &DatasetDetail, base: &str) -> Value {
    let addresses = Addresses::new(base, dataset);
    let files = dataset.files.iter();
    let distribution: Vec<Value> = files.map(|file| download(file, &addresses)).collect();
    let mut measured: Vec<Value> = Vec::new();
    for file in release_tables(dataset)
        .iter()
        .filter_map(|table| table.typed())
    {
        for value in columns(file).map(variable) {
            if !measured.contains(&value) {
                measured.push(value);
            }
        }
    }
    let mut document = json!({
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": dataset.title,
        "alternateName": dataset.slug,
        "description": description(dataset),
        "url": addresses.page(),
        "identifier": doi_address(&dataset.doi).unwrap_or_else(|| addresses.page()),
        "version": semantic_version(dataset.version),
        "datePublished": dataset.published_at.format("%Y-%m-%d").to_string(),
        "license": licence::address(&dataset.licence).unwrap_or_else(|| dataset.licence.clone()),
        "keywords": ["karting", "motorsport", "lap times", "anonymized"],
        "isAccessibleForFree": true,
        "creator": { "@type": "Organization", "name": dataset.owner },
        "publisher": { "@type": "Organization", "name": "Paddock", "url": addresses.site() },
        "includedInDataCatalog": {
            "@type": "DataCatalog",
            "name": "Paddock",
            "url": format!("{}/datasets", addresses.site()),
        },
        "creditText": citation(dataset, &addresses),
        "variableMeasured": measured,
        "distribution": distribution,
        "subjectOf": {
            "@type": "DataDownload",
            "name": "Croissant metadata",
            "encodingFormat": super::croissant::MEDIA_TYPE,
            "contentUrl": addresses.croissant(),
        },
    });
    if dataset.access == Access::Account {
        document["conditionsOfAccess"] = json!("The files need a free account.");
    }
    document
}

fn download(file: &ReleaseFile, addresses: &Addresses<'_>) -> Value {
    json!({
        "@type": "DataDownload",
        "name": file.path,
        "description": file.description,
        "contentUrl": addresses.file(&file.path),
        "encodingFormat": file.media_type,
        "contentSize": format!("{} B", file.bytes),
        "sha256": file.sha256,
    })
}

fn variable(column: &Column) -> Value {
    let mut variable = json!({ "@type": "PropertyValue", "name": column.name });
    if let Some(description) = &column.description {
        variable["description"] = json!(description);
    }
    if let Some(unit) = &column.unit {
        variable["unitText"] = json!(unit);
    }
    variable
}

/// A document as the text of a `<script type="application/ld+json">`. Such a block is data, which no
/// browser runs and no content security policy stops; only `<` could end it early.
pub fn in_page(document: &Value) -> String {
    document.to_string().replace('<', "\\u003c")
}
