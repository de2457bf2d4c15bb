//! Faults as pages: everywhere but where programs ask.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse};
use askama::Template;
use tracing_actix_web::RequestId;

use super::page::Page;
use crate::http::fault::Fault;
use crate::http::guard::reads_pages;

/// Addresses that programs read; their errors stay as they are.
const FOR_PROGRAMS: [&str; 8] = [
    "/api/",
    "/static/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/robots.txt",
    "/sitemap.xml",
];

/// Addresses that programs read at least as often as people; their errors are pages for whoever reads
/// pages.
const FOR_BOTH: [&str; 4] = [
    "/datasets/{slug}/files/{path:.*}",
    "/datasets/{slug}/croissant.json",
    "/datasets/{slug}/datapackage.json",
    "/datasets/{namespace}/{name}/resolve/{revision}/{path:.*}",
];

#[derive(Template)]
#[template(path = "errors/error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    title: &'static str,
    message: String,
    /// The request's id in the log, where a report of it helps.
    reference: String,
}

/// The middleware that shows a fault as a page where the caller is a person.
pub async fn faults_as_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    Ok(as_page(next.call(request).await?.map_into_boxed_body()))
}

fn as_page(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let request = response.request();
    let for_program = FOR_PROGRAMS
        .iter()
        .any(|path| request.path().starts_with(path))
        || (!reads_pages(request)
            && request
                .match_pattern()
                .is_some_and(|pattern| FOR_BOTH.contains(&pattern.as_str())));
    let Some(error) = response.response().error().filter(|_| !for_program) else {
        return response;
    };
    let status = response.status();
    let message = match error.as_error::<Fault>() {
        Some(fault) => fault.detail.clone(),
        None => explanation(status),
    };
    let page = ErrorPage {
        page: Page::new(response.request(), ""),
        status: status.as_u16(),
        title: title(status),
        message,
        reference: response
            .request()
            .extensions()
            .get::<RequestId>()
            .filter(|_| status.is_server_error())
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    let mut shown = match page.page.show_as(status, &page) {
        Ok(shown) => shown,
        // A template that cannot be rendered has been logged; what is left is the status.
        Err(_) => HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR),
    };
    for name in [RETRY_AFTER, ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    response.into_response(shown)
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "Sign in first",
        StatusCode::FORBIDDEN => "Not open to you",
        StatusCode::NOT_FOUND => "Off the track",
        StatusCode::METHOD_NOT_ALLOWED => "Not that way",
        StatusCode::CONFLICT => "Somebody was faster",
        StatusCode::PAYLOAD_TOO_LARGE => "Too large",
        StatusCode::TOO_MANY_REQUESTS => "Slow down",
        _ if status.is_server_error() => "Something broke",
        _ => "This did not work",
    }
}

/// What to say of an error that does not come from us but from the reading of the request.
fn explanation(status: StatusCode) -> String {
    match status {
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "This address cannot be called in this way; open it as a page.",
        StatusCode::PAYLOAD_TOO_LARGE => "What you sent is larger than this form takes.",
        _ if status.is_server_error() => {
            "Something went wrong on our side; nothing that you sent was half-stored. Please try again."
        }
        _ => "The form or the address could not be read. Go back, check it and send it again.",
    }
    .to_owned()
}
