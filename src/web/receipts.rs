//! The receipt of a score: what it was made of, and how it is checked.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::format;
use super::page::{Page, get};
use crate::accounts::permissions::Principal;
use crate::challenges::receipts;
use crate::challenges::submissions::SubmissionDetail;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::scoring::receipt::{Content, SignedReceipt};

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(web::resource("/submissions/{id}/receipt").route(get().to(show)));
}

#[derive(Deserialize)]
struct Asked {
    /// Present where the receipt itself is wanted, to be kept.
    download: Option<String>,
}

#[derive(Template)]
#[template(path = "submissions/receipt.html")]
struct ReceiptPage {
    page: Page,
    id: i64,
    slug: String,
    challenge_title: String,
    /// None while nothing has been judged.
    signed: Option<SignedReceipt>,
    is_over: bool,
    features: String,
    solution: String,
    limits: String,
    public_score: String,
    private_score: String,
    /// The key that this server signs with today.
    server_key: String,
    command: String,
}

async fn show(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (id.into_inner(), state.clock.now());
    let found = state
        .database
        .read(move |connection| receipts::of_submission(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?;
    let (detail, kept) = found
        .ok_or_else(|| Fault::not_found("There is no such submission, or it is another team's."))?;
    let is_over = detail.disclosure.opens(&detail.submission);
    let signed = kept.map(|kept| kept.shown(is_over));
    if let (Some(_), Some(signed)) = (&asked.download, &signed) {
        return Ok(HttpResponse::Ok()
            .insert_header((
                CONTENT_DISPOSITION,
                format!("attachment; filename=\"receipt-{id}.json\""),
            ))
            .json(signed));
    }
    let SubmissionDetail {
        challenge_slug,
        challenge_title,
        ..
    } = detail;
    let receipt = signed.as_ref().map(|signed| &signed.receipt);
    let exact = |score: Option<f64>| score.map(format::exact).unwrap_or_default();
    let opening = signed.as_ref().and_then(|signed| signed.opening.as_ref());
    let view = ReceiptPage {
        page: Page::new(&request, "challenges"),
        id,
        slug: challenge_slug,
        challenge_title,
        is_over,
        features: receipt
            .and_then(|receipt| receipt.features.as_ref())
            .map(named)
            .unwrap_or_default(),
        solution: receipt
            .map(|receipt| named(&receipt.solution))
            .unwrap_or_default(),
        limits: receipt
            .and_then(|receipt| receipt.limits.as_ref())
            .map(ToString::to_string)
            .unwrap_or_default(),
        public_score: exact(
            receipt
                .and_then(|receipt| receipt.public_score)
                .or(opening.and_then(|opening| opening.public_score)),
        ),
        private_score: exact(opening.map(|opening| opening.private_score)),
        server_key: state.receipt_key.public_key().to_hexadecimal(),
        command: format!(
            "paddock verify receipt-{id}.json --server {}",
            state.config.public_url()
        ),
        signed,
    };
    view.page.show(&view)
}

fn named(content: &Content) -> String {
    match content {
        Content::Sha256(sha256) => sha256.clone(),
        Content::Commitment(commitment) => format!("hidden; commitment {commitment}"),
    }
}
