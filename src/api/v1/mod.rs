//! Version 1: one file for each resource, with its handlers and the shapes of its answers.
//!
//! [`challenges`], [`leaderboard`] and [`submissions`] are what a competitor needs from the first look to
//! the score; start there.

pub mod account;
pub mod announcements;
pub mod baselines;
pub mod bundles;
pub mod challenges;
pub mod coached_drivers;
pub mod contact_requests;
pub mod corrections;
pub mod datasets;
pub mod discussion;
pub mod experts;
pub mod flags;
mod forms;
pub mod inbox;
pub mod kinds;
pub mod leaderboard;
pub mod life;
pub mod metrics_catalogue;
mod paging;
pub mod participants;
pub mod receipts;
pub mod runs;
pub mod scouting;
pub mod submission_acts;
pub mod submissions;
pub mod talent;
pub mod teams;
pub mod uploads;
pub mod worker;
pub mod workers;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder};

/// Every route under `/api/v1`, in the order of the table of permissions.
pub(super) fn configure(routes: &mut ServiceConfig) {
    routes
        .service(readable("/api/v1/challenges", challenges::list).post(challenges::create))
        .service(web::resource("/api/v1/challenges/import").post(bundles::import))
        .service(readable("/api/v1/challenges/{slug}", challenges::find))
        .service(readable(
            "/api/v1/challenges/{slug}/bundle",
            bundles::export,
        ))
        .service(web::resource("/api/v1/challenges/{slug}/clone").post(bundles::clone_challenge))
        .service(readable(
            "/api/v1/challenges/{slug}/leaderboard",
            leaderboard::page,
        ))
        .service(readable(
            "/api/v1/challenges/{slug}/teams/{id}/history",
            leaderboard::history,
        ))
        .service(readable(
            "/api/v1/challenges/{slug}/sample-submission",
            challenges::sample_submission,
        ))
        .service(readable(
            "/api/v1/challenges/{slug}/starter-kits/{kind}",
            kinds::starter_kit,
        ))
        .service(readable(
            "/api/v1/challenges/{slug}/features",
            kinds::features,
        ))
        .service(
            web::resource("/api/v1/challenges/{slug}/membership").post(challenges::accept_rules),
        )
        .configure(configure_teams)
        .configure(configure_coached_drivers)
        .service(
            readable("/api/v1/challenges/{slug}/submissions", submissions::list)
                .post(submissions::create),
        )
        .service(
            readable(
                "/api/v1/challenges/{slug}/announcements",
                announcements::list,
            )
            .post(announcements::create),
        )
        .service(
            readable("/api/v1/challenges/{slug}/discussion", discussion::topics)
                .post(discussion::open),
        )
        .service(
            readable(
                "/api/v1/challenges/{slug}/discussion/{id}",
                discussion::topic,
            )
            .post(discussion::reply),
        )
        .service(web::resource("/api/v1/challenges/{slug}/publish").post(challenges::publish))
        .service(web::resource("/api/v1/challenges/{slug}/talent-board").post(talent::publish))
        .service(
            web::resource("/api/v1/challenges/{slug}/submit-for-review")
                .post(life::submit_for_review),
        )
        .service(web::resource("/api/v1/challenges/{slug}/send-back").post(life::send_back))
        .service(web::resource("/api/v1/challenges/{slug}/open-next-phase").post(life::open_next))
        .service(web::resource("/api/v1/challenges/{slug}/close").post(life::close))
        .service(web::resource("/api/v1/challenges/{slug}/archive").post(life::archive))
        .service(web::resource("/api/v1/challenges/{slug}/restore").post(life::restore))
        .service(web::resource("/api/v1/challenges/{slug}/dates").put(life::reschedule))
        .service(web::resource("/api/v1/challenges/{slug}/baselines").post(baselines::add))
        .service(web::resource("/api/v1/flags/{id}/resolve").post(flags::resolve))
        .service(web::resource("/api/v1/submissions/{id}/verify").post(flags::verify))
        .service(web::resource("/api/v1/challenges/{slug}/rescore").post(runs::rescore_phase))
        .service(readable(
            "/api/v1/challenges/{slug}/submissions/compare",
            submission_acts::compare,
        ))
        .service(
            readable("/api/v1/submissions/{id}", submissions::find)
                .patch(submission_acts::describe),
        )
        .service(web::resource("/api/v1/submissions/{id}/select").post(submission_acts::select))
        .service(web::resource("/api/v1/submissions/{id}/deselect").post(submission_acts::deselect))
        .service(web::resource("/api/v1/submissions/{id}/withdraw").post(submission_acts::withdraw))
        .service(
            readable("/api/v1/challenges/{slug}/corrections", corrections::list)
                .post(corrections::create),
        )
        .service(readable(
            "/api/v1/challenges/{slug}/corrections/{id}",
            corrections::find,
        ))
        .service(
            web::resource("/api/v1/challenges/{slug}/corrections/{id}/cancel")
                .post(corrections::cancel),
        )
        .service(readable("/api/v1/submissions/{id}/receipt", receipts::find))
        .service(web::resource("/api/v1/submissions/{id}/cancel").post(runs::cancel))
        .service(web::resource("/api/v1/submissions/{id}/rescore").post(runs::rescore))
        .service(readable("/api/v1/receipts/key", receipts::key))
        .service(readable("/api/v1/datasets", datasets::list).post(datasets::publish))
        .service(readable("/api/v1/datasets/{slug}", datasets::find))
        .service(readable(
            "/api/v1/datasets/{slug}/risk-report",
            datasets::risk_report,
        ))
        .service(readable(
            "/api/v1/datasets/{slug}/changes",
            datasets::changes,
        ))
        .service(readable(
            "/api/v1/datasets/{slug}/files/{path:.*}",
            datasets::file,
        ))
        .service(
            web::resource("/api/v1/uploads")
                .route(web::method(Method::OPTIONS).to(uploads::describe))
                .post(uploads::create),
        )
        .service(
            readable("/api/v1/uploads/{key}", uploads::find)
                .post(uploads::override_method)
                .patch(uploads::append)
                .delete(uploads::discard),
        )
        .service(readable("/api/v1/metrics", metrics_catalogue::list))
        .service(readable("/api/v1/me", account::me))
        .service(readable("/api/v1/me/profile", experts::own).put(experts::change_own))
        .service(readable("/api/v1/experts", experts::list))
        .service(readable("/api/v1/experts/{username}", experts::find))
        .service(web::resource("/api/v1/experts/{username}/contact").post(experts::contact))
        .service(readable("/api/v1/inbox", inbox::list))
        .service(readable("/api/v1/talent", talent::list))
        .configure(configure_contact_requests)
        .service(readable("/api/v1/talent/{slug}", talent::find))
        .configure(configure_scouting)
        .service(readable("/api/v1/workers", workers::list))
        .service(web::resource("/api/v1/worker/announcement").post(worker::announce))
        .service(web::resource("/api/v1/worker/leases").post(worker::lease))
        .service(web::resource("/api/v1/worker/runs/{run}/heartbeat").post(worker::heartbeat))
        .service(web::resource("/api/v1/worker/runs/{run}/report").post(worker::report))
        .service(readable(
            "/api/v1/worker/runs/{run}/submission",
            worker::submission,
        ))
        .service(readable(
            "/api/v1/worker/runs/{run}/solution",
            worker::solution,
        ))
        .service(readable(
            "/api/v1/worker/runs/{run}/features",
            worker::features,
        ))
        .service(readable(
            "/api/v1/worker/runs/{run}/program",
            worker::program,
        ))
        .service(
            web::resource("/api/v1/worker/runs/{run}/predictions").put(worker::keep_predictions),
        );
}

/// Requests to meet a driver. Before the boards, whose addresses would take them.
fn configure_contact_requests(routes: &mut ServiceConfig) {
    let of_organizer = |path: &str| format!("/api/v1/contact-requests{path}");
    routes
        .service(
            readable("/api/v1/scouting/requests", contact_requests::list_own)
                .post(contact_requests::ask),
        )
        .service(readable(
            "/api/v1/scouting/requests/{id}",
            contact_requests::find_own,
        ))
        .service(
            web::resource("/api/v1/scouting/requests/{id}/cancel").post(contact_requests::cancel),
        )
        .service(readable(&of_organizer(""), contact_requests::list))
        .service(readable(&of_organizer("/{id}"), contact_requests::find))
        .service(web::resource(of_organizer("/{id}/forward")).post(contact_requests::forward))
        .service(web::resource(of_organizer("/{id}/refuse")).post(contact_requests::refuse))
        .service(web::resource(of_organizer("/{id}/withdraw")).post(contact_requests::withdraw));
}

/// A scout's desk.
fn configure_scouting(routes: &mut ServiceConfig) {
    routes
        .service(readable(
            "/api/v1/talent/{slug}/drivers/{driver}",
            talent::driver,
        ))
        .service(
            web::resource("/api/v1/talent/{slug}/drivers/{driver}/note").put(scouting::write_note),
        )
        .service(web::resource("/api/v1/talent/{slug}/searches").post(scouting::save_search))
        .service(
            readable("/api/v1/scouting/shortlists", scouting::shortlists)
                .post(scouting::create_shortlist),
        )
        .service(
            readable("/api/v1/scouting/shortlists/{id}", scouting::shortlist)
                .delete(scouting::delete_shortlist),
        )
        .service(
            web::resource("/api/v1/scouting/shortlists/{id}/drivers/{slug}/{driver}")
                .put(scouting::add_driver)
                .delete(scouting::remove_driver),
        )
        .service(readable("/api/v1/scouting/searches", scouting::searches))
        .service(web::resource("/api/v1/scouting/searches/{id}").delete(scouting::delete_search));
}

/// Teams, and who takes part.
fn configure_teams(routes: &mut ServiceConfig) {
    let team = |path: &str| format!("/api/v1/challenges/{{slug}}/team{path}");
    let all = |path: &str| format!("/api/v1/challenges/{{slug}}/participants{path}");
    routes
        .service(readable(&team(""), teams::find).patch(teams::change))
        .service(web::resource(team("/invitations")).post(teams::invite))
        .service(web::resource(team("/invitations/{id}")).post(teams::answer))
        .service(web::resource(team("/leave")).post(teams::leave))
        .service(readable(&all(""), participants::list))
        .service(readable(&all("/requests"), participants::requests).post(participants::decide))
        .service(
            web::resource(all("/link"))
                .post(participants::make_link)
                .delete(participants::take_back_link),
        )
        .service(readable(&all("/invitations"), participants::addresses).post(participants::invite))
        .service(web::resource(all("/invitations/{id}")).delete(participants::remove_address))
        .service(
            web::resource(all("/teams/{id}/disqualification"))
                .put(participants::disqualify)
                .delete(participants::reinstate),
        );
}

/// Coached drivers.
fn configure_coached_drivers(routes: &mut ServiceConfig) {
    let one = |path: &str| format!("/api/v1/coached-drivers/{{id}}{path}");
    routes
        .service(
            readable("/api/v1/coached-drivers", coached_drivers::list).post(coached_drivers::add),
        )
        .service(
            readable(&one(""), coached_drivers::find)
                .put(coached_drivers::change)
                .delete(coached_drivers::delete),
        )
        .service(
            web::resource(one("/link"))
                .post(coached_drivers::make_link)
                .delete(coached_drivers::take_back_link),
        )
        .service(
            readable(&one("/sessions"), coached_drivers::list_sessions)
                .post(coached_drivers::begin_session),
        )
        .service(web::resource(one("/sessions/{session}")).delete(coached_drivers::delete_session))
        .service(web::resource(one("/sessions/{session}/laps")).post(coached_drivers::add_laps))
        .service(web::resource(one("/sessions/{session}/end")).post(coached_drivers::end_session));
}

/// A resource that is served to `GET` and to `HEAD`.
pub(super) fn readable<F, Arguments>(pattern: &str, handler: F) -> Resource
where
    F: Handler<Arguments>,
    Arguments: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(pattern).get(handler.clone()).head(handler)
}
