//! Receipts: the signed accounts of scores, and the key that signs them.

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::House;

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
