//! Files on the wire: whole or in ranges, cached for ever, because published bytes are immutable.

use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use actix_web::{HttpRequest, HttpResponse};

use super::fault::Fault;
use crate::platform::storage::{Area, Storage};

/// A published file to send.
pub struct Download<'a> {
    /// Its content hash, which is also its ETag.
    pub sha256: &'a str,
    /// Its size.
    pub bytes: u64,
    /// Its media type.
    pub media_type: &'a str,
    /// What a browser saves it as.
    pub file_name: &'a str,
}

/// What part of a file a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Range(std::ops::Range<u64>),
    Unsatisfiable,
}

/// Answers a GET or HEAD of a published file: 200, 206, 304 or 416.
pub async fn send(
    storage: &Storage,
    request: &HttpRequest,
    download: Download<'_>,
) -> Result<HttpResponse, Fault> {
    let etag = format!("\"{}\"", download.sha256);
    let mut response = HttpResponse::Ok();
    response
        .insert_header((ETAG, etag.as_str()))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((ACCEPT_RANGES, "bytes"));
    if is_known(request.headers(), &etag) {
        response.status(actix_web::http::StatusCode::NOT_MODIFIED);
        return Ok(response.finish());
    }
    let size = download.bytes;
    let range = match part(request.headers(), &etag, size) {
        Part::Unsatisfiable => {
            response
                .status(actix_web::http::StatusCode::RANGE_NOT_SATISFIABLE)
                .insert_header((CONTENT_RANGE, format!("bytes */{size}")));
            return Ok(response.finish());
        }
        Part::Range(range) => {
            response
                .status(actix_web::http::StatusCode::PARTIAL_CONTENT)
                .insert_header((
                    CONTENT_RANGE,
                    format!("bytes {}-{}/{size}", range.start, range.end - 1),
                ));
            Some(range)
        }
        Part::Whole => None,
    };
    let length = range.as_ref().map_or(size, |range| range.end - range.start);
    response
        .insert_header((CONTENT_TYPE, download.media_type))
        // Compressing would void the length and the ranges.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header((
            CONTENT_DISPOSITION,
            format!(
                "attachment; filename=\"{}\"",
                download.file_name.replace(['"', '\\'], "_")
            ),
        ))
        .insert_header((CONTENT_LENGTH, length))
        .no_chunking(length);
    if *request.method() == actix_web::http::Method::HEAD || length == 0 {
        let empty = futures_util::stream::empty::<Result<bytes::Bytes, std::io::Error>>();
        return Ok(response.body(actix_web::body::SizedStream::new(length, empty)));
    }
    let stream = storage
        .read(Area::Published, download.sha256, range)
        .await?;
    Ok(response.body(actix_web::body::SizedStream::new(length, stream)))
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| {
            known == "*"
                || known
                    .split(',')
                    .any(|one| one.trim().trim_start_matches("W/") == etag)
        })
}

/// Reads `Range` (RFC 9110, section 14): one range of bytes; several, or none that can be read, get
/// the whole file, as the standard allows.
fn part(headers: &HeaderMap, etag: &str, size: u64) -> Part {
    let text = |name| headers.get(name).and_then(|value: &_| value.to_str().ok());
    if text(IF_RANGE).is_some_and(|known| known != etag) {
        return Part::Whole;
    }
    let Some(range) = text(RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Part::Whole;
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        // The last bytes; more of them than there are is the whole file.
        (Err(_), Ok(suffix)) if first.is_empty() => (size.saturating_sub(suffix), size),
        _ => return Part::Whole,
    };
    if start < end {
        Part::Range(start..end)
    } else {
        Part::Unsatisfiable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn asked(range: &'static str) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(range));
        part(&headers, "\"e\"", 100)
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        assert_eq!(asked("bytes=0-9"), Part::Range(0..10));
        assert_eq!(asked("bytes=90-"), Part::Range(90..100));
        assert_eq!(asked("bytes=-8"), Part::Range(92..100));
        assert_eq!(asked("bytes=-800"), Part::Range(0..100));
        assert_eq!(asked("bytes=50-5000"), Part::Range(50..100));
        assert_eq!(asked("bytes=100-"), Part::Unsatisfiable);
        assert_eq!(asked("bytes=-0"), Part::Unsatisfiable);
        assert_eq!(asked("bytes=0-1,5-6"), Part::Whole);
        assert_eq!(asked("rows=0-1"), Part::Whole);
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole_file() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-9"));
        headers.insert(IF_RANGE, HeaderValue::from_static("\"old\""));
        assert_eq!(part(&headers, "\"e\"", 100), Part::Whole);
    }
}
