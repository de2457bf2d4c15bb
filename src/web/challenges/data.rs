//! The data of a challenge: the files of its release, and the sample submission.

use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::super::format;
use super::super::page::{Page, get};
use super::{Head, phase_now};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::datasets::catalogue::{self, DatasetDetail};
use crate::http::downloads::{self, Download};
use crate::http::fault::Fault;
use crate::http::state::State;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/challenges/{slug}/data").route(get().to(data)))
        .service(web::resource("/challenges/{slug}/sample-submission.csv").route(get().to(sample)));
}

#[derive(Template)]
#[template(path = "challenges/data.html")]
struct DataPage {
    page: Page,
    challenge: Head,
    release: Option<Release>,
    sample_size: String,
}

struct Release {
    slug: String,
    title: String,
    summary: String,
    licence: String,
    version: i32,
    files: Vec<File>,
}

struct File {
    path: String,
    href: String,
    description: String,
    rows: String,
    size: String,
    sha256: String,
}

impl From<DatasetDetail> for Release {
    fn from(detail: DatasetDetail) -> Self {
        let file = |file: catalogue::ReleaseFile| File {
            // The version is named, because a newer one would be another challenge's data.
            href: format!(
                "/datasets/{}/files/{}?version={}",
                detail.slug, file.path, detail.version
            ),
            path: file.path,
            description: file.description,
            rows: format::count(file.row_count.unsigned_abs()),
            size: format::size(file.bytes.unsigned_abs()),
            sha256: file.sha256,
        };
        Self {
            files: detail.files.into_iter().map(file).collect(),
            slug: detail.slug,
            title: detail.title,
            summary: detail.summary,
            licence: detail.licence,
            version: detail.version,
        }
    }
}

async fn data(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let asker = principal.clone();
    let (challenge, phases, release) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let release = match challenge.release_id {
                Some(id) => catalogue::find_release(connection, id)?,
                None => None,
            };
            Ok::<_, Fault>((challenge, phases, release))
        })
        .await?;
    let phase = phase_now(&challenge, &phases, now)?;
    let view = DataPage {
        page: Page::new(&request, "challenges"),
        challenge: Head::new(&challenge, phase, &principal, now),
        release: release.map(Release::from),
        sample_size: format::size(phase.sample_bytes),
    };
    view.page.show(&view)
}

async fn sample(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let name = format!("{slug}-sample-submission.csv");
    let (challenge, phases) = state
        .database
        .read(move |connection| challenge::find(connection, &principal, &slug))
        .await?;
    let phase = phase_now(&challenge, &phases, now)?;
    let download = Download {
        sha256: &phase.sample_sha256,
        bytes: phase.sample_bytes,
        media_type: "text/csv; charset=utf-8",
        file_name: &name,
    };
    downloads::send(&state.storage, &request, download).await
}
