//! What the log keeps of a request. Some addresses are keys: whoever has one may join, look, or answer for
//! a driver. Those are never written down, only the pattern of the route that they matched.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::USER_AGENT;
use actix_web::{Error, HttpMessage};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::{DefaultRootSpanBuilder, RequestId, RootSpanBuilder};

/// What stands in an address's place where no route matched: a key with a letter too many still is one.
const NO_ROUTE: &str = "none";

/// The span of a request: method, route, path without keys and without what follows `?`, caller, and in the end
/// the status.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        // The extensions are not held: what follows keeps its findings there.
        let request_id = request.extensions().get::<RequestId>().copied();
        let route = request.match_pattern();
        let route = route.as_deref().unwrap_or(NO_ROUTE);
        let client = request.connection_info();
        let agent = request.headers().get(USER_AGENT);
        tracing::info_span!(
            "HTTP request",
            http.method = %request.method(),
            http.route = route,
            http.target = path_without_keys(route, request.path()),
            http.client_ip = client.realip_remote_addr().unwrap_or_default(),
            http.user_agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default(),
            http.status_code = Empty,
            otel.status_code = Empty,
            request_id = request_id.map(tracing::field::display),
            exception.message = Empty,
            exception.details = Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        DefaultRootSpanBuilder::on_request_end(span, outcome);
    }
}

/// The path, or only the route's pattern where the path may hold a key: every such part of a route is called
/// `{key}`. What follows `?` may be a signature and is never part of it.
fn path_without_keys<'a>(route: &'a str, path: &'a str) -> &'a str {
    if route == NO_ROUTE || route.contains("{key") {
        return route;
    }
    path
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse, web};
    use tracing_actix_web::TracingLogger;

    use super::*;

    /// What a log writes to.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    async fn answer() -> HttpResponse {
        tracing::warn!("seen");
        HttpResponse::Ok().finish()
    }

    /// What is logged of calls of these addresses.
    async fn logged(addresses: &[&str]) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let app = App::new()
            .route("/driving/{key}", web::get().to(answer))
            .route("/challenges/{slug}/join/{key}", web::get().to(answer))
            .route("/datasets/{slug}", web::get().to(answer))
            .wrap(TracingLogger::<RequestSpan>::new());
        let app = init_service(app).await;
        for address in addresses {
            call_service(&app, TestRequest::get().uri(address).to_request()).await;
        }
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[actix_web::test]
    async fn keys_in_addresses_are_never_written_down() {
        let log = logged(&[
            "/driving/Sesame",
            "/driving/Sesame/",
            "/driving/Sesame?session=1",
            "/challenges/sprint/join/Sesame",
            "/datasets/laps?signature=Sesame",
        ])
        .await;
        assert!(!log.contains("Sesame"), "{log}");
        assert!(log.contains("http.target=\"/driving/{key}\""), "{log}");
        assert!(log.contains("http.target=\"none\""), "{log}");
    }

    #[actix_web::test]
    async fn other_paths_are_there_to_be_looked_for() {
        let log = logged(&["/datasets/laps"]).await;
        assert!(log.contains("http.target=\"/datasets/laps\""), "{log}");
        assert!(
            log.contains("seen") && log.contains("http.status_code=200"),
            "{log}"
        );
    }
}
