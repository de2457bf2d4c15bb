//! The catalogue of datasets, a dataset's page, and its files.

mod compare;
pub mod release;
pub mod risk;

use actix_web::http::header::{HeaderValue, LINK};
use actix_web::web::{Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::page::{Page, get};
use super::{format, markdown};
use crate::datasets::anonymize::policy::SmallClasses;
use crate::datasets::catalogue::{self, DatasetDetail, DatasetLine, Listed, ReleaseFile};
use crate::datasets::metadata::{self, Addresses, licence, schema_org};
use crate::datasets::publish::Access;
use crate::datasets::signed_links::{SignedFile, may_download};
use crate::http::dataset_files::{self, Signature, Wanted};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use release::{ColumnAction, FileLine, GateLine, Snippet, TableView};

/// Datasets on a page of the list.
const PAGE: usize = 30;

/// The routes of this group.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/datasets", get().to(list))
        .route("/datasets/{slug}", get().to(show))
        .route("/datasets/{slug}/files/{path:.*}", get().to(file))
        .route("/datasets/{slug}/risk-report", get().to(risk::show))
        .route("/datasets/{slug}/changes", get().to(compare::show))
        // The last of those with two parts, because it takes any.
        .route("/datasets/{namespace}/{name}", get().to(repository));
}

/// Where a page of a list begins.
#[derive(Deserialize)]
struct Paging {
    before: Option<i64>,
}

/// Which release of a dataset.
#[derive(Deserialize)]
pub struct Release {
    version: Option<i32>,
}

#[derive(Template)]
#[template(path = "datasets/list.html")]
struct ListPage {
    page: Page,
    datasets: Vec<DatasetLine>,
    next: String,
}

async fn list(
    state: Data<State>,
    request: HttpRequest,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let before = paging.before;
    let mut datasets: Vec<DatasetLine> = state
        .database
        .read(move |connection| catalogue::list(connection, Listed::All, before, PAGE as i64 + 1))
        .await?;
    let more = datasets.len() > PAGE;
    datasets.truncate(PAGE);
    let next = match datasets.last() {
        Some(last) if more => format!("?before={}", last.id),
        _ => String::new(),
    };
    let list = ListPage {
        page: Page::new(&request, "datasets"),
        datasets,
        next,
    };
    list.page.show(&list)
}

#[derive(Template)]
#[template(path = "datasets/show.html")]
struct DatasetPage {
    page: Page,
    dataset: DatasetDetail,
    card: String,
    citation: String,
    doi: Option<String>,
    licence_address: Option<String>,
    /// schema.org's description, for search engines.
    structured_data: String,
    croissant: String,
    data_package: String,
    /// Whether the files are kept from whoever looks at the page.
    needs_account: bool,
    newest: i32,
    files: Vec<FileLine>,
    tables: Vec<TableView>,
    snippets: Vec<Snippet>,
    actions: Vec<ColumnAction>,
    gates: Vec<GateLine>,
}

async fn show(
    state: Data<State>,
    request: HttpRequest,
    slug: Path<String>,
    release: Query<Release>,
) -> Result<HttpResponse, Fault> {
    let (slug, version) = (slug.into_inner(), release.version);
    let not_found = match version {
        Some(version) => format!("There is no version {version} of a dataset `{slug}`."),
        None => format!("There is no dataset `{slug}`."),
    };
    let dataset: DatasetDetail = state
        .database
        .read(move |connection| catalogue::find(connection, &slug, version))
        .await?
        .ok_or_else(|| Fault::not_found(not_found))?;
    let base = state.config.public_url();
    let addresses = Addresses::new(&base, &dataset);
    let principal = guard::principal(&request);
    let query = |file: &ReleaseFile| {
        let file = SignedFile {
            slug: &dataset.slug,
            version: dataset.version,
            path: &file.path,
        };
        dataset_files::query(&state, &principal, dataset.access, file)
    };
    let links = release::links(&dataset, &addresses);
    let shown = DatasetPage {
        page: Page::new(&request, "datasets"),
        card: markdown::to_html(&dataset.card),
        citation: metadata::citation(&dataset, &addresses),
        doi: metadata::doi_address(&dataset.doi),
        licence_address: licence::address(&dataset.licence),
        structured_data: schema_org::in_page(&metadata::schema_org(&dataset, &base)),
        croissant: addresses.croissant(),
        data_package: addresses.data_package(),
        needs_account: may_download(dataset.access, &principal).is_err(),
        newest: dataset
            .versions
            .iter()
            .map(|(version, _)| *version)
            .max()
            .unwrap_or_default(),
        files: dataset.files.iter().map(FileLine::from).collect(),
        tables: release::tables(&dataset),
        snippets: release::snippets(&dataset, &addresses, query),
        actions: release::actions(&dataset),
        gates: dataset
            .report
            .gates
            .gates
            .iter()
            .map(GateLine::from)
            .collect(),
        dataset,
    };
    let mut response = shown.page.show(&shown)?;
    for link in links {
        let link = HeaderValue::from_str(&link).map_err(Fault::internal)?;
        response.headers_mut().append(LINK, link);
    }
    Ok(response)
}

/// Which release of a file, and by what right.
#[derive(Deserialize)]
struct FileQuery {
    version: Option<i32>,
    expires: Option<i64>,
    signature: Option<String>,
}

async fn file(
    state: Data<State>,
    request: HttpRequest,
    address: Path<(String, String)>,
    query: Query<FileQuery>,
) -> Result<HttpResponse, Fault> {
    let (slug, path) = address.into_inner();
    let wanted = Wanted {
        slug: &slug,
        version: query.version,
        path: &path,
    };
    let signature = Signature {
        expires: query.expires,
        signature: query.signature.clone(),
    };
    match dataset_files::send(&state, &request, wanted, &signature).await {
        Err(fault) if fault.kind == "unauthorized" && guard::reads_pages(&request) => {
            Ok(guard::to_sign_in(&request))
        }
        answer => answer,
    }
}

/// The page of a dataset under the name that the clients of Hugging Face have for it, `PUBLISHER/SLUG`: they
/// send people there.
async fn repository(
    state: Data<State>,
    address: Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let (namespace, name) = address.into_inner();
    let slug = name.clone();
    let found = state
        .database
        .read(move |connection| catalogue::find_contents(connection, &slug))
        .await?;
    match found {
        Some((owner, _)) if owner == namespace => {
            Ok(guard::see_other(&format!("/datasets/{name}")))
        }
        _ => Err(Fault::not_found(format!(
            "There is no dataset `{namespace}/{name}`."
        ))),
    }
}
