//! Signing up, in and out, and one's own account.

use actix_session::{Session, SessionExt};
use actix_web::web::{self, Data, Form, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::page::{FormProblem, Page, get, local_address, see_other_saying};
use crate::accounts::permissions::Principal;
use crate::accounts::sessions::USER;
use crate::accounts::tokens::{self, ApiToken, Scope};
use crate::accounts::users::{self, Role, SignUp, User};
use crate::http::fault::Fault;
use crate::http::guard::{see_other, user};
use crate::http::state::State;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/sign-up")
                .route(get().to(sign_up_form))
                .route(web::post().to(sign_up)),
        )
        .service(
            web::resource("/sign-in")
                .route(get().to(sign_in_form))
                .route(web::post().to(sign_in)),
        )
        .service(web::resource("/sign-out").route(web::post().to(sign_out)))
        .service(web::resource("/account").route(get().to(account)))
        .service(web::resource("/account/tokens").route(web::post().to(create_token)))
        .service(web::resource("/account/tokens/{id}/revoke").route(web::post().to(revoke_token)));
}

/// Where the visitor wanted to go.
#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "accounts/sign_up.html")]
struct SignUpPage {
    page: Page,
    problem: FormProblem,
    username: String,
    email: String,
    next: String,
}

async fn sign_up_form(request: HttpRequest, query: Query<Next>) -> Result<HttpResponse, Fault> {
    let view = SignUpPage {
        page: Page::new(&request, ""),
        problem: FormProblem::default(),
        username: String::new(),
        email: String::new(),
        next: query.into_inner().next,
    };
    view.page.show(&view)
}

#[derive(Deserialize)]
struct SignUpForm {
    username: String,
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_up(
    request: HttpRequest,
    state: Data<State>,
    form: Form<SignUpForm>,
) -> Result<HttpResponse, Fault> {
    let form = form.into_inner();
    let wanted = SignUp {
        username: form.username.trim().to_owned(),
        email: form.email.trim().to_owned(),
        password: form.password,
    };
    let now = state.clock.now();
    // Everybody begins as a data expert; an admin opens the other doors.
    let made = users::sign_up(&state.database, &state.passwords, now, wanted, Role::Expert).await;
    match made {
        Ok(user) => {
            enter(&request.get_session(), &user)?;
            let greeting = format!("Welcome to the paddock, {}.", user.username);
            Ok(see_other_saying(
                &request,
                local_address(&form.next),
                "success",
                greeting,
            ))
        }
        Err(error) => {
            let view = SignUpPage {
                problem: FormProblem::from_fault(error.into())?,
                page: Page::new(&request, ""),
                username: form.username,
                email: form.email,
                next: form.next,
            };
            view.page.show_as(view.problem.status(), &view)
        }
    }
}

#[derive(Template)]
#[template(path = "accounts/sign_in.html")]
struct SignInPage {
    page: Page,
    problem: FormProblem,
    username: String,
    next: String,
}

async fn sign_in_form(
    request: HttpRequest,
    principal: Principal,
    query: Query<Next>,
) -> Result<HttpResponse, Fault> {
    if principal.user().is_some() {
        return Ok(see_other(local_address(&query.next)));
    }
    let view = SignInPage {
        page: Page::new(&request, ""),
        problem: FormProblem::default(),
        username: String::new(),
        next: query.into_inner().next,
    };
    view.page.show(&view)
}

#[derive(Deserialize)]
struct SignInForm {
    username: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    request: HttpRequest,
    state: Data<State>,
    form: Form<SignInForm>,
) -> Result<HttpResponse, Fault> {
    let form = form.into_inner();
    let username = form.username.trim();
    match users::sign_in(&state.database, &state.passwords, username, form.password).await {
        Ok(user) => {
            enter(&request.get_session(), &user)?;
            Ok(see_other(local_address(&form.next)))
        }
        Err(error) => {
            let view = SignInPage {
                problem: FormProblem::from_fault(error.into())?,
                page: Page::new(&request, ""),
                username: form.username,
                next: form.next,
            };
            view.page.show_as(view.problem.status(), &view)
        }
    }
}

/// Signs a browser in. It gets a new key, so that one planted before is worth nothing.
fn enter(session: &Session, user: &User) -> Result<(), Fault> {
    session.renew();
    session.insert(USER, user).map_err(Fault::internal)
}

async fn sign_out(session: Session) -> HttpResponse {
    session.purge();
    see_other("/")
}

#[derive(Template)]
#[template(path = "accounts/account.html")]
struct AccountPage {
    page: Page,
    username: String,
    role: Role,
    tokens: Vec<TokenLine>,
    form: TokenForm,
    problem: FormProblem,
    /// The token that was just made: shown this once, never kept in readable form.
    new_token: String,
}

/// A token in the list.
struct TokenLine {
    id: i64,
    name: String,
    scopes: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    /// Whether it opens anything now.
    state: TokenState,
}

#[derive(PartialEq, Eq)]
enum TokenState {
    Active,
    Expired,
    Revoked,
}

impl TokenLine {
    fn new(token: ApiToken, now: DateTime<Utc>) -> Self {
        let state = if token.revoked_at.is_some() {
            TokenState::Revoked
        } else if token.expires_at.is_some_and(|expiry| expiry <= now) {
            TokenState::Expired
        } else {
            TokenState::Active
        };
        let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        Self {
            id: token.id,
            name: token.name,
            scopes: scopes.join(", "),
            created_at: token.created_at,
            expires_at: token.expires_at,
            state,
        }
    }
}

#[derive(Deserialize)]
struct TokenForm {
    name: String,
    // A box that is not ticked is not sent.
    scope_read: Option<String>,
    scope_submit: Option<String>,
    scope_organize: Option<String>,
    /// Days; empty: never.
    expires_in_days: String,
}

impl Default for TokenForm {
    /// What the form suggests: enough to compete from a notebook for a season.
    fn default() -> Self {
        Self {
            name: String::new(),
            scope_read: Some("true".into()),
            scope_submit: Some("true".into()),
            scope_organize: None,
            expires_in_days: "90".into(),
        }
    }
}

impl TokenForm {
    fn scopes(&self) -> Vec<Scope> {
        [
            (&self.scope_read, Scope::Read),
            (&self.scope_submit, Scope::Submit),
            (&self.scope_organize, Scope::Organize),
        ]
        .into_iter()
        .filter_map(|(ticked, scope)| ticked.as_ref().map(|_| scope))
        .collect()
    }

    fn expiry(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Fault> {
        if self.expires_in_days.is_empty() {
            return Ok(None);
        }
        self.expires_in_days
            .parse()
            .ok()
            .filter(|days| (1..=3650).contains(days))
            .map(|days| Some(now + TimeDelta::days(days)))
            .ok_or_else(|| Fault::invalid("expires_in_days", "choose when the token ends"))
    }
}

/// The account's page with its form as it was filled in.
async fn show_account(
    request: &HttpRequest,
    state: &State,
    user: &User,
    form: TokenForm,
    problem: FormProblem,
    new_token: String,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let user_id = user.id;
    let tokens = state
        .database
        .read(move |connection| tokens::list(connection, user_id))
        .await?;
    let view = AccountPage {
        page: Page::new(request, "account"),
        username: user.username.clone(),
        role: user.role,
        tokens: tokens
            .into_iter()
            .map(|token| TokenLine::new(token, now))
            .collect(),
        form,
        problem,
        new_token,
    };
    view.page.show_as(view.problem.status(), &view)
}

async fn account(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
) -> Result<HttpResponse, Fault> {
    let user = user(&principal)?;
    let (form, problem) = (TokenForm::default(), FormProblem::default());
    show_account(&request, &state, user, form, problem, String::new()).await
}

async fn create_token(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    form: Form<TokenForm>,
) -> Result<HttpResponse, Fault> {
    let form = form.into_inner();
    let user = user(&principal)?;
    match make_token(&state, user.id, &form).await {
        // Answered directly: a redirect would have to keep the token somewhere in readable form.
        Ok(token) => {
            let (form, problem) = (TokenForm::default(), FormProblem::default());
            show_account(&request, &state, user, form, problem, token).await
        }
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show_account(&request, &state, user, form, problem, String::new()).await
        }
    }
}

async fn make_token(state: &State, user_id: i64, form: &TokenForm) -> Result<String, Fault> {
    let now = state.clock.now();
    let expires_at = form.expiry(now)?;
    let (name, scopes) = (form.name.clone(), form.scopes());
    let token = state
        .database
        .write(move |connection| {
            tokens::create(connection, now, user_id, &name, &scopes, expires_at)
        })
        .await?;
    Ok(token)
}

async fn revoke_token(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (user_id, id) = (user(&principal)?.id, id.into_inner());
    let now = state.clock.now();
    let revoked = state
        .database
        .write(move |connection| tokens::revoke(connection, now, user_id, id))
        .await?;
    if !revoked {
        return Err(Fault::not_found(
            "You have no such token, or it is revoked already.",
        ));
    }
    Ok(see_other_saying(
        &request,
        "/account",
        "success",
        "The token is revoked; nothing opens with it any more.",
    ))
}
