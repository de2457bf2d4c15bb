//! Descriptions of a release that other programs read, one file a standard: Croissant, Data Package,
//! schema.org and Hugging Face's dataset card.
//!
//! Pure: a release and the site's address go in, a document comes out. May touch: what
//! [`catalogue`](super::catalogue) finds. Start reading at [`addresses`], then [`croissant()`].

pub mod addresses;
pub mod croissant;
pub mod data_package;
pub mod hugging_face;
pub mod licence;
pub mod schema_org;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::catalogue::{DatasetDetail, ReleaseFile};
use super::tables::Column;

pub use addresses::Addresses;
pub use croissant::croissant;
pub use data_package::data_package;
pub use schema_org::schema_org;

/// The release's version as <https://semver.org> writes it, which Croissant and Data Package ask for.
/// Every release may change rows and columns, so each is a major version.
pub fn semantic_version(version: i32) -> String {
    format!("{version}.0.0")
}

/// How to name the release in a paper: what its publisher wrote, or author, year, title and address in
/// the order of APA's data set references.
pub fn citation(dataset: &DatasetDetail, addresses: &Addresses<'_>) -> String {
    if !dataset.citation.is_empty() {
        return dataset.citation.clone();
    }
    format!(
        "{} ({}). {} (version {}) [Data set]. Paddock. {}",
        dataset.owner,
        dataset.published_at.format("%Y"),
        dataset.title,
        dataset.version,
        doi_address(&dataset.doi).unwrap_or_else(|| addresses.page()),
    )
}

/// What a DOI's address may not hold as it is, beside what is not ASCII: it also travels in headers.
const NOT_IN_DOI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\');

/// Where a DOI leads; nothing for an empty one. Takes `10.5281/zenodo.1`, `doi:10.5281/zenodo.1` and the
/// whole address.
pub fn doi_address(doi: &str) -> Option<String> {
    let doi = doi.trim();
    let doi = ["https://doi.org/", "http://doi.org/", "doi:"]
        .iter()
        .find_map(|prefix| doi.strip_prefix(prefix))
        .unwrap_or(doi);
    (!doi.is_empty()).then(|| format!("https://doi.org/{}", utf8_percent_encode(doi, NOT_IN_DOI)))
}

/// A table of a release: the files that hold the same rows in different formats.
pub struct ReleaseTable<'a> {
    /// What its files are called without their extension.
    pub name: &'a str,
    /// The file in CSV.
    pub csv: Option<&'a ReleaseFile>,
    /// The file in Parquet.
    pub parquet: Option<&'a ReleaseFile>,
}

impl<'a> ReleaseTable<'a> {
    /// One of the files: Parquet, whose columns carry their types, where there is one.
    pub fn typed(&self) -> Option<&'a ReleaseFile> {
        self.parquet.or(self.csv)
    }
}

/// The tables of a release in the order of its files.
pub fn release_tables(dataset: &DatasetDetail) -> Vec<ReleaseTable<'_>> {
    let mut tables: Vec<ReleaseTable<'_>> = Vec::new();
    for file in &dataset.files {
        let (name, extension) = file.path.rsplit_once('.').unwrap_or((&file.path, ""));
        let index = match tables.iter().position(|table| table.name == name) {
            Some(index) => index,
            None => {
                tables.push(ReleaseTable {
                    name,
                    csv: None,
                    parquet: None,
                });
                tables.len() - 1
            }
        };
        match extension {
            "csv" => tables[index].csv = Some(file),
            "parquet" => tables[index].parquet = Some(file),
            _ => {}
        }
    }
    tables
}

/// The columns of a file.
fn columns(file: &ReleaseFile) -> impl Iterator<Item = &Column> {
    file.summary.columns.iter().map(|summary| &summary.column)
}

/// What a column holds, in words, with its unit; nothing where its publisher said neither.
fn in_words(column: &Column) -> Option<String> {
    match (&column.description, &column.unit) {
        (Some(words), Some(unit)) => Some(format!("{words} (unit: {unit})")),
        (Some(words), None) => Some(words.clone()),
        (None, Some(unit)) => Some(format!("In {unit}.")),
        (None, None) => None,
    }
}

/// What is said of the whole where a standard asks for a text.
fn description(dataset: &DatasetDetail) -> String {
    let anonymization = &dataset.report.anonymization;
    format!(
        "{} Anonymized: {} subjects under pseudonyms that differ in every release, at least {} of them alike \
         in every combination of quasi-identifiers.",
        dataset.summary.trim_end(),
        anonymization.subjects,
        anonymization.smallest_class,
    )
}

#[cfg(test)]
mod tests {
    use super::doi_address;

    #[test]
    fn a_doi_in_each_of_its_spellings_leads_to_the_resolver() {
        let address = "https://doi.org/10.5281/zenodo.1234";
        for doi in [
            "10.5281/zenodo.1234",
            "doi:10.5281/zenodo.1234",
            "https://doi.org/10.5281/zenodo.1234",
        ] {
            assert_eq!(doi_address(doi).as_deref(), Some(address));
        }
        assert_eq!(doi_address(" "), None);
        // What would break out of a header or an attribute does not.
        assert_eq!(
            doi_address("10.1/<ü>\n\"").as_deref(),
            Some("https://doi.org/10.1/%3C%C3%BC%3E%0A%22")
        );
    }
}
