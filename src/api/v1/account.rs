//! Who is asking.

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::permissions::Principal;
use crate::accounts::tokens::Scope;
use crate::accounts::users::Role;
use crate::http::fault::Fault;
use crate::http::guard;

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The name that others see.
    username: String,
    /// What the account may do.
    role: Role,
    /// What this token may do of it; all of it in a signed-in browser.
    scopes: Vec<Scope>,
}

/// The caller's own account
///
/// What the token that was sent may do, for a program to check before it begins.
#[utoipa::path(
    get, path = "/api/v1/me", operation_id = "me", tag = "account",
    responses((status = 200, description = "The account", body = Me)),
)]
pub async fn me(principal: Principal) -> Result<Json<Me>, Fault> {
    let user = guard::user(&principal)?;
    let scopes = match &principal {
        Principal::Program(_, scopes) => scopes.clone(),
        Principal::Browser(_) | Principal::Visitor | Principal::Worker { .. } => {
            Scope::ALL.to_vec()
        }
    };
    Ok(Json(Me {
        username: user.username.clone(),
        role: user.role,
        scopes,
    }))
}
