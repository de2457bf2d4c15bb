//! Documents about a release in the standards of others, beside the dataset's page. They are everybody's,
//! whoever may download the files.

use actix_web::HttpResponse;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Path, Query, ServiceConfig};
use serde::Deserialize;
use serde_json::Value;

use super::v1::readable;
use super::{Answer, House};
use crate::datasets::catalogue::{self, DatasetDetail};
use crate::datasets::metadata::{self, croissant, data_package};
use crate::http::fault::Fault;

pub(super) fn configure(routes: &mut ServiceConfig) {
    routes
        .service(readable(
            "/datasets/{slug}/croissant.json",
            croissant_document,
        ))
        .service(readable(
            "/datasets/{slug}/datapackage.json",
            data_package_document,
        ));
}

/// Which release.
#[derive(Deserialize)]
struct Release {
    version: Option<i32>,
}

async fn croissant_document(house: House, slug: Path<String>, release: Query<Release>) -> Answer {
    answer(
        &house,
        &slug,
        release.version,
        croissant::MEDIA_TYPE,
        metadata::croissant,
    )
    .await
}

async fn data_package_document(
    house: House,
    slug: Path<String>,
    release: Query<Release>,
) -> Answer {
    answer(
        &house,
        &slug,
        release.version,
        data_package::MEDIA_TYPE,
        metadata::data_package,
    )
    .await
}

async fn answer(
    house: &House,
    slug: &str,
    version: Option<i32>,
    media_type: &'static str,
    document: fn(&DatasetDetail, &str) -> Value,
) -> Answer {
    let asked = slug.to_owned();
    let found = house
        .database
        .read(move |connection| catalogue::find(connection, &asked, version))
        .await?;
    let dataset = found.ok_or_else(|| {
        Fault::not_found(match version {
            Some(version) => format!("There is no version {version} of a dataset `{slug}`."),
            None => format!("There is no dataset `{slug}`."),
        })
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        // Not for ever: title, licence and card of a dataset may be corrected.
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        // Validators in browsers may read it too.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(document(&dataset, &house.config.public_url())))
}
