//! Challenges to use again: import, export, clone, templates, and the files that a draft still lacks.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;

use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::challenges::bundle::{Change, FileRole, MissingFile, PhaseFiles, challenge_file, needs};
use crate::challenges::challenge::ChallengeError;
use crate::challenges::codabench::NotCarried;
use crate::challenges::draft::ChallengeDraft;
use crate::challenges::posting::{self, Posting};
use crate::challenges::reuse::{self, CloneRequest, Reused, TemplateLine};
use crate::challenges::templates::{ShippedTemplate, TEMPLATES};
use crate::http::bundles;
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, receive_form_with_files};
use crate::web::format;
use crate::web::markdown;
use crate::web::page::{Page, see_other_saying};

/// The most phases whose files the form takes.
const PHASES: usize = 20;

/// A template that comes with the platform, in a list.
pub(super) struct ShippedLine {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) tagline: String,
}

/// The templates that come with the platform.
pub(super) fn shipped() -> Result<Vec<ShippedLine>, Fault> {
    TEMPLATES
        .iter()
        .map(|template| {
            let draft = template.draft().map_err(Fault::internal)?;
            Ok(ShippedLine {
                name: template.name,
                title: draft.title,
                tagline: draft.tagline,
            })
        })
        .collect()
}

/// The templates that a person may clone.
pub(super) async fn own_templates(state: &State, user: &User) -> Result<Vec<TemplateLine>, Fault> {
    let user = user.clone();
    let read = state.database.read(move |connection| {
        reuse::list_templates(connection, &user).map_err(ChallengeError::from)
    });
    Ok(read.await?)
}

fn status(form: &Form) -> StatusCode {
    match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[derive(Template)]
#[template(path = "console/challenge_import.html")]
struct ImportPage {
    page: Page,
    form: Form,
    largest: String,
}

fn show_import(state: &State, request: &HttpRequest, form: Form) -> Result<HttpResponse, Fault> {
    let shown = ImportPage {
        page: Page::new(request, "console"),
        form,
        largest: format::size(state.config.max_upload_bytes),
    };
    shown.page.show_as(status(&shown.form), &shown)
}

/// The form that takes a bundle.
pub async fn import_form(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Fault> {
    show_import(&state, &request, Form::default())
}

#[derive(Template)]
#[template(path = "console/challenge_imported.html")]
struct ImportedPage {
    page: Page,
    slug: String,
    source: &'static str,
    missing: Vec<MissingFile>,
    carried: Vec<String>,
    not_carried: Vec<NotCarried>,
}

/// Posts what a bundle holds and tells what was taken over, or shows the form again.
pub async fn import(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let owner = guard::user(&principal)?;
    let mut received = ReceivedForm::default();
    let limit = state.config.max_upload_bytes;
    let outcome = receive_form_with_files(sent, &["bundle"], limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    let bundle = received.files.remove("bundle");
    if bundle.is_none() && form.error("bundle").is_empty() {
        form.refuse("bundle", "choose the bundle, a zip file");
    }
    let change = change(&mut form);
    let (Some(bundle), []) = (bundle, form.problems()) else {
        return show_import(&state, &request, form);
    };
    let imported = reuse::import(
        &state.database,
        &state.storage,
        state.clock.now(),
        owner,
        bundle.file.path(),
        &change,
        rand::rng().random(),
    )
    .await
    .map_err(Fault::from);
    // Fields of the draft are the bundle's: only its own have a place in this form.
    let imported = imported.map_err(|fault| match fault.field.as_deref() {
        Some("slug" | "starts_at" | "bundle") | None => fault,
        Some(field) => Fault::invalid("bundle", format!("{field}: {}", fault.detail)),
    });
    let Some(reused) = form.refuse_fault(imported)? else {
        return show_import(&state, &request, form);
    };
    let Reused {
        slug,
        source,
        missing,
        carried,
        not_carried,
    } = reused;
    let shown = ImportedPage {
        page: Page::new(&request, "console"),
        slug,
        source,
        missing,
        carried,
        not_carried,
    };
    shown.page.show_as(StatusCode::CREATED, &shown)
}

/// How the form says that a copy differs.
fn change(form: &mut Form) -> Change {
    let starts_at = match form.optional("starts_at") {
        None => None,
        Some(_) => form.moment("starts_at"),
    };
    Change {
        slug: form.optional("slug"),
        title: form.optional("title"),
        starts_at,
    }
}

/// Sends a challenge's bundle.
pub async fn export(
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    bundles::send(&state, &principal, &slug).await
}

#[derive(Template)]
#[template(path = "console/challenge_clone.html")]
struct ClonePage {
    page: Page,
    form: Form,
    slug: String,
    title: String,
    is_own: bool,
}

async fn show_clone(
    state: &State,
    request: &HttpRequest,
    principal: &Principal,
    slug: &str,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let user = guard::user(principal)?;
    let templates = own_templates(state, user).await?;
    let shared = templates
        .into_iter()
        .find(|template| template.slug == slug && template.is_shared);
    let is_own = shared.is_none();
    let title = match shared {
        Some(template) => template.title,
        None => {
            let (asker, asked) = (principal.clone(), slug.to_owned());
            let read = state
                .database
                .read(move |connection| reuse::written(connection, &asker, &asked));
            read.await.map_err(Fault::from)?.draft.title
        }
    };
    let shown = ClonePage {
        page: Page::new(request, "console"),
        form,
        slug: slug.to_owned(),
        title,
        is_own,
    };
    shown.page.show_as(status(&shown.form), &shown)
}

/// The form that makes a copy.
pub async fn clone_form(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let form = Form::of([
        ("with_solutions", "true".to_owned()),
        ("starts_at", next_week(state.clock.now())),
    ]);
    show_clone(&state, &request, &principal, &slug, form).await
}

fn next_week(now: DateTime<Utc>) -> String {
    let day = now + TimeDelta::days(7);
    day.format("%Y-%m-%dT12:00").to_string()
}

/// Posts a copy.
pub async fn clone_challenge(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    sent: actix_web::web::Form<std::collections::HashMap<String, String>>,
) -> Result<HttpResponse, Fault> {
    let mut form = Form::new(sent.into_inner());
    let change = change(&mut form);
    if change.slug.is_none() {
        form.refuse("slug", "give the copy an address of its own");
    }
    if !form.problems().is_empty() {
        return show_clone(&state, &request, &principal, &slug, form).await;
    }
    let asked = CloneRequest {
        change,
        with_solutions: form.is_ticked("with_solutions"),
        as_template: form.is_ticked("template"),
    };
    let cloned = reuse::clone_challenge(
        &state.database,
        &state.storage,
        state.clock.now(),
        &principal,
        &slug,
        &asked,
        rand::rng().random(),
    )
    .await
    .map_err(Fault::from);
    let Some(reused) = form.refuse_fault(cloned)? else {
        return show_clone(&state, &request, &principal, &slug, form).await;
    };
    let (address, said) = match (asked.as_template, reused.missing.is_empty()) {
        (true, _) => (
            "/console/challenges/new".to_owned(),
            "The template is kept. It stands where challenges are begun.",
        ),
        (false, true) => (
            format!("/console/challenges/{}", reused.slug),
            "The copy is a draft. Read it, then publish it.",
        ),
        (false, false) => (
            format!("/console/challenges/{}/complete", reused.slug),
            "The copy is a draft. Send the files that it lacks.",
        ),
    };
    Ok(see_other_saying(&request, &address, "success", said))
}

/// The files that the form asks for in a phase.
struct PhasePlace {
    name: String,
    files: Vec<FilePlace>,
}

/// A file that the form asks for.
struct FilePlace {
    field: String,
    label: &'static str,
    accept: &'static str,
    hint: String,
}

impl PhasePlace {
    fn all(draft: &ChallengeDraft, missing: &[MissingFile]) -> Vec<Self> {
        let of_phase = |(index, phase): (usize, &_)| {
            let phase: &crate::challenges::draft::PhaseDraft = phase;
            let spec = &phase.solution.format;
            let mut columns = vec![spec.id_column.as_str(), spec.target_column.as_str()];
            columns.extend(spec.split_column.as_deref());
            columns.extend(spec.group_column.as_deref());
            columns.extend(spec.event_column.as_deref());
            let asked = FileRole::ALL
                .iter()
                .copied()
                .filter(|role| needs(draft.takes_models(), phase, *role));
            let files = asked.map(|role| {
                let is_missing = missing
                    .iter()
                    .any(|file| file.phase == index && file.role == role);
                let (label, accept, hint) = match role {
                    FileRole::Solution => (
                        "Solution",
                        ".csv,text/csv",
                        format!("CSV with the columns {}.", columns.join(", ")),
                    ),
                    FileRole::Features => (
                        "Features",
                        ".csv,text/csv,.parquet",
                        format!(
                            "CSV or Parquet with a row for each row of the solution, by {}.",
                            spec.id_column
                        ),
                    ),
                    FileRole::Program => (
                        "Scoring program",
                        ".zip,application/zip",
                        format!("A zip whose program writes the score of {}.", phase.metric),
                    ),
                };
                FilePlace {
                    field: format!("{role}_{index}"),
                    label,
                    accept,
                    hint: match is_missing {
                        true => hint,
                        false => format!("{hint} It is there; send another one to replace it."),
                    },
                }
            });
            Self {
                name: phase.name.clone(),
                files: files.collect(),
            }
        };
        draft.phases.iter().enumerate().map(of_phase).collect()
    }
}

#[derive(Template)]
#[template(path = "console/challenge_complete.html")]
struct CompletePage {
    page: Page,
    form: Form,
    title: String,
    lead: String,
    action: String,
    phases: Vec<PhasePlace>,
    missing: Vec<String>,
    /// What the solution must look like, where a template says so.
    note: String,
    example: &'static str,
    submit: &'static str,
    /// Whether address, name, dataset and beginning are asked for beside the file.
    is_new: bool,
}

/// All fields of files that the form may have.
fn file_fields() -> Vec<String> {
    let of_phase = |index| {
        FileRole::ALL
            .iter()
            .map(move |role| format!("{role}_{index}"))
    };
    (0..PHASES).flat_map(of_phase).collect()
}

/// What was sent with the form: the draft in its text, and the files.
async fn receive(
    state: &State,
    sent: Multipart,
    received: &mut ReceivedForm,
) -> Result<(Form, Option<ChallengeDraft>), Fault> {
    let fields = file_fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let limit = state.config.max_upload_bytes;
    let outcome = receive_form_with_files(sent, &fields, limit, received).await;
    let mut form = Form::new(std::mem::take(&mut received.texts));
    form.refuse_fault(outcome)?;
    let toml = form.long_text("challenge");
    let parsed = challenge_file::parse(&toml, |name| {
        Err(format!("`{name}` is not here; write the text itself"))
    });
    match parsed {
        Ok(draft) => Ok((form, Some(draft))),
        Err(error) => {
            form.refuse("challenge", error.to_string());
            Ok((form, None))
        }
    }
}

fn files_of(draft: &ChallengeDraft, received: &ReceivedForm) -> Vec<PhaseFiles> {
    let file = |role: FileRole, index: usize| {
        let file = received.files.get(&format!("{role}_{index}"));
        file.map(|file| file.file.path().to_owned())
    };
    (0..draft.phases.len())
        .map(|index| PhaseFiles {
            solution: file(FileRole::Solution, index),
            features: file(FileRole::Features, index),
            program: file(FileRole::Program, index),
        })
        .collect()
}

/// The form's field for a field of the draft.
fn field_of(field: &str, is_new: bool) -> String {
    if let Some((index, rest)) = field
        .strip_prefix("phases[")
        .and_then(|rest| rest.split_once("]."))
        && let Some(role) = rest
            .split('.')
            .next()
            .and_then(|role| role.parse::<FileRole>().ok())
    {
        return format!("{role}_{index}");
    }
    match field {
        "slug" | "title" | "dataset" if is_new => field.to_owned(),
        _ => "challenge".to_owned(),
    }
}

/// Notes what is wrong with a draft at the form's field, by the draft's own.
fn refuse<T>(form: &mut Form, outcome: Result<T, Fault>, is_new: bool) -> Result<Option<T>, Fault> {
    let outcome = outcome.map_err(|fault| match fault.field.clone() {
        None => fault,
        Some(field) => {
            let shown = field_of(&field, is_new);
            let detail = match shown == "challenge" {
                true => format!("{field}: {}", fault.detail),
                false => fault.detail.clone(),
            };
            Fault {
                field: Some(shown),
                detail,
                ..fault
            }
        }
    });
    form.refuse_fault(outcome)
}

/// A shipped template as a form: what it asks, and which files it needs.
pub async fn template_form(
    state: Data<State>,
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, Fault> {
    let template = find_template(&name)?;
    let draft = template.draft().map_err(Fault::internal)?;
    let form = Form::of([
        ("slug", draft.slug.clone()),
        ("title", draft.title.clone()),
        ("starts_at", next_week(state.clock.now())),
        ("challenge", toml_of(&draft)?),
    ]);
    show_template(&request, template, &draft, form)
}

fn find_template(name: &str) -> Result<&'static ShippedTemplate, Fault> {
    ShippedTemplate::find(name).ok_or_else(|| Fault::not_found("There is no such template."))
}

fn toml_of(draft: &ChallengeDraft) -> Result<String, Fault> {
    challenge_file::text(draft).map_err(Fault::internal)
}

fn show_template(
    request: &HttpRequest,
    template: &'static ShippedTemplate,
    draft: &ChallengeDraft,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let missing = crate::challenges::bundle::missing_files(draft, &[]);
    let shown = CompletePage {
        page: Page::new(request, "console"),
        form,
        title: format!("New challenge: {}", draft.title),
        lead: draft.tagline.clone(),
        action: format!("/console/challenges/templates/{}", template.name),
        phases: PhasePlace::all(draft, &missing),
        missing: missing.iter().map(ToString::to_string).collect(),
        note: markdown::to_html(template.solution_note),
        example: template.solution_example,
        submit: "Post the draft",
        is_new: true,
    };
    shown.page.show_as(status(&shown.form), &shown)
}

/// Posts a challenge from a shipped template.
pub async fn create_from_template(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    name: Path<String>,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let template = find_template(&name)?;
    let owner = guard::user(&principal)?;
    let mut received = ReceivedForm::default();
    let (mut form, parsed) = receive(&state, sent, &mut received).await?;
    let change = change(&mut form);
    let asked = match &parsed {
        Some(draft) => draft.clone(),
        None => template.draft().map_err(Fault::internal)?,
    };
    let (Some(draft), []) = (parsed, form.problems()) else {
        return show_template(&request, template, &asked, form);
    };
    let files = files_of(&draft, &received);
    let mut draft = change.applied(draft).map_err(Fault::internal)?;
    draft.dataset = form.optional("dataset").or(draft.dataset);
    if draft
        .phases
        .iter()
        .all(|phase| phase.solution.split_seed == 0)
    {
        reuse::draw_splits_anew(&mut draft, rand::rng().random());
    }
    let slug = draft.slug.clone();
    let missing = crate::challenges::bundle::missing_files(&draft, &files);
    let posting = Posting {
        origin: format!("from the template {}", template.name),
        ..Posting::default()
    };
    let now = state.clock.now();
    let posted = posting::post_phases(
        &state.database,
        &state.storage,
        now,
        owner,
        draft,
        files,
        posting,
    )
    .await
    .map_err(Fault::from);
    if refuse(&mut form, posted, true)?.is_none() {
        return show_template(&request, template, &asked, form);
    }
    Ok(done(&request, &slug, missing.is_empty()))
}

fn done(request: &HttpRequest, slug: &str, is_complete: bool) -> HttpResponse {
    let (address, said) = match is_complete {
        true => (
            format!("/console/challenges/{slug}"),
            "The draft has all of its files. Read it, then publish it.",
        ),
        false => (
            format!("/console/challenges/{slug}/complete"),
            "The draft is kept. It still lacks files.",
        ),
    };
    see_other_saying(request, &address, "success", said)
}

/// A draft as a file to edit, with a place for each of its phases' files.
pub async fn complete_form(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    show_complete(&state, &request, &principal, &slug, None).await
}

async fn show_complete(
    state: &State,
    request: &HttpRequest,
    principal: &Principal,
    slug: &str,
    form: Option<Form>,
) -> Result<HttpResponse, Fault> {
    let (asker, asked) = (principal.clone(), slug.to_owned());
    let read = state
        .database
        .read(move |connection| reuse::written(connection, &asker, &asked));
    let written = read.await.map_err(Fault::from)?;
    let form = match form {
        Some(form) => form,
        None => {
            // The seed tells the private rows: it stays in the database.
            let mut shown = written.draft.clone();
            reuse::forget_splits(&mut shown);
            Form::of([("challenge", toml_of(&shown)?)])
        }
    };
    let missing = written.missing();
    let shown = CompletePage {
        page: Page::new(request, "console"),
        form,
        title: format!("Complete: {}", written.draft.title),
        lead: "Change what you like while it is a draft, and send the files that it lacks."
            .to_owned(),
        action: format!("/console/challenges/{slug}/complete"),
        phases: PhasePlace::all(&written.draft, &missing),
        missing: missing.iter().map(ToString::to_string).collect(),
        note: String::new(),
        example: "",
        submit: "Save the draft",
        is_new: false,
    };
    shown.page.show_as(status(&shown.form), &shown)
}

/// Writes a draft anew, with the files that were sent.
pub async fn complete(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let mut received = ReceivedForm::default();
    let (mut form, parsed) = receive(&state, sent, &mut received).await?;
    let (Some(draft), []) = (parsed, form.problems()) else {
        return show_complete(&state, &request, &principal, &slug, Some(form)).await;
    };
    let files = files_of(&draft, &received);
    let now = state.clock.now();
    let completed = reuse::complete(
        &state.database,
        &state.storage,
        now,
        &principal,
        &slug,
        draft,
        files,
    )
    .await
    .map_err(Fault::from);
    match refuse(&mut form, completed, false)? {
        Some(reused) => Ok(done(&request, &reused.slug, reused.missing.is_empty())),
        None => show_complete(&state, &request, &principal, &slug, Some(form)).await,
    }
}
