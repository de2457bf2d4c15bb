//! One's own profile, and who wrote to one.

use actix_web::web::{self, Data, Form, FormConfig, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::page::{FormProblem, Page, get, see_other_saying};
use crate::accounts::permissions::Principal;
use crate::accounts::users::{Role, User};
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::talent::experts::contact::{self, ReceivedContact};
use crate::talent::experts::profile::{self, ProfileSettings};

/// Bytes of a form: the longest text, each of its bytes written as three.
const LARGEST_FORM: usize = 1 << 16;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/account/profile")
                .app_data(FormConfig::default().limit(LARGEST_FORM))
                .route(get().to(form))
                .route(web::post().to(save)),
        )
        .service(web::resource("/account/contacts").route(get().to(contacts)));
}

#[derive(Template)]
#[template(path = "accounts/profile.html")]
struct ProfileForm {
    page: Page,
    username: String,
    is_expert: bool,
    /// Whether there is a page that its owner can look at.
    has_page: bool,
    form: ProfileSettings,
    problem: FormProblem,
}

fn show(
    request: &HttpRequest,
    user: &User,
    has_row: bool,
    form: ProfileSettings,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let view = ProfileForm {
        page: Page::new(request, "account"),
        username: user.username.clone(),
        is_expert: user.role == Role::Expert,
        has_page: has_row && user.role == Role::Expert,
        form,
        problem,
    };
    view.page.show_as(view.problem.status(), &view)
}

async fn form(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
) -> Result<HttpResponse, Fault> {
    let user = user(&principal)?;
    let user_id = user.id;
    let own = state
        .database
        .read(move |connection| profile::own(connection, user_id))
        .await?;
    let has_row = own.is_some();
    let form = own.unwrap_or_default();
    show(&request, user, has_row, form, FormProblem::default())
}

/// The form as a browser sends it.
#[derive(Deserialize)]
struct Sent {
    headline: String,
    about: String,
    website: String,
    // A box that is not ticked is not sent.
    is_public: Option<String>,
    open_to_contact: Option<String>,
}

async fn save(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    sent: Form<Sent>,
) -> Result<HttpResponse, Fault> {
    let (now, user) = (state.clock.now(), user(&principal)?.clone());
    let sent = sent.into_inner();
    let wanted = ProfileSettings {
        headline: sent.headline,
        about: sent.about,
        website: sent.website.trim().to_owned(),
        is_public: sent.is_public.is_some(),
        open_to_contact: sent.open_to_contact.is_some(),
    };
    let (owner, kept) = (user.clone(), wanted.clone());
    let saved = state
        .database
        .write(move |connection| profile::save(connection, now, &owner, &kept))
        .await
        .map_err(Fault::from);
    match saved {
        Ok(_) => Ok(see_other_saying(
            &request,
            "/account/profile",
            "success",
            "Your profile is saved.",
        )),
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show(&request, &user, false, wanted, problem)
        }
    }
}

/// Messages on a page.
const PER_PAGE: usize = 20;

#[derive(Deserialize)]
struct ContactsQuery {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "accounts/contacts.html")]
struct ContactsPage {
    page: Page,
    contacts: Vec<ReceivedContact>,
    first: String,
    next: String,
}

async fn contacts(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    query: Query<ContactsQuery>,
) -> Result<HttpResponse, Fault> {
    let (user_id, before) = (user(&principal)?.id, query.before);
    let mut contacts = state
        .database
        .read(move |connection| contact::received(connection, user_id, before, PER_PAGE as i64 + 1))
        .await?;
    let more = contacts.len() > PER_PAGE;
    contacts.truncate(PER_PAGE);
    let view = ContactsPage {
        page: Page::new(&request, "account"),
        first: match before {
            Some(_) => "/account/contacts".into(),
            None => String::new(),
        },
        next: match contacts.last() {
            Some(last) if more => format!("/account/contacts?before={}", last.id),
            _ => String::new(),
        },
        contacts,
    };
    view.page.show(&view)
}
