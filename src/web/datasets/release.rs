//! A release in words and small pictures: what its page shows beside the card.

use crate::datasets::anonymize::gate::{Gate, Outcome};
use crate::datasets::anonymize::policy::{Action, Policy};
use crate::datasets::catalogue::{DatasetDetail, ReleaseFile};
use crate::datasets::metadata::{
    Addresses, croissant, data_package, doi_address, hugging_face, licence, release_tables,
};
use crate::datasets::publish::Access;
use crate::datasets::summary::{ColumnSummary, Distinct, NumberSummary, TableSummary};
use crate::datasets::tables::Role;
use crate::web::format;

/// A file in the list of downloads.
pub struct FileLine {
    pub path: String,
    pub description: String,
    pub rows: String,
    pub size: String,
    pub sha256: String,
}

impl From<&ReleaseFile> for FileLine {
    fn from(file: &ReleaseFile) -> Self {
        Self {
            path: file.path.clone(),
            description: file.description.clone(),
            rows: format::count(file.row_count.unsigned_abs()),
            size: format::size(file.bytes.unsigned_abs()),
            sha256: file.sha256.clone(),
        }
    }
}

/// A table of the release; the formats that hold it show the same.
pub struct TableView {
    pub name: String,
    pub description: String,
    pub rows: String,
    pub columns: Vec<ColumnView>,
    pub preview: Vec<Vec<Option<String>>>,
}

/// A column in the table of columns.
pub struct ColumnView {
    pub name: String,
    pub description: String,
    pub role: &'static str,
    pub kind: String,
    pub unit: String,
    pub is_number: bool,
    pub missing: String,
    pub distinct: String,
    pub min: String,
    pub mean: String,
    pub max: String,
    pub histogram: Option<HistogramView>,
    pub top: Vec<TopValue>,
}

/// A small histogram: heights in percent of the tallest bar, and in words what is to be seen.
pub struct HistogramView {
    pub bars: Vec<f64>,
    pub label: String,
    pub from: String,
    pub to: String,
}

/// A frequent value.
pub struct TopValue {
    pub value: String,
    pub share: String,
}

/// The tables of a release, each once.
pub fn tables(dataset: &DatasetDetail) -> Vec<TableView> {
    let mut tables: Vec<TableView> = Vec::new();
    for file in &dataset.files {
        let name = file
            .path
            .rsplit_once('.')
            .map_or(file.path.as_str(), |(name, _)| name);
        if tables.iter().any(|table| table.name == name) {
            continue;
        }
        tables.push(TableView {
            name: name.to_owned(),
            description: file.description.clone(),
            rows: format::count(file.row_count.unsigned_abs()),
            columns: columns(&file.summary),
            preview: file.summary.preview.clone(),
        });
    }
    tables
}

/// The columns of a table, as pages show them.
pub fn columns(summary: &TableSummary) -> Vec<ColumnView> {
    summary
        .columns
        .iter()
        .map(|column| view(column, summary.rows))
        .collect()
}

fn view(summary: &ColumnSummary, rows: u64) -> ColumnView {
    let column = &summary.column;
    let numbers = summary.numbers.as_ref();
    let unit = column.unit.clone().unwrap_or_default();
    let (min, max) = summary.range.clone().unwrap_or_default();
    ColumnView {
        name: column.name.clone(),
        description: column.description.clone().unwrap_or_default(),
        role: match column.role {
            Role::Feature => "",
            Role::Subject => "subject",
            Role::QuasiIdentifier => "quasi-identifier",
            Role::Target => "target",
            Role::Id => "id",
        },
        kind: column.kind.to_string(),
        is_number: numbers.is_some(),
        missing: match summary.missing {
            0 => "0".into(),
            missing => format!("{} ({})", format::count(missing), percent(missing, rows)),
        },
        distinct: match summary.distinct {
            Distinct::Exactly(distinct) => format::count(distinct),
            Distinct::MoreThan(distinct) => format!("over {}", format::count(distinct)),
        },
        min,
        mean: numbers
            .map(|numbers| short(numbers.mean))
            .unwrap_or_default(),
        max,
        histogram: numbers.map(|numbers| histogram(&column.name, numbers, &unit)),
        top: summary
            .top
            .iter()
            .take(3)
            .map(|top| TopValue {
                value: top.value.clone(),
                share: percent(top.count, rows),
            })
            .collect(),
        unit,
    }
}

fn histogram(name: &str, numbers: &NumberSummary, unit: &str) -> HistogramView {
    let histogram = &numbers.histogram;
    let tallest = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
    let end = |edge: Option<&f64>| short(edge.copied().unwrap_or_default());
    let [_, median, _] = numbers.quartiles;
    let space = if unit.is_empty() { "" } else { " " };
    let outside = match histogram.below + histogram.above {
        0 => String::new(),
        outside => format!(
            "; {} values lie outside of the picture",
            format::count(outside)
        ),
    };
    HistogramView {
        bars: histogram
            .counts
            .iter()
            // A bar that counts something can be seen.
            .map(|&bar| {
                if bar == 0 {
                    0.0
                } else {
                    (bar as f64 / tallest as f64 * 100.0).max(2.0)
                }
            })
            .map(|height| (height * 10.0).round() / 10.0)
            .collect(),
        label: format!(
            "{name}: half of the values lie below {}{space}{unit}, all between {} and {}{outside}",
            short(median),
            short(numbers.min),
            short(numbers.max),
        ),
        from: end(histogram.edges.first()),
        to: end(histogram.edges.last()),
    }
}

fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    if percent > 0.0 && percent < 0.1 {
        "< 0.1 %".into()
    } else if percent < 10.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// About four significant digits, without a tail of zeros.
pub fn short(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{number:.3e}");
    }
    let decimals = match size {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 => 3,
        _ => 5,
    };
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// What happened to a column of the raw table.
pub struct ColumnAction {
    pub name: String,
    pub words: String,
    pub quasi_identifier: bool,
}

/// The policy in words, column by column.
pub fn actions(dataset: &DatasetDetail) -> Vec<ColumnAction> {
    let policy = Policy::parse(&dataset.policy).ok();
    let anonymization = &dataset.report.anonymization;
    anonymization
        .columns
        .iter()
        .map(|column| ColumnAction {
            name: column.name.clone(),
            quasi_identifier: column.quasi_identifier,
            words: policy
                .as_ref()
                .and_then(|policy| policy.column(&column.name))
                .map_or_else(
                    || column.action.clone(),
                    |policy| in_words(&policy.action, anonymization.minimum_class_size),
                ),
        })
        .collect()
}

fn in_words(action: &Action, k: u64) -> String {
    let per = |scope: &[String]| match scope {
        [] => String::new(),
        scope => format!(", anew for each {}", scope.join(" and ")),
    };
    match action {
        Action::Keep => "Published as it is.".into(),
        Action::Drop => "Not published.".into(),
        Action::Pseudonym { prefix, scope } => format!(
            "Replaced by a random name ({prefix}-…) that differs in every release{}.",
            per(scope)
        ),
        Action::Band { width } => {
            format!("Only the band of width {width} that the value lies in.")
        }
        Action::Round { step } => {
            format!("Rounded to the nearest multiple of {step}. Rounding alone protects nobody.")
        }
        Action::Shift { scope } => format!("Only the distance from the least value{}.", per(scope)),
        Action::Ordinal => "Only its place in the order of all values.".into(),
        Action::SuppressRare { replacement } => {
            format!("Values that fewer than {k} subjects share read “{replacement}”.")
        }
        Action::Track(_) => {
            "As the track's frame shows it: turned, perhaps mirrored, and resized by \
                             factors that nobody is told."
                .into()
        }
        Action::Statistics(statistics) => format!(
            "Not published; the report tells a histogram and a mean that protect every subject by \
             differential privacy (ε = {}).",
            statistics.epsilon
        ),
        Action::Generalise(_) => {
            format!("Only as exactly as {k} subjects who look alike allow with the least loss.")
        }
    }
}

/// A gate with its outcome.
pub struct GateLine {
    pub title: &'static str,
    pub outcome: &'static str,
    pub tone: &'static str,
    /// What was measured beside what was wanted, or why nothing was.
    pub detail: String,
}

impl From<&Gate> for GateLine {
    fn from(gate: &Gate) -> Self {
        let (title, bound) = match gate.name.as_str() {
            "linkage" => ("Laps linked to drivers through public results", "at most"),
            "cross_release" => ("The same driver found in two events", "at most"),
            "class_size" => ("Drivers who look alike in every class", "at least"),
            "attribute_inference" => ("Hidden attributes inferred from shown ones", "at most"),
            "singling_out" => ("One person told from all others", "at most"),
            "identity_tokens" => ("Names or other identifiers left in the release", "at most"),
            "utility" => ("Usefulness: the pace ranking is kept", "at least"),
            _ => ("Another promise", "at"),
        };
        let threshold = short(gate.threshold);
        let (outcome, tone, detail) = match (&gate.outcome, gate.measured) {
            (Outcome::Passed, Some(measured)) => (
                "Passed",
                "gain",
                format!("{} measured, {bound} {threshold} wanted", short(measured)),
            ),
            (Outcome::Passed, None) => ("Passed", "gain", format!("{bound} {threshold} wanted")),
            (Outcome::Failed { reason }, _) => ("Failed", "fault", reason.clone()),
            (Outcome::Warning { reason }, _) => ("Told", "slow", reason.clone()),
            (Outcome::NotApplicable { reason }, _) => ("Does not apply", "", reason.clone()),
            (Outcome::NotMeasured { reason }, _) => (
                "Not measured",
                "slow",
                format!("{reason}; {bound} {threshold} would be wanted"),
            ),
        };
        Self {
            title,
            outcome,
            tone,
            detail,
        }
    }
}

/// Code that loads a table.
pub struct Snippet {
    pub label: &'static str,
    pub code: String,
}

/// How to load the first table of the release with each client, pinned to its version. `query` is what
/// comes after the `?` of a file's address.
pub fn snippets(
    dataset: &DatasetDetail,
    addresses: &Addresses<'_>,
    query: impl Fn(&ReleaseFile) -> String,
) -> Vec<Snippet> {
    let tables = release_tables(dataset);
    let Some(table) = tables.first() else {
        return Vec::new();
    };
    let address = |file: &ReleaseFile| {
        let address = addresses.file(&file.path);
        let path = address.split('?').next().unwrap_or_default();
        format!("{path}?{}", query(file))
    };
    let is_gated = dataset.access == Access::Account;
    let name = table.name;
    let mut snippets = Vec::new();
    if let Some(csv) = table.csv {
        let url = address(csv);
        snippets.push(Snippet {
            label: "pandas",
            code: format!("import pandas as pd\n\n{name} = pd.read_csv(\"{url}\")"),
        });
    }
    if let Some(parquet) = table.parquet {
        let url = address(parquet);
        snippets.push(Snippet {
            label: "Polars",
            code: format!("import polars as pl\n\n{name} = pl.read_parquet(\"{url}\")"),
        });
        snippets.push(Snippet {
            label: "DuckDB",
            code: format!("SELECT * FROM read_parquet('{url}');"),
        });
    }
    if let Some((config, split)) = hugging_face::place_of(dataset, name) {
        let token = match is_gated {
            true => "os.environ[\"HF_TOKEN\"] = \"pdk_…\"  # an API token of your account\n",
            false => "",
        };
        let config = config.map_or(String::new(), |config| format!("\"{config}\", "));
        snippets.push(Snippet {
            label: "Hugging Face datasets",
            code: format!(
                "import os\n\nos.environ[\"HF_ENDPOINT\"] = \"{}\"  # before the import\n{token}\
                 from datasets import load_dataset\n\n\
                 {name} = load_dataset(\"{}/{}\", {config}split=\"{split}\", revision=\"v{}\")",
                addresses.site(),
                dataset.owner,
                dataset.slug,
                dataset.version,
            ),
        });
    }
    let credentials = match is_gated {
        true => {
            "import os\n\nos.environ[\"CROISSANT_BASIC_AUTH_USERNAME\"] = \"your user name\"\n\
             os.environ[\"CROISSANT_BASIC_AUTH_PASSWORD\"] = \"pdk_…\"  # an API token of your account\n"
        }
        false => "",
    };
    snippets.push(Snippet {
        label: "Croissant",
        code: format!(
            "{credentials}import mlcroissant as mlc\n\n\
             dataset = mlc.Dataset(\"{}\")\n\
             {name} = list(dataset.records(\"{name}\"))",
            addresses.croissant(),
        ),
    });
    if let Some(csv) = table.csv {
        snippets.push(Snippet {
            label: "curl",
            code: format!(
                "curl --fail --location --output {} \"{}\"",
                csv.path,
                address(csv)
            ),
        });
    }
    snippets
}

/// The release for machines that look at the page's headers alone: Signposting
/// (<https://signposting.org/FAIR/>), as values of `Link`.
pub fn links(dataset: &DatasetDetail, addresses: &Addresses<'_>) -> Vec<String> {
    let mut links = vec![
        "<https://schema.org/Dataset>; rel=\"type\"".to_owned(),
        "<https://schema.org/AboutPage>; rel=\"type\"".to_owned(),
        format!(
            "<{}>; rel=\"describedby\"; type=\"{}\"; profile=\"{}\"",
            addresses.croissant(),
            croissant::MEDIA_TYPE,
            croissant::PROFILE,
        ),
        format!(
            "<{}>; rel=\"describedby\"; type=\"{}\"",
            addresses.data_package(),
            data_package::MEDIA_TYPE,
        ),
    ];
    if let Some(doi) = doi_address(&dataset.doi) {
        links.push(format!("<{doi}>; rel=\"cite-as\""));
    }
    if let Some(licence) = licence::address(&dataset.licence) {
        links.push(format!("<{licence}>; rel=\"license\""));
    }
    for file in &dataset.files {
        let address = addresses.file(&file.path);
        links.push(format!(
            "<{address}>; rel=\"item\"; type=\"{}\"",
            file.media_type
        ));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_their_meaning() {
        let shown = [0.0, 48.25, 48.254_21, 0.012_345, 1234.6, -3.5, 2e12].map(short);
        assert_eq!(
            shown,
            ["0", "48.25", "48.25", "0.01235", "1235", "-3.5", "2.000e12"]
        );
    }

    #[test]
    fn a_rare_value_is_not_shown_as_none() {
        assert_eq!(percent(1, 100_000), "< 0.1 %");
        assert_eq!(percent(0, 0), "0.0 %");
        assert_eq!(percent(1, 3), "33 %");
    }

    #[test]
    fn what_was_not_measured_is_not_called_passed() {
        let line = GateLine::from(&Gate {
            name: "linkage".into(),
            outcome: Outcome::NotMeasured {
                reason: "no attack was run".into(),
            },
            measured: None,
            threshold: 0.25,
        });
        assert_eq!((line.outcome, line.tone), ("Not measured", "slow"));
        assert_eq!(
            line.detail,
            "no attack was run; at most 0.25 would be wanted"
        );
    }
}
