//! Receipts: the signed accounts of scores, and the key that signs them.

use actix_web::web::{Json, Path};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::permissions::Principal;
use crate::api::House;
use crate::challenges::receipts;
use crate::http::fault::Fault;
use crate::scoring::receipt::SignedReceipt;

/// The public half of the key that signs receipts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptKeyView {
    #[schema(example = "Ed25519")]
    algorithm: &'static str,
    /// 32 bytes in hexadecimal, as a receipt's `public_key` names them.
    public_key: String,
    /// The same as PEM, for OpenSSL.
    pem: String,
}

/// Reads the key that signs receipts
///
/// A receipt is this server's if its signature fits this key: `paddock verify receipt.json --server URL`.
/// The signature is over the canonical JSON (RFC 8785) of the receipt's `receipt`.
#[utoipa::path(
    get, path = "/api/v1/receipts/key", operation_id = "get_receipt_key", tag = "submissions",
    responses((status = 200, description = "The key", body = ReceiptKeyView)),
)]
pub async fn key(house: House) -> Json<ReceiptKeyView> {
    let key = house.receipt_key.public_key();
    Json(ReceiptKeyView {
        algorithm: "Ed25519",
        public_key: key.to_hexadecimal(),
        pem: key.to_pem(),
    })
}

/// Reads a submission's receipt
///
/// What its score was made of, signed by the server. With the phase's end it also opens
/// the private score, and the public one where the phase keeps that back.
/// It is for the submission's team and the challenge's organizer.
#[utoipa::path(
    get, path = "/api/v1/submissions/{id}/receipt", operation_id = "get_receipt", tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    responses((status = 200, description = "The newest receipt", body = SignedReceipt)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    id: Path<i64>,
) -> Result<Json<SignedReceipt>, Fault> {
    let (id, now) = (*id, house.clock.now());
    let found = house
        .database
        .read(move |connection| receipts::of_submission(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?;
    let (detail, kept) =
        found.ok_or_else(|| Fault::not_found(format!("You have no submission {id}.")))?;
    let kept = kept.ok_or_else(|| {
        Fault::not_found(format!(
            "Submission {id} has no receipt: one is signed when a submission has been judged."
        ))
    })?;
    Ok(Json(
        kept.shown(detail.disclosure.opens(&detail.submission)),
    ))
}
