//! What search engines are told: where not to look, and what there is.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data, ServiceConfig};

use super::page::get;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::datasets::catalogue;
use crate::http::fault::Fault;
use crate::http::state::State;

/// So many of the newest datasets, and as many challenges, are listed; a sitemap may hold 50,000 addresses.
const NEWEST: i64 = 1000;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/robots.txt").route(get().to(robots)))
        .service(web::resource("/sitemap.xml").route(get().to(sitemap)));
}

async fn robots(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "public, max-age=86400"))
        .body(format!(
            "User-agent: *\nDisallow: /account\nDisallow: /consent\nDisallow: /console\nDisallow: /driving\nDisallow: /inbox\nDisallow: /submissions\n\n\
             Sitemap: {}/sitemap.xml\n",
            state.config.public_url()
        ))
}

/// The sitemap (<https://www.sitemaps.org/protocol.html>).
async fn sitemap(state: Data<State>) -> Result<HttpResponse, Fault> {
    let (datasets, challenges) = state
        .database
        .read(|connection| {
            let datasets = catalogue::list(connection, catalogue::Listed::All, None, NEWEST)?;
            let everybodys = challenge::Listed::PublishedFor(&Principal::Visitor);
            let challenges = challenge::list(connection, everybodys, None, NEWEST)?;
            Ok::<_, Fault>((datasets, challenges))
        })
        .await?;
    let base = xml_text(&state.config.public_url());
    let mut sitemap = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                       <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
        .to_owned();
    // Slugs are letters, digits and hyphens; writing to a String cannot fail.
    for page in ["", "/datasets", "/challenges"] {
        let _ = writeln!(sitemap, "<url><loc>{base}{page}</loc></url>");
    }
    for dataset in datasets {
        let day = dataset.published_at.format("%Y-%m-%d");
        let _ = writeln!(
            sitemap,
            "<url><loc>{base}/datasets/{}</loc><lastmod>{day}</lastmod></url>",
            dataset.slug
        );
    }
    for (challenge, _) in challenges {
        let _ = writeln!(
            sitemap,
            "<url><loc>{base}/challenges/{}</loc></url>",
            challenge.slug
        );
    }
    sitemap.push_str("</urlset>\n");
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/xml; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(sitemap))
}

fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
