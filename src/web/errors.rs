//! Faults as pages: everywhere but under `/api/`.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;

/// Shows a fault as a page where the caller is a person.
pub fn as_page(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    response
}
