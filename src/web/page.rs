//! What every page shares: who looks at it, where it stands, the message that the last form left, and
//! how it is sent.

use actix_session::SessionExt;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};
use askama::Template;
use serde::{Deserialize, Serialize};

use super::assets;
use crate::accounts::permissions::{Principal, check, rule_for};
use crate::accounts::sessions::USER;
use crate::accounts::users::{Role, User};
use crate::http::fault::Fault;
use crate::http::guard::{principal, see_other, unread_messages};
use crate::messages::inbox::COUNTED;

/// The frame of a page. A page's template has it as its field `page`.
#[derive(Debug, Clone)]
pub struct Page {
    /// Who is signed in.
    pub user: Option<PageUser>,
    /// The part of the site that the header marks: `challenges`, `datasets`, `experts`, `talent`, `console`,
    /// `inbox`, `account`, or nothing.
    pub active: &'static str,
    /// Path and query, for the way back after signing in.
    pub path: String,
    /// What the last form left to say.
    pub flash: Option<Flash>,
}

/// The signed-in person, as the header shows them.
#[derive(Debug, Clone)]
pub struct PageUser {
    /// Their name.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// How many messages they have not read, in words; empty: none.
    pub unread: String,
    /// Whether the talent boards are open to them.
    pub may_scout: bool,
    /// Whether the console is open to them.
    pub may_organize: bool,
}

impl PageUser {
    fn new(user: User, unread: i64) -> Self {
        let browser = Principal::Browser(user.clone());
        let may_open =
            |pattern| rule_for("GET", pattern).is_some_and(|rule| check(rule, &browser).is_ok());
        Self {
            may_scout: may_open("/talent"),
            may_organize: may_open("/console"),
            unread: match unread {
                0 => String::new(),
                COUNTED.. => format!("{}+", COUNTED - 1),
                count => count.to_string(),
            },
            username: user.username,
            role: user.role,
        }
    }
}

/// A message that is shown once, on the page after the one that left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// How it looks: `success`, `info`, `warning` or `error`.
    pub kind: String,
    /// What it says.
    pub message: String,
}

/// Where a session keeps its [`Flash`].
const FLASH: &str = "flash";

impl Page {
    /// The frame for a request; takes the message that waits in the session.
    pub fn new(request: &HttpRequest, active: &'static str) -> Self {
        let session = request.get_session();
        // Removing marks a session as changed, and a changed session is written.
        let flash = if session.contains_key(FLASH) {
            session.remove_as::<Flash>(FLASH).and_then(Result::ok)
        } else {
            None
        };
        // Where the guard refused there is no principal, but the session still knows who it was.
        let user = principal(request)
            .user()
            .cloned()
            .or_else(|| session.get::<User>(USER).ok().flatten());
        Self {
            user: user.map(|user| PageUser::new(user, unread_messages(request))),
            active,
            path: match request.uri().path_and_query() {
                // Who has this address decides: it stands in no link of its page.
                Some(path) if !path.as_str().starts_with("/consent/") => path.as_str().to_owned(),
                _ => "/".to_owned(),
            },
            flash,
        }
    }

    /// The address of a static file, with the hash of its content.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// Sends the page that this is the frame of.
    pub fn show(&self, page: &impl Template) -> Result<HttpResponse, Fault> {
        self.show_as(StatusCode::OK, page)
    }

    /// Sends the page under a status of its own: a form that is not as it must be, for example.
    pub fn show_as(&self, status: StatusCode, page: &impl Template) -> Result<HttpResponse, Fault> {
        html(status, self.user.is_some(), page)
    }
}

/// Sends a part of a page, for a script to put into its place. A waiting message is left to the next
/// page.
pub fn show_part(request: &HttpRequest, part: &impl Template) -> Result<HttpResponse, Fault> {
    html(StatusCode::OK, principal(request).user().is_some(), part)
}

fn html(
    status: StatusCode,
    names_visitor: bool,
    template: &impl Template,
) -> Result<HttpResponse, Fault> {
    // A page that names its visitor stays in no cache, not even the browser's own after signing out.
    let cache = if names_visitor {
        "no-store"
    } else {
        "private, no-cache"
    };
    let html = template.render().map_err(Fault::internal)?;
    Ok(HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, cache))
        .body(html))
}

/// Sends the browser to another page (303) and leaves a message there.
pub fn see_other_saying(
    request: &HttpRequest,
    address: &str,
    kind: &str,
    message: impl Into<String>,
) -> HttpResponse {
    let flash = Flash {
        kind: kind.to_owned(),
        message: message.into(),
    };
    if let Err(error) = request.get_session().insert(FLASH, flash) {
        tracing::warn!(%error, "a message could not be left");
    }
    see_other(address)
}

/// The route of a page: GET, and HEAD, whose body the server drops.
pub fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Where to go after signing in: an address of this site, or the challenges. Browsers read `//host`
/// and `/\host` as another site and drop tabs and line breaks, so only plain characters pass.
pub fn local_address(next: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if next.starts_with('/') && !next.starts_with("//") && next.bytes().all(plain) {
        next
    } else {
        "/challenges"
    }
}

/// What is wrong with a form that is shown again: one field and what to do, or nothing.
#[derive(Debug, Clone, Default)]
pub struct FormProblem {
    /// The field's name; empty where it is the whole form.
    pub field: String,
    /// What to do. Empty: nothing is wrong.
    pub message: String,
    /// The status that the form is sent with.
    status: StatusCode,
}

impl FormProblem {
    /// A fault that names a field of the form, or concerns the form as a whole; every other fault
    /// is the caller's to pass on.
    pub fn from_fault(fault: Fault) -> Result<Self, Fault> {
        let known = fault.field.is_some() || fault.kind == "wrong_credentials";
        if !known || fault.status >= 500 {
            return Err(fault);
        }
        Ok(Self {
            status: StatusCode::from_u16(fault.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY),
            field: fault.field.unwrap_or_default(),
            message: fault.detail,
        })
    }

    /// What is wrong with this field; empty if nothing.
    pub fn of(&self, field: &str) -> &str {
        if self.field == field {
            &self.message
        } else {
            ""
        }
    }

    /// The field's name as its label has it: `User name` is called that, the others are their words.
    pub fn label(&self) -> String {
        match self.field.as_str() {
            "username" => "User name".to_owned(),
            "email" => "E-mail".to_owned(),
            field => {
                let words = field.replace('_', " ");
                let mut letters = words.chars();
                match letters.next() {
                    Some(first) => first.to_uppercase().chain(letters).collect(),
                    None => words,
                }
            }
        }
    }

    /// The status of the answer: 200 where nothing is wrong.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_site_are_followed() {
        for local in ["/", "/challenges/lap-time?page=2", "/a%2Fb", "/a//b"] {
            assert_eq!(local_address(local), local);
        }
        for other in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "javascript:alert(1)",
            "/ü",
            "/a b",
            "\\/evil",
        ] {
            assert_eq!(local_address(other), "/challenges", "{other:?}");
        }
    }
}
