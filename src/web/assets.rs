//! Stylesheet, script, fonts and sign: in the binary, so that it is all that has to be copied.

use std::sync::LazyLock;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, EntityTag, Header, IF_NONE_MATCH, IfNoneMatch,
};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::page::get;
use crate::http::fault::Fault;
use crate::platform::storage::hexadecimal;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/static/{file:.*}").route(get().to(asset)))
        .service(web::resource("/favicon.ico").route(get().to(favicon)));
}

struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    /// The beginning of its SHA-256: its version in addresses, and its ETag.
    hash: String,
}

macro_rules! assets {
    ($($name:literal: $media_type:literal),+ $(,)?) => {
        vec![$({
            let bytes: &'static [u8] = include_bytes!(concat!("../../static/", $name));
            Asset {
                name: $name,
                media_type: $media_type,
                bytes,
                hash: hexadecimal(&Sha256::digest(bytes)[..8]),
            }
        }),+]
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    assets! {
        "paddock.css": "text/css; charset=utf-8",
        "paddock.js": "text/javascript; charset=utf-8",
        "favicon.svg": "image/svg+xml",
        "fonts/barlow-latin-400-normal.woff2": "font/woff2",
        "fonts/barlow-latin-600-normal.woff2": "font/woff2",
        "fonts/barlow-condensed-latin-500-normal.woff2": "font/woff2",
        "fonts/barlow-condensed-latin-700-normal.woff2": "font/woff2",
        "fonts/OFL.txt": "text/plain; charset=utf-8",
    }
});

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The address of a file of `static/`; with the hash of its content, so that it can be cached for ever.
pub fn address(name: &str) -> String {
    match find(name) {
        Some(asset) => format!("/static/{name}?v={}", asset.hash),
        None => format!("/static/{name}"),
    }
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    v: String,
}

async fn asset(
    request: HttpRequest,
    name: web::Path<String>,
    version: web::Query<Version>,
) -> Result<HttpResponse, Fault> {
    let asset = find(&name)
        .ok_or_else(|| Fault::not_found(format!("There is no static file `{name}`.")))?;
    Ok(send(&request, asset, version.v == asset.hash))
}

/// Browsers ask for this name where a page names no icon, as JSON answers do not.
async fn favicon(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let asset = find("favicon.svg").ok_or_else(|| Fault::not_found("There is no icon."))?;
    Ok(send(&request, asset, false))
}

fn send(request: &HttpRequest, asset: &Asset, is_versioned: bool) -> HttpResponse {
    let etag = EntityTag::new_strong(asset.hash.clone());
    let known = match IfNoneMatch::parse(request) {
        _ if !request.headers().contains_key(IF_NONE_MATCH) => false,
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&etag)),
        Err(_) => false,
    };
    let cache = if is_versioned {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=3600"
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((ETAG, etag.to_string()))
        .insert_header((CACHE_CONTROL, cache));
    if known {
        return response
            .status(actix_web::http::StatusCode::NOT_MODIFIED)
            .finish();
    }
    response
        .insert_header((CONTENT_TYPE, asset.media_type))
        .body(asset.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found)
                } else {
                    found.push(path)
                }
            }
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
        let mut files = Vec::new();
        walk(&folder, &mut files);
        for file in &files {
            let name = file.strip_prefix(&folder).unwrap().to_str().unwrap();
            assert!(find(name).is_some(), "static/{name} is not served");
        }
        assert_eq!(files.len(), ASSETS.len());
    }

    #[test]
    fn an_address_carries_the_version() {
        let address = address("paddock.css");
        let (path, version) = address.split_once("?v=").unwrap();
        assert_eq!((path, version.len()), ("/static/paddock.css", 16));
    }
}
