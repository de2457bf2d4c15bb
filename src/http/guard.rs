//! The guard before every route: who is asking, may they, from where and how often. The one place
//! that enforces the table of [`permissions`](crate::accounts::permissions).

use std::net::IpAddr;
use std::num::NonZeroU32;

use actix_session::SessionExt;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, HOST, HeaderName, HeaderValue, LOCATION, ORIGIN,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::fault::Fault;
use super::state::State;
use crate::accounts::permissions::{
    Access, Principal, Refusal, Throttle, allowed_methods, check, rule_for,
};
use crate::accounts::sessions::USER;
use crate::accounts::tokens::{self, WORKER_TOKEN_PREFIX};
use crate::accounts::users::User;
use crate::messages::inbox;
use crate::platform::config::Config;

/// How often one address may do what is throttled.
pub struct Throttles {
    sign_in: DefaultKeyedRateLimiter<IpAddr>,
    submission: DefaultKeyedRateLimiter<IpAddr>,
    message: DefaultKeyedRateLimiter<IpAddr>,
    invitation: DefaultKeyedRateLimiter<IpAddr>,
    personal_link: DefaultKeyedRateLimiter<IpAddr>,
}

impl Throttles {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let per_minute = |count: u32| {
            RateLimiter::keyed(Quota::per_minute(
                NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN),
            ))
        };
        Self {
            sign_in: per_minute(config.sign_in_per_minute),
            submission: per_minute(config.submissions_per_minute),
            message: per_minute(config.messages_per_minute),
            invitation: per_minute(config.invitations_per_minute),
            personal_link: per_minute(config.personal_links_per_minute),
        }
    }

    fn check(&self, throttle: Throttle, address: IpAddr) -> Result<(), Fault> {
        let limiter = match throttle {
            Throttle::SignIn => &self.sign_in,
            Throttle::Submission => &self.submission,
            Throttle::Message => &self.message,
            Throttle::Invitation => &self.invitation,
            Throttle::PersonalLink => &self.personal_link,
        };
        limiter.check_key(&address).map_err(|refused| {
            let wait = refused.wait_time_from(limiter.clock().now()).as_secs() + 1;
            Fault {
                retry_after: Some(wait),
                ..Fault::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_requests",
                    format!("Too many requests from this address; try again in {wait} s."),
                )
            }
        })
    }
}

/// The caller of a handler. Present behind the guard on every route.
pub fn principal(request: &HttpRequest) -> Principal {
    request
        .extensions()
        .get::<Principal>()
        .cloned()
        .unwrap_or(Principal::Visitor)
}

impl FromRequest for Principal {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(Ok(principal(request)))
    }
}

/// The signed-in caller; on routes that ask for an account it is always there.
pub fn user(principal: &Principal) -> Result<&User, Fault> {
    principal.user().ok_or_else(|| Refusal::SignIn.into())
}

/// The middleware.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = match admit(&request).await {
        Ok((principal, unread)) => {
            request.extensions_mut().insert(principal);
            request.extensions_mut().insert(Unread(unread));
            match next.call(request).await {
                Ok(response) => response.map_into_boxed_body(),
                Err(error) => return Err(error),
            }
        }
        Err(fault) => {
            let (request, _) = request.into_parts();
            let response = if sends_to_sign_in(&request, &fault) {
                to_sign_in(&request)
            } else {
                HttpResponse::from_error(fault)
            };
            ServiceResponse::new(request, response)
        }
    };
    Ok(response)
}

async fn admit(request: &ServiceRequest) -> Result<(Principal, i64), Fault> {
    let pattern = request.match_pattern().ok_or(Refusal::NoSuchRoute)?;
    let rule = rule_for(request.method().as_str(), &pattern)
        .ok_or_else(|| no_such_method(request.method(), &pattern))?;
    let state = request
        .app_data::<Data<State>>()
        .ok_or_else(|| Fault::internal("the server was assembled without its state"))?;
    let throttled = || match (rule.throttle, request.peer_addr()) {
        (Some(throttle), Some(address)) => state.throttles.check(throttle, address.ip()),
        _ => Ok(()),
    };
    // Where anybody may call the door itself is what is tried; elsewhere those who may not call at all
    // use nobody's share up.
    if rule.access == Access::Anyone {
        throttled()?;
    }
    let principal = identify(request, state).await?;
    // Browsers add cookies by themselves, and Basic credentials that they once were given.
    let by_browser = matches!(principal, Principal::Browser(_) | Principal::Visitor)
        || credentials(request, "basic").is_some();
    if by_browser && !request.method().is_safe() && is_cross_origin(request) {
        return Err(Fault::new(
            StatusCode::FORBIDDEN,
            "cross_origin",
            "This form was sent from another site. Open the page here and send it again.",
        ));
    }
    check(rule, &principal)?;
    if rule.access != Access::Anyone {
        throttled()?;
    }
    let unread = count_unread(request, &pattern, state, &principal).await?;
    Ok((principal, unread))
}

/// How many messages the caller has not read: what the head of every page shows.
struct Unread(i64);

/// How many messages the caller of a page has not read, as it was when the request came.
pub fn unread_messages(request: &HttpRequest) -> i64 {
    request
        .extensions()
        .get::<Unread>()
        .map_or(0, |unread| unread.0)
}

/// Asked once for a page of a signed-in browser, by an index that holds unread messages alone; not for
/// programs, files and forms.
async fn count_unread(
    request: &ServiceRequest,
    pattern: &str,
    state: &State,
    principal: &Principal,
) -> Result<i64, Fault> {
    let is_page = request.method().is_safe()
        && !pattern.starts_with("/api/")
        && !pattern.starts_with("/static/");
    match principal {
        Principal::Browser(user) if is_page => {
            let user_id = user.id;
            Ok(state
                .database
                .read(move |connection| inbox::unread(connection, user_id))
                .await?)
        }
        _ => Ok(0),
    }
}

/// What a call of a known address with another method is answered with, before anybody is asked who
/// they are.
fn no_such_method(method: &Method, pattern: &str) -> Fault {
    let allowed = allowed_methods(pattern).join(", ");
    if allowed.is_empty() {
        return Refusal::NoSuchRoute.into();
    }
    Fault {
        allow: Some(allowed.clone()),
        ..Fault::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("{method} is not served at this address; use {allowed}."),
        )
    }
}

/// What an `Authorization` header of this scheme carries.
fn credentials(request: &ServiceRequest, scheme: &str) -> Option<String> {
    request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(sent, _)| sent.eq_ignore_ascii_case(scheme))
        .map(|(_, credentials)| credentials.trim().to_owned())
}

/// User name and password of HTTP Basic (RFC 7617).
fn user_and_password(credentials: &str) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(credentials).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn unknown_token(detail: &str) -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "unknown_token", detail)
}

/// Who is asking: by a token as a bearer, by user name and token as HTTP Basic, which is all that some
/// clients can send, or by the session of a browser. Tokens are found by their hash, so that nothing
/// secret is compared byte by byte.
async fn identify(request: &ServiceRequest, state: &State) -> Result<Principal, Fault> {
    let now = state.clock.now();
    if let Some(token) = credentials(request, "bearer") {
        let found = state
            .database
            .read(move |connection| {
                if token.starts_with(WORKER_TOKEN_PREFIX) {
                    let worker = tokens::authenticate_worker(connection, &token)?;
                    return Ok(worker.map(|name| Principal::Worker { name }));
                }
                let person = tokens::authenticate(connection, now, &token)?;
                Ok::<_, Fault>(person.map(|(user, scopes)| Principal::Program(user, scopes)))
            })
            .await?;
        return found.ok_or_else(|| {
            unknown_token(
                "This token is unknown, expired or revoked; make a new one in your account.",
            )
        });
    }
    if let Some(credentials) = credentials(request, "basic") {
        let refused = || {
            unknown_token(
                "Send your user name and, as the password, an API token of yours that is in force; passwords \
                 are for the sign-in page alone.",
            )
        };
        let (name, token) = user_and_password(&credentials).ok_or_else(refused)?;
        let person = state
            .database
            .read(move |connection| {
                tokens::authenticate(connection, now, &token).map_err(Fault::from)
            })
            .await?;
        return person
            .filter(|(user, _)| user.username == name)
            .map(|(user, scopes)| Principal::Program(user, scopes))
            .ok_or_else(refused);
    }
    let user = request
        .get_session()
        .get::<User>(USER)
        .map_err(Fault::internal)?;
    Ok(user.map_or(Principal::Visitor, Principal::Browser))
}

/// Whether a browser says that the request comes from another site. As Go's `CrossOriginProtection`
/// does: `Sec-Fetch-Site` decides where it is sent, `Origin` where it is not; every browser of the
/// last years sends one of them with a cross-site form, and a client that sends neither is no browser.
fn is_cross_origin(request: &ServiceRequest) -> bool {
    let header = |name: HeaderName| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    if let Some(site) = header(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = header(ORIGIN) else {
        return false;
    };
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    header(HOST) != Some(host)
}

fn sends_to_sign_in(request: &HttpRequest, fault: &Fault) -> bool {
    fault.kind == "unauthorized"
        && *request.method() == Method::GET
        && !request.path().starts_with("/api/")
        && !request.headers().contains_key(AUTHORIZATION)
}

/// Sends a browser to the sign-in page and back afterwards.
pub fn to_sign_in(request: &HttpRequest) -> HttpResponse {
    see_other(&format!("/sign-in?next={}", address_of(request)))
}

/// Whether the caller reads pages, as browsers say and programs do not.
pub fn reads_pages(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.contains("text/html"))
}

fn address_of(request: &HttpRequest) -> String {
    let address = request
        .uri()
        .path_and_query()
        .map_or("/", |address| address.as_str());
    // Escaped whole: it travels as one query parameter.
    address.bytes().fold(String::new(), |mut escaped, byte| {
        use std::fmt::Write as _;
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}"); // writing to a String cannot fail
        }
        escaped
    })
}

/// A redirect after a form was sent (303), so that reloading does not send it again.
pub fn see_other(address: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, address))
        .finish()
}

const SECURITY_HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// Addresses below these are secrets.
const SECRET_ADDRESSES: [&str; 2] = ["/driving/", "/consent/"];

/// What keeps an address that is a secret out of caches and search engines, also where nothing is found at it.
/// Other sites do not learn it as they learn no address: to tell our own pages nothing either (`no-referrer`)
/// would make browsers send forms with `Origin: null`, which are refused over plain HTTP.
const SECRET_HEADERS: [(&str, &str); 2] = [
    ("cache-control", "no-store"),
    ("x-robots-tag", "noindex, nofollow"),
];

/// The middleware that puts the security headers on every answer, whoever made it.
pub async fn secure(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let path = request.path();
    let is_secret = SECRET_ADDRESSES
        .iter()
        .any(|secret| path.starts_with(secret));
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let of_secret = is_secret.then_some(SECRET_HEADERS).into_iter().flatten();
    for (name, value) in SECURITY_HEADERS.into_iter().chain(of_secret) {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    Ok(response)
}
