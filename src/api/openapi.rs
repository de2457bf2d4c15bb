//! The description of the API, made from the handlers' own types and from the table of permissions, so
//! that it cannot say something else than what is served.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::v1::{
    account, announcements, baselines, bundles, challenges, coached_drivers, contact_requests,
    corrections, datasets, discussion, experts, flags, inbox, kinds, leaderboard, life,
    metrics_catalogue, participants, receipts, runs, scouting, submission_acts, submissions,
    talent, teams, uploads, worker, workers,
};
use crate::accounts::permissions::{Access, RULES, Rule};
use crate::http::fault::Fault;
use crate::talent::board::SortColumn;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Paddock",
        description = "The crowd-intelligence data competition platform for karting.\n\n\
            Every error is an `application/problem+json` document (RFC 9457) whose `type` is a short name to \
            decide by and whose `detail` says what to do. Times are RFC 3339 in UTC. Lists are paged: ask for \
            `limit` items and follow `next` by sending it as `after` until it is null. Links are absolute \
            paths on the same server. `HEAD` is served wherever `GET` is."
    ),
    paths(
        challenges::list,
        challenges::find,
        challenges::sample_submission,
        kinds::starter_kit,
        kinds::features,
        challenges::accept_rules,
        teams::find,
        teams::change,
        teams::invite,
        teams::answer,
        teams::leave,
        participants::list,
        participants::requests,
        participants::decide,
        participants::make_link,
        participants::take_back_link,
        participants::addresses,
        participants::invite,
        participants::remove_address,
        participants::disqualify,
        participants::reinstate,
        challenges::create,
        challenges::publish,
        life::submit_for_review,
        life::send_back,
        life::open_next,
        life::close,
        life::archive,
        life::restore,
        life::reschedule,
        baselines::add,
        flags::resolve,
        flags::verify,
        bundles::import,
        bundles::export,
        bundles::clone_challenge,
        corrections::create,
        corrections::list,
        corrections::find,
        corrections::cancel,
        leaderboard::page,
        announcements::list,
        announcements::create,
        discussion::topics,
        discussion::open,
        discussion::topic,
        discussion::reply,
        inbox::list,
        leaderboard::history,
        submissions::list,
        submissions::create,
        submissions::find,
        submission_acts::compare,
        submission_acts::describe,
        submission_acts::select,
        submission_acts::deselect,
        submission_acts::withdraw,
        receipts::key,
        receipts::find,
        runs::cancel,
        runs::rescore,
        runs::rescore_phase,
        datasets::list,
        datasets::find,
        datasets::risk_report,
        datasets::changes,
        datasets::file,
        datasets::publish,
        uploads::describe,
        uploads::create,
        uploads::find,
        uploads::append,
        uploads::override_method,
        uploads::discard,
        metrics_catalogue::list,
        account::me,
        experts::own,
        experts::change_own,
        experts::list,
        experts::find,
        experts::contact,
        talent::list,
        talent::find,
        talent::publish,
        talent::driver,
        scouting::shortlists,
        scouting::create_shortlist,
        scouting::shortlist,
        scouting::delete_shortlist,
        scouting::add_driver,
        scouting::remove_driver,
        scouting::write_note,
        scouting::searches,
        scouting::save_search,
        scouting::delete_search,
        coached_drivers::list,
        coached_drivers::add,
        coached_drivers::find,
        coached_drivers::change,
        coached_drivers::delete,
        coached_drivers::make_link,
        coached_drivers::take_back_link,
        coached_drivers::list_sessions,
        coached_drivers::begin_session,
        coached_drivers::delete_session,
        coached_drivers::add_laps,
        coached_drivers::end_session,
        contact_requests::list_own,
        contact_requests::ask,
        contact_requests::find_own,
        contact_requests::cancel,
        contact_requests::list,
        contact_requests::find,
        contact_requests::forward,
        contact_requests::refuse,
        contact_requests::withdraw,
        workers::list,
        worker::announce,
        worker::lease,
        worker::heartbeat,
        worker::report,
        worker::submission,
        worker::solution,
        worker::features,
        worker::program,
        worker::keep_predictions,
    ),
    components(schemas(Fault, SortColumn)),
    tags(
        (name = "challenges", description = "Contests, their rules and their leaderboards"),
        (name = "messages", description = "Announcements, discussions, and what one was told"),
        (name = "teams", description = "Who competes together"),
        (name = "participants", description = "Who takes part, for organizers"),
        (name = "submissions", description = "Sending predictions and seeing their scores"),
        (name = "datasets", description = "Published data and its files"),
        (name = "uploads", description = "Sending raw files part by part, by the tus protocol 1.0.0"),
        (name = "talent", description = "What the best models say of drivers"),
        (name = "coaching", description = "Drivers who see their own laps by a personal link"),
        (name = "experts", description = "Who builds the models, and what they won"),
        (name = "account", description = "Who is asking"),
        (name = "worker", description = "For workers of other machines"),
    ),
    modifiers(&FromPermissions),
)]
struct Description;

/// The description.
pub fn openapi() -> Document {
    Description::openapi()
}

const BEARER: &str = "bearer";
const PROBLEM_JSON: &str = "application/problem+json";

/// Adds to every operation what follows from its line in the table of permissions: who may call it,
/// and the refusals that the guard and the extractors give.
struct FromPermissions;

impl Modify for FromPermissions {
    fn modify(&self, document: &mut Document) {
        document
            .components
            .get_or_insert_default()
            .add_security_scheme(
                BEARER,
                SecurityScheme::Http(
                    HttpBuilder::new()
                        .scheme(HttpAuthScheme::Bearer)
                        .description(Some(
                            "A token of your account (`pdk_…`), or of a worker (`pdw_…`).",
                        ))
                        .build(),
                ),
            );
        for rule in RULES {
            let Some(path) = document.paths.paths.get_mut(&described_path(rule.pattern)) else {
                continue;
            };
            if let Some(operation) = operation_of(path, rule.method) {
                complete(operation, rule);
            }
        }
        for path in document.paths.paths.values_mut() {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                if let Some(operation) = operation_of(path, method) {
                    describe_problems(operation);
                }
            }
        }
    }
}

/// A route's pattern without the regular expressions in it: `{path:.*}` is described as `{path}`.
pub fn described_path(pattern: &str) -> String {
    pattern.replace(":.*}", "}")
}

fn operation_of<'a>(path: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => path.get.as_mut(),
        "PUT" => path.put.as_mut(),
        "PATCH" => path.patch.as_mut(),
        "DELETE" => path.delete.as_mut(),
        "OPTIONS" => path.options.as_mut(),
        _ => path.post.as_mut(),
    }
}

fn complete(operation: &mut Operation, rule: &Rule) {
    let token = SecurityRequirement::new(BEARER, Vec::<String>::new());
    operation.security = Some(match rule.access {
        Access::Anyone => vec![SecurityRequirement::default(), token],
        Access::Account | Access::Roles(_) | Access::Worker => vec![token],
    });
    let has_parameters = operation
        .parameters
        .as_ref()
        .is_some_and(|all| !all.is_empty());
    let mut add = |status: u16, description: &str| {
        let known = &mut operation.responses.responses;
        known
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(description).build()));
    };
    add(
        401,
        "The token is unknown, expired or revoked, or one is needed and none was sent.",
    );
    if !matches!(rule.access, Access::Anyone | Access::Worker) {
        add(
            403,
            "The account's role or the token's scopes do not allow this.",
        );
    }
    if rule.pattern.contains('{') {
        add(
            404,
            "There is nothing at this address that the caller may know of.",
        );
    }
    if has_parameters || operation.request_body.is_some() {
        add(
            422,
            "A parameter or field is not as it must be; `field` names it.",
        );
    }
    if rule.throttle.is_some() {
        add(
            429,
            "Too often, or no place is left of the challenge's limits; see `retry_after`.",
        );
    }
    add(500, "The platform failed.");
}

/// Gives every refusal its body.
fn describe_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let refuses = status.starts_with('4') || status.starts_with('5');
        if let (true, RefOr::T(response)) = (refuses, response) {
            give_problem(response);
        }
    }
}

fn give_problem(response: &mut Response) {
    let schema = RefOr::Ref(Ref::from_schema_name("Fault"));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    response
        .content
        .insert(PROBLEM_JSON.to_owned(), content.into());
}
