//! Counts requests and takes their time, by route.

use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

/// How often what was recorded is folded into its buckets, so that it does not pile up where nobody
/// asks for `/metrics`.
const UPKEEP: Duration = Duration::from_secs(5);

/// The middleware: `paddock_http_requests_total` and `paddock_http_request_duration_seconds`, labelled
/// with the route's pattern rather than its address, so that there are few of them.
pub async fn measure(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let begun = Instant::now();
    let method = known(request.method());
    let route = request.match_pattern().unwrap_or_else(|| "none".into());
    let answered = next.call(request).await;
    let status = match &answered {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("paddock_http_requests_total", &labels).increment(1);
    metrics::histogram!("paddock_http_request_duration_seconds", &labels)
        .record(begun.elapsed().as_secs_f64());
    answered
}

/// A client may invent methods; each must not become a time series.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// Folds what was recorded into its buckets until told to stop.
pub async fn keep_up(recorded: PrometheusHandle, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(UPKEEP))
        .await
        .is_some()
    {
        recorded.run_upkeep();
    }
}
