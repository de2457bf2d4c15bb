//! Publishing a dataset: a table, what is said about it, and the policy that anonymizes it.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use tokio_util::io::ReaderStream;

use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::datasets::anonymize::ReleaseKey;
use crate::datasets::publish::{DatasetDraft, Publication, PublishError, Published};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, receive_form_with_files};
use crate::web::format;
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

const POLICY_EXAMPLE: &str = include_str!("policy_example.toml");
const SPLIT_EXAMPLE: &str = include_str!("split_example.toml");

#[derive(Template)]
#[template(path = "console/dataset_new.html")]
struct NewDatasetPage {
    page: Page,
    form: Form,
    licences: &'static [(&'static str, &'static str)],
    largest: String,
    split_example: &'static str,
}

fn show(state: &State, request: &HttpRequest, form: Form) -> Result<HttpResponse, Fault> {
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = NewDatasetPage {
        page: Page::new(request, "console"),
        form,
        licences: &LICENCES,
        largest: format::size(state.config.max_upload_bytes),
        split_example: SPLIT_EXAMPLE,
    };
    shown.page.show_as(status, &shown)
}

/// The empty form.
pub async fn new(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let form = Form::of([
        ("licence", LICENCES[0].0.to_owned()),
        ("policy", POLICY_EXAMPLE.to_owned()),
    ]);
    show(&state, &request, form)
}

/// Publishes, or shows the form again with what is wrong.
pub async fn create(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let owner = guard::user(&principal)?;
    let mut received = ReceivedForm::default();
    let limit = state.config.max_upload_bytes;
    let outcome = receive_form_with_files(sent, &["table"], limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    let table = received.files.remove("table");
    if table.is_none() && form.error("table").is_empty() {
        form.refuse("table", "choose a CSV or Parquet file");
    }
    let (Some(table), []) = (table, form.problems()) else {
        return show(&state, &request, form);
    };
    let draft = DatasetDraft {
        slug: form.text("slug").to_owned(),
        title: form.text("title").to_owned(),
        summary: form.text("summary").to_owned(),
        card: form.long_text("card"),
        licence: form.text("licence").to_owned(),
        notes: form.text("notes").to_owned(),
        policy: form.long_text("policy"),
        split: form.optional("split"),
        ..DatasetDraft::default()
    };
    // Nobody keeps the key of a public release, so its pseudonyms cannot be turned back.
    let key = ReleaseKey::generate(&mut rand::rng());
    let path = table.file.path().to_owned();
    let now = state.clock.now();
    let publication = Publication {
        draft,
        table: path,
        key,
        owner: owner.clone(),
        overridden: None,
    };
    let published = state.publisher.publish(now, publication).await;
    match published {
        Ok(published) => answer(&request, published).await,
        Err(error) => match field_of(&error) {
            None => Err(error.into()),
            Some(field) => {
                form.refuse(field, problem(&error));
                show(&state, &request, form)
            }
        },
    }
}

/// The field of the form that an error is about; none where it is the platform's.
fn field_of(error: &PublishError) -> Option<&'static str> {
    match error {
        PublishError::Invalid { field, .. } => Some(field),
        PublishError::Table(_) => Some("table"),
        PublishError::Policy(_) | PublishError::Anonymization(_) | PublishError::Refused(_) => {
            Some("policy")
        }
        PublishError::Split(_) => Some("split"),
        PublishError::Io(_) | PublishError::Storage(_) | PublishError::Database(_) => None,
    }
}

fn problem(error: &PublishError) -> String {
    let text = match error {
        PublishError::Invalid { problem, .. } => problem.clone(),
        PublishError::Table(error) => error.to_string(),
        PublishError::Policy(error) => error.to_string(),
        PublishError::Anonymization(error) => error.to_string(),
        PublishError::Split(error) => error.to_string(),
        other => other.to_string(),
    };
    // A TOML error draws the line with a caret below it, which only a terminal shows well.
    let lines = text
        .lines()
        .filter(|line| !line.contains(" | ") && !line.trim_end().ends_with('|'));
    lines.collect::<Vec<_>>().join(": ")
}

/// To the dataset's page; where it was split, the hidden solution instead, which exists nowhere else.
async fn answer(request: &HttpRequest, published: Published) -> Result<HttpResponse, Fault> {
    let Published {
        slug,
        version,
        solution,
        ..
    } = published;
    let Some(solution) = solution else {
        return Ok(see_other_saying(
            request,
            &format!("/datasets/{slug}"),
            "success",
            format!("Version {version} is published: its gates hold, and its files never change."),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::anonymize::policy::Policy;
    use crate::datasets::split::SplitPlan;

    #[test]
    fn the_example_is_a_split() {
        let plan: SplitPlan = toml::from_str(SPLIT_EXAMPLE).unwrap();
        assert_eq!(plan.targets, ["lap_time"]);
    }

    #[test]
    fn the_example_is_a_policy() {
        let policy = Policy::parse(POLICY_EXAMPLE).unwrap();
        assert_eq!(policy.minimum_class_size, 11);
        assert_eq!(policy.columns.len(), 5);
    }

    #[test]
    fn a_broken_policy_is_told_in_one_line_with_its_place() {
        let error = PublishError::from(Policy::parse("version = 1\nminimum = = 3").unwrap_err());
        let text = problem(&error);
        assert!(text.contains("line 2"), "{text}");
        assert!(!text.contains('^') && !text.contains('\n'), "{text}");
        assert_eq!(field_of(&error), Some("policy"));
    }
}
