//! The catalogue of datasets, a dataset's page, and its files.

mod release;

use actix_web::web::{Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::page::{Page, get};
use super::{format, markdown};
use crate::datasets::anonymize::policy::SmallClasses;
use crate::datasets::catalogue::{self, DatasetDetail, DatasetLine, Listed};
use crate::http::downloads::{self, Download};
use crate::http::fault::Fault;
use crate::http::state::State;
use release::{ColumnAction, FileLine, GateLine, Snippet, TableView};

/// Datasets on a page of the list.
const PAGE: usize = 30;

/// The routes of this group.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/datasets", get().to(list))
        .route("/datasets/{slug}", get().to(show))
        .route("/datasets/{slug}/files/{path:.*}", get().to(file));
}

/// Where a page of a list begins.
#[derive(Deserialize)]
struct Paging {
    before: Option<i64>,
}

/// Which release of a dataset.
#[derive(Deserialize)]
struct Release {
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
    let shown = DatasetPage {
        page: Page::new(&request, "datasets"),
        card: markdown::to_html(&dataset.card),
        citation: release::citation(&dataset, &base),
        newest: dataset
            .versions
            .iter()
            .map(|(version, _)| *version)
            .max()
            .unwrap_or_default(),
        files: dataset.files.iter().map(FileLine::from).collect(),
        tables: release::tables(&dataset),
        snippets: release::snippets(&dataset, &base),
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
    shown.page.show(&shown)
}

async fn file(
    state: Data<State>,
    request: HttpRequest,
    address: Path<(String, String)>,
    release: Query<Release>,
) -> Result<HttpResponse, Fault> {
    let (slug, path) = address.into_inner();
    let version = release.version;
    let not_found = format!("The dataset `{slug}` has no file `{path}` in this version.");
    let file = state
        .database
        .read(move |connection| catalogue::find_file(connection, &slug, version, &path))
        .await?
        .ok_or_else(|| Fault::not_found(not_found))?;
    let download = Download {
        sha256: &file.sha256,
        bytes: file.bytes.unsigned_abs(),
        media_type: &file.media_type,
        file_name: &file.path,
    };
    downloads::send(&state.storage, &request, download).await
}
