//! A dataset before it is published: the upload, what was understood of it, and how far the work is.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::datasets::drafts::{Draft, DraftLine, DraftState, InspectedRecording, RawSource, Work};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, receive_form_with_files};
use crate::web::datasets::release::{self, ColumnView};
use crate::web::format;
use crate::web::page::{Page, see_other_saying, show_part};

/// A step of the way, for the indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Inspect,
    Policy,
    Preview,
    Risk,
    Publish,
}

impl Step {
    const ALL: [Self; 5] = [
        Self::Inspect,
        Self::Policy,
        Self::Preview,
        Self::Risk,
        Self::Publish,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Inspect => "Inspect",
            Self::Policy => "Policy",
            Self::Preview => "Preview",
            Self::Risk => "Risk",
            Self::Publish => "Publish",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Inspect => "",
            Self::Policy => "/policy",
            Self::Preview => "/preview",
            Self::Risk => "/risk",
            Self::Publish => "/publish",
        }
    }

    fn is_open(self, draft: &Draft) -> bool {
        match self {
            Self::Inspect => draft.is_complete(),
            Self::Policy => draft.is_inspected(),
            Self::Preview | Self::Risk => !draft.details.policy.trim().is_empty(),
            Self::Publish => draft.is_measured(),
        }
    }
}

/// A step in the indicator.
pub struct StepLink {
    pub title: &'static str,
    /// Empty where it cannot be gone to yet.
    pub href: String,
    pub is_current: bool,
    pub is_done: bool,
}

/// The top of each page of a draft.
pub struct Head {
    pub address: String,
    pub file_name: String,
    pub size: String,
    /// Whose it is, where an admin looks at another's.
    pub owner: String,
    pub expires_at: DateTime<Utc>,
    pub steps: Vec<StepLink>,
    pub work: WorkPart,
    pub problem: String,
}

/// The address of a draft's page.
pub fn address(key: &str) -> String {
    format!("/console/datasets/drafts/{key}")
}

/// What is being done in the background; also sent alone, to be put in the place of an older one.
#[derive(Template)]
#[template(path = "console/dataset_work.html")]
pub struct WorkPart {
    pub is_under_way: bool,
    pub is_interrupted: bool,
    pub doing: String,
    pub percent: u8,
    /// Where to look when it is done.
    pub then: String,
}

impl WorkPart {
    fn new(draft: &Draft, now: DateTime<Utc>) -> Self {
        let work = draft.work(now);
        let then = if draft.details.policy.is_empty() {
            address(&draft.key)
        } else {
            format!("{}/preview", address(&draft.key))
        };
        Self {
            is_under_way: work == Work::UnderWay,
            is_interrupted: work == Work::Interrupted,
            doing: draft.step.clone(),
            percent: draft.progress,
            then,
        }
    }
}

impl Head {
    pub fn new(draft: &Draft, principal: &Principal, current: Step, now: DateTime<Utc>) -> Self {
        let is_own = principal
            .user()
            .is_some_and(|user| user.id == draft.owner.id);
        let address = address(&draft.key);
        let steps = Step::ALL.map(|step| StepLink {
            title: step.title(),
            href: match step.is_open(draft) {
                true => format!("{address}{}", step.path()),
                false => String::new(),
            },
            is_current: step == current,
            is_done: step < current,
        });
        Self {
            address,
            file_name: draft.file_name.clone(),
            size: format::size(draft.announced_bytes),
            owner: match is_own {
                true => String::new(),
                false => draft.owner.username.clone(),
            },
            expires_at: draft.expires_at(),
            steps: steps.into(),
            work: WorkPart::new(draft, now),
            problem: draft.problem.clone().unwrap_or_default(),
        }
    }
}

/// The draft at this address, if it is the caller's.
pub async fn find(state: &State, principal: &Principal, key: &str) -> Result<Draft, Fault> {
    let user = guard::user(principal)?;
    Ok(state.drafts().find(user, key).await?)
}

/// A draft in the list of unfinished ones.
struct Line {
    href: String,
    file_name: String,
    state: &'static str,
    tone: &'static str,
    size: String,
    updated_at: DateTime<Utc>,
}

impl From<DraftLine> for Line {
    fn from(line: DraftLine) -> Self {
        let (state, tone) = match line.state {
            DraftState::Uploading => ("Uploading", "slow"),
            DraftState::Uploaded => ("Uploaded", "info"),
            DraftState::Measuring => ("Measuring", "slow"),
            DraftState::Measured => ("Measured", "gain"),
            DraftState::Failed => ("Needs a look", "fault"),
        };
        Self {
            href: address(&line.key),
            file_name: line.file_name,
            size: if line.state == DraftState::Uploading {
                format!(
                    "{} of {}",
                    format::size(line.received_bytes),
                    format::size(line.announced_bytes)
                )
            } else {
                format::size(line.announced_bytes)
            },
            state,
            tone,
            updated_at: line.updated_at,
        }
    }
}

#[derive(Template)]
#[template(path = "console/dataset_new.html")]
struct NewDatasetPage {
    page: Page,
    form: Form,
    largest: String,
    limit: u64,
    drafts: Vec<Line>,
}

async fn show_new(
    state: &State,
    request: &HttpRequest,
    principal: &Principal,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let drafts = state.drafts().list(guard::user(principal)?).await?;
    let limit = state.config.max_upload_bytes;
    let shown = NewDatasetPage {
        page: Page::new(request, "console"),
        form,
        largest: format::size(limit),
        limit,
        drafts: drafts.into_iter().map(Line::from).collect(),
    };
    shown.page.show_as(status, &shown)
}

/// Choose a file, or go on with an unfinished draft.
pub async fn new(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
) -> Result<HttpResponse, Fault> {
    show_new(&state, &request, &principal, Form::default()).await
}

/// Takes a whole file in one request: the way without JavaScript.
pub async fn create(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let owner = guard::user(&principal)?;
    let mut received = ReceivedForm::default();
    let limit = state.config.max_upload_bytes;
    let outcome = receive_form_with_files(sent, &["file"], limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    let file = received.files.remove("file");
    if file.is_none() && form.problems().is_empty() {
        form.refuse("file", "choose a file to send");
    }
    let (Some(file), []) = (file, form.problems()) else {
        return show_new(&state, &request, &principal, form).await;
    };
    let drafts = state.drafts();
    let received = drafts.receive_whole(owner, &file.file_name, file.file.path());
    match form.refuse_fault(received.await.map_err(Fault::from))? {
        Some(draft) => Ok(guard::see_other(&address(&draft.key))),
        None => show_new(&state, &request, &principal, form).await,
    }
}

#[derive(Template)]
#[template(path = "console/dataset_upload.html")]
struct UploadPage {
    page: Page,
    head: Head,
    key: String,
    received: u64,
    announced: u64,
    progress: String,
}

#[derive(Template)]
#[template(path = "console/dataset_inspect.html")]
struct InspectPage {
    page: Page,
    head: Head,
    /// None while it is not inspected.
    table: Option<InspectedTable>,
}

struct InspectedTable {
    format: String,
    recordings: Vec<InspectedRecording>,
    sources: Vec<RawSource>,
    source: RawSource,
    rows: String,
    width: String,
    columns: Vec<ColumnView>,
    preview: Vec<Vec<Option<String>>>,
}

/// The upload as far as it is, or what was understood of the file.
pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = find(&state, &principal, &key).await?;
    let page = Page::new(&request, "console");
    let head = Head::new(&draft, &principal, Step::Inspect, state.clock.now());
    if !draft.is_complete() {
        let shown = UploadPage {
            page,
            head,
            progress: format!(
                "{} of {}",
                format::size(draft.received_bytes),
                format::size(draft.announced_bytes)
            ),
            received: draft.received_bytes,
            announced: draft.announced_bytes,
            key: draft.key,
        };
        return shown.page.show(&shown);
    }
    let inspection = state.drafts().inspection(&draft)?;
    let source = draft.source;
    let shown = InspectPage {
        page,
        head,
        table: inspection.map(|inspection| InspectedTable {
            format: inspection.format,
            recordings: inspection.recordings,
            sources: inspection.sources,
            source,
            rows: format::count(inspection.table.rows),
            width: inspection.table.columns.len().to_string(),
            columns: release::columns(&inspection.table),
            preview: inspection.table.preview,
        }),
    };
    shown.page.show(&shown)
}

/// How far the work is.
pub async fn status(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = find(&state, &principal, &key).await?;
    show_part(&request, &WorkPart::new(&draft, state.clock.now()))
}

/// What the recordings of a file are to become.
#[derive(Deserialize)]
pub struct InspectForm {
    source: Option<RawSource>,
}

/// Reads the file again: after an interruption, or to make something else of its recordings.
pub async fn inspect(
    state: Data<State>,
    principal: Principal,
    key: Path<String>,
    form: web::Form<InspectForm>,
) -> Result<HttpResponse, Fault> {
    let draft = find(&state, &principal, &key).await?;
    state
        .drafts()
        .begin_inspection(&draft, form.into_inner().source)
        .await?;
    Ok(guard::see_other(&address(&draft.key)))
}

/// Deletes the draft with its bytes.
pub async fn discard(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = find(&state, &principal, &key).await?;
    state.drafts().discard(&draft).await?;
    Ok(see_other_saying(
        &request,
        "/console/datasets/new",
        "success",
        format!(
            "{} is discarded; nothing of it is left here.",
            draft.file_name
        ),
    ))
}
