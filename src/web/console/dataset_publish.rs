//! The last step of a draft: what is said of the dataset, and publishing what was measured.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use tokio_util::io::ReaderStream;

use super::dataset_draft::{self, Head, Step, address};
use super::dataset_measure::GateView;
use super::dataset_policy::one_line;
use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::accounts::users::Role;
use crate::datasets::drafts::{Draft, DraftError};
use crate::datasets::publish::{
    Access, DatasetDraft, Identities, PublishError, Published, SHORTEST_REASON,
};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::web::page::{Page, see_other_saying};

/// The licences that the form offers: SPDX identifier and name.
const LICENCES: [(&str, &str); 7] = [
    ("CC-BY-4.0", "Creative Commons Attribution 4.0"),
    (
        "CC-BY-SA-4.0",
        "Creative Commons Attribution Share Alike 4.0",
    ),
    (
        "CC-BY-NC-4.0",
        "Creative Commons Attribution Non Commercial 4.0",
    ),
    ("CC0-1.0", "Creative Commons Zero 1.0 (public domain)"),
    ("ODbL-1.0", "Open Data Commons Open Database License 1.0"),
    ("ODC-By-1.0", "Open Data Commons Attribution License 1.0"),
    (
        "CDLA-Permissive-2.0",
        "Community Data License Agreement Permissive 2.0",
    ),
];

#[derive(Template)]
#[template(path = "console/dataset_publish.html")]
struct PublishPage {
    page: Page,
    head: Head,
    form: Form,
    licences: &'static [(&'static str, &'static str)],
    has_split: bool,
    /// The gates that fail, by name and reason.
    failed: Vec<(&'static str, String)>,
    may_override: bool,
    shortest_reason: usize,
}

fn filled(details: &DatasetDraft) -> Form {
    Form::of([
        ("slug", details.slug.clone()),
        ("title", details.title.clone()),
        ("summary", details.summary.clone()),
        ("card", details.card.clone()),
        (
            "licence",
            match details.licence.as_str() {
                "" => LICENCES[0].0.to_owned(),
                licence => licence.to_owned(),
            },
        ),
        ("citation", details.citation.clone()),
        ("doi", details.doi.clone()),
        ("access", details.access.to_string()),
        ("identities", details.identities.to_string()),
        ("notes", details.notes.clone()),
    ])
}

fn details(form: &mut Form) -> DatasetDraft {
    DatasetDraft {
        slug: form.text("slug").to_owned(),
        title: form.text("title").to_owned(),
        summary: form.text("summary").to_owned(),
        card: form.long_text("card"),
        licence: form.text("licence").to_owned(),
        citation: form.text("citation").to_owned(),
        doi: form.text("doi").to_owned(),
        access: form
            .parse::<Access>("access", "choose who may download the files")
            .unwrap_or_default(),
        identities: form
            .parse::<Identities>("identities", "choose what becomes of the identities")
            .unwrap_or_default(),
        notes: form.long_text("notes"),
        ..DatasetDraft::default()
    }
}

async fn show_form(
    state: &State,
    request: &HttpRequest,
    principal: &Principal,
    draft: &Draft,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let Some(examination) = state.drafts().examination(draft)? else {
        return Ok(guard::see_other(&format!(
            "{}/preview",
            address(&draft.key)
        )));
    };
    let gates = examination.report.gates.gates.iter();
    let failed = gates.filter(|gate| gate.refuses());
    let shown = PublishPage {
        page: Page::new(request, "console"),
        head: Head::new(draft, principal, Step::Publish, state.clock.now()),
        form,
        licences: &LICENCES,
        has_split: draft.details.split.is_some(),
        failed: failed
            .map(GateView::from)
            .map(|gate| (gate.line.title, gate.reason))
            .collect(),
        may_override: guard::user(principal)?.role == Role::Admin,
        shortest_reason: SHORTEST_REASON,
    };
    shown.page.show_as(status, &shown)
}

/// The form, as far as it was filled in.
pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    let form = filled(&draft.details);
    show_form(&state, &request, &principal, &draft, form).await
}

/// Keeps what was filled in and publishes, or shows the form again with what is missing.
pub async fn publish(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
    sent: web::Form<HashMap<String, String>>,
) -> Result<HttpResponse, Fault> {
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    let mut form = Form::new(sent.into_inner());
    let said = details(&mut form);
    let drafts = state.drafts();
    let kept = drafts.set_details(&draft, said).await;
    form.refuse_fault(kept.map_err(Fault::from))?;
    if !form.problems().is_empty() {
        return show_form(&state, &request, &principal, &draft, form).await;
    }
    if form.text("then") == "save" {
        return Ok(see_other_saying(
            &request,
            &format!("{}/publish", address(&draft.key)),
            "success",
            "Saved. Nothing is published yet.",
        ));
    }
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    let reason = form
        .optional("reason")
        .filter(|_| form.is_ticked("override"));
    let user = guard::user(&principal)?.clone();
    let measured = draft.clone();
    // A task of its own: what was begun is finished, also when the browser has gone.
    let published =
        actix_web::rt::spawn(async move { drafts.publish(&user, &measured, reason).await });
    match published.await.map_err(Fault::internal)? {
        Ok(published) => answer(&request, published).await,
        Err(DraftError::Publish(error)) => {
            let Some(field) = field_of(&error) else {
                return Err(error.into());
            };
            form.refuse(field, problem(&error));
            show_form(&state, &request, &principal, &draft, form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The field of the form that an error is about, empty for the form as a whole; none where it is the
/// platform's.
fn field_of(error: &PublishError) -> Option<&'static str> {
    match error {
        PublishError::Invalid {
            field: "override", ..
        } => Some("reason"),
        PublishError::Invalid { field, .. } => Some(field),
        PublishError::Io(_) | PublishError::Storage(_) | PublishError::Database(_) => None,
        _ => Some(""),
    }
}

fn problem(error: &PublishError) -> String {
    match error {
        PublishError::Invalid { problem, .. } => problem.clone(),
        other => one_line(&other.to_string()),
    }
}

/// To the dataset's page; where it was split, the hidden solution instead, which exists nowhere else.
async fn answer(request: &HttpRequest, published: Published) -> Result<HttpResponse, Fault> {
    let Published {
        slug,
        version,
        solution,
        report,
    } = published;
    let Some(solution) = solution else {
        let gates = match report.gates.refuses() {
            true => "although gates fail; the reason stands on its page",
            false => "its gates hold",
        };
        return Ok(see_other_saying(
            request,
            &format!("/datasets/{slug}"),
            "success",
            format!(
                "Version {version} is published: {gates}. Its files never change, and the raw file is deleted."
            ),
        ));
    };
    let file = tokio::fs::File::open(solution.path())
        .await
        .map_err(Fault::internal)?;
    let name = format!("attachment; filename=\"{slug}-{version}-solution.csv\"");
    // The open file outlives its name, which goes now.
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, name))
        .streaming(ReaderStream::new(file)))
}
