//! Users and their roles, for admins.

use actix_web::web::{self, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::accounts::permissions::Principal;
use crate::accounts::users::{self, Role, UserLine};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::page::{Page, see_other_saying};

/// Users on a page.
const PAGE: usize = 50;

/// Where a page of the list begins.
#[derive(Deserialize)]
pub struct Paging {
    #[serde(default)]
    after: i64,
}

#[derive(Template)]
#[template(path = "console/users.html")]
struct UsersPage {
    page: Page,
    users: Vec<UserLine>,
    roles: &'static [Role],
    /// The signed-in admin, whose own role others change.
    own_name: String,
    next: String,
}

/// The list, in the order of signing up.
pub async fn list(
    state: Data<State>,
    request: HttpRequest,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let after = paging.after;
    let mut users = state
        .database
        .read(move |connection| users::list(connection, after, PAGE as i64 + 1))
        .await
        .map_err(Fault::from)?;
    let more = users.len() > PAGE;
    users.truncate(PAGE);
    let page = Page::new(&request, "console");
    let shown = UsersPage {
        own_name: page
            .user
            .as_ref()
            .map(|user| user.username.clone())
            .unwrap_or_default(),
        page,
        next: match users.last() {
            Some(last) if more => format!("?after={}", last.id),
            _ => String::new(),
        },
        users,
        roles: Role::ALL,
    };
    shown.page.show(&shown)
}

/// The form beside a user.
#[derive(Deserialize)]
pub struct RoleForm {
    role: Role,
    #[serde(default)]
    after: i64,
}

/// Gives a user another role.
pub async fn set_role(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    username: Path<String>,
    form: web::Form<RoleForm>,
) -> Result<HttpResponse, Fault> {
    let RoleForm { role, after } = form.into_inner();
    let now = state.clock.now();
    let changed = state
        .database
        .write(move |connection| {
            users::set_role(connection, now, principal.user(), &username, role)
        })
        .await;
    let address = match after {
        0 => "/console/users".to_owned(),
        after => format!("/console/users?after={after}"),
    };
    match changed.map_err(Fault::from) {
        Ok(user) => Ok(see_other_saying(
            &request,
            &address,
            "success",
            format!("{} has the role {role} from now on.", user.username),
        )),
        Err(fault) if fault.status == 422 => {
            Ok(see_other_saying(&request, &address, "error", fault.detail))
        }
        Err(fault) => Err(fault),
    }
}
