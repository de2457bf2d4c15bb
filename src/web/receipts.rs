//! The receipt of a score: what it was made of, and how it is checked.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{self, Data, Form, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::format;
use super::page::{Page, get, see_other_saying};
use crate::accounts::permissions::Principal;
use crate::challenges::receipts;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::scoring::receipt::{Content, SignedReceipt};

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/submissions/{id}/receipt")
                .route(get().to(show))
                .route(web::post().to(set_shown)),
        )
        .service(web::resource("/receipts/{id}").route(get().to(show_to_all)));
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
    /// Whether everybody reads this page, not the team alone.
    is_public: bool,
    /// Whether its team shows it to everybody.
    is_shown: bool,
    /// Whether its team may decide that now.
    may_show: bool,
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
        .read(move |connection| {
            let found = receipts::of_submission(connection, now, &principal, id)?;
            let shown = receipts::is_shown(connection, id)?;
            Ok::<_, Fault>(found.map(|found| (found, shown)))
        })
        .await?;
    let ((detail, kept), is_shown) = found
        .ok_or_else(|| Fault::not_found("There is no such submission, or it is another team's."))?;
    let is_over = detail.disclosure.opens(&detail.submission);
    let view = Receipt {
        id,
        challenge_slug: detail.challenge_slug,
        challenge_title: detail.challenge_title,
        signed: kept.map(|kept| kept.shown(is_over)),
        is_over,
        is_public: false,
        is_shown,
        may_show: detail.disclosure.all_over && !detail.disclosure.is_manager,
    };
    view.answer(&request, &state, &asked)
}

/// A receipt that its team shows, to everybody.
async fn show_to_all(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (id.into_inner(), state.clock.now());
    let found = state
        .database
        .read(move |connection| receipts::public(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?;
    let view = Receipt {
        id,
        challenge_slug: found.challenge_slug,
        challenge_title: found.challenge_title,
        signed: Some(found.signed),
        is_over: true,
        is_public: true,
        is_shown: true,
        may_show: false,
    };
    view.answer(&request, &state, &asked)
}

#[derive(Deserialize)]
struct ShownForm {
    shown: bool,
}

async fn set_shown(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
    form: Form<ShownForm>,
) -> Result<HttpResponse, Fault> {
    let (id, now, shown) = (id.into_inner(), state.clock.now(), form.shown);
    state
        .database
        .write(move |connection| receipts::set_shown(connection, now, &principal, id, shown))
        .await
        .map_err(Fault::from)?;
    let said = match shown {
        true => "Everybody may read this receipt now.",
        false => "Only your team and the organizer read this receipt now.",
    };
    let address = format!("/submissions/{id}/receipt");
    Ok(see_other_saying(&request, &address, "success", said))
}

/// A receipt as somebody may see it.
struct Receipt {
    id: i64,
    challenge_slug: String,
    challenge_title: String,
    signed: Option<SignedReceipt>,
    is_over: bool,
    is_public: bool,
    is_shown: bool,
    may_show: bool,
}

impl Receipt {
    fn answer(
        self,
        request: &HttpRequest,
        state: &State,
        asked: &Asked,
    ) -> Result<HttpResponse, Fault> {
        let id = self.id;
        if let (Some(_), Some(signed)) = (&asked.download, &self.signed) {
            return Ok(HttpResponse::Ok()
                .insert_header((
                    CONTENT_DISPOSITION,
                    format!("attachment; filename=\"receipt-{id}.json\""),
                ))
                .json(signed));
        }
        let receipt = self.signed.as_ref().map(|signed| &signed.receipt);
        let exact = |score: Option<f64>| score.map(format::exact).unwrap_or_default();
        let opening = self
            .signed
            .as_ref()
            .and_then(|signed| signed.opening.as_ref());
        let view = ReceiptPage {
            page: Page::new(request, "challenges"),
            id,
            slug: self.challenge_slug,
            challenge_title: self.challenge_title,
            is_public: self.is_public,
            is_shown: self.is_shown,
            may_show: self.may_show,
            is_over: self.is_over,
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
            signed: self.signed,
        };
        view.page.show(&view)
    }
}

fn named(content: &Content) -> String {
    match content {
        Content::Sha256(sha256) => sha256.clone(),
        Content::Commitment(commitment) => format!("hidden; commitment {commitment}"),
    }
}
