//! Where a release and what describes it are found. Every address names the version, so that what is
//! behind it never changes and can be cached for ever.

use crate::datasets::catalogue::DatasetDetail;

/// The addresses of one release.
#[derive(Debug, Clone, Copy)]
pub struct Addresses<'a> {
    base: &'a str,
    slug: &'a str,
    version: i32,
}

impl<'a> Addresses<'a> {
    /// Those of a release on the site at `base`, as in `https://paddock.example`.
    pub fn new(base: &'a str, dataset: &'a DatasetDetail) -> Self {
        Self {
            base: base.trim_end_matches('/'),
            slug: &dataset.slug,
            version: dataset.version,
        }
    }

    /// The site itself.
    pub fn site(&self) -> &'a str {
        self.base
    }

    /// The page for people.
    pub fn page(&self) -> String {
        format!(
            "{}/datasets/{}?version={}",
            self.base, self.slug, self.version
        )
    }

    /// A file. Names of files are plain words, so nothing is escaped.
    pub fn file(&self, path: &str) -> String {
        self.below(&format!("files/{path}"))
    }

    /// The Croissant document.
    pub fn croissant(&self) -> String {
        self.below("croissant.json")
    }

    /// The Data Package.
    pub fn data_package(&self) -> String {
        self.below("datapackage.json")
    }

    fn below(&self, path: &str) -> String {
        format!(
            "{}/datasets/{}/{path}?version={}",
            self.base, self.slug, self.version
        )
    }
}
