//! What changed from one release of a dataset to another.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::datasets::catalogue::{self, DatasetDetail};
use crate::datasets::comparison::{ColumnChange, TableComparison, compare};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::format;
use crate::web::page::Page;

/// Which releases; without them the newest and the one before it.
#[derive(Deserialize)]
pub struct Versions {
    from: Option<i32>,
    to: Option<i32>,
}

#[derive(Template)]
#[template(path = "datasets/compare.html")]
struct ComparePage {
    page: Page,
    before: DatasetDetail,
    after: DatasetDetail,
    tables: Vec<TableComparison>,
}

impl ComparePage {
    fn rows(&self, rows: &Option<u64>) -> String {
        rows.map_or("–".into(), format::count)
    }
}

pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    slug: Path<String>,
    versions: Query<Versions>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    let Versions { from, to } = versions.into_inner();
    let missing = format!("There are no such two versions of a dataset `{slug}`.");
    let found = state
        .database
        .read(move |connection| catalogue::find_two(connection, &slug, from, to))
        .await?;
    let (before, after) = found.ok_or_else(|| Fault::not_found(missing))?;
    let shown = ComparePage {
        page: Page::new(&request, "datasets"),
        tables: compare(&before.tables(), &after.tables()).tables,
        before,
        after,
    };
    shown.page.show(&shown)
}
