//! The kinds of submission that a challenge takes: what each has to be, what it may use, and what to
//! begin with.

use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::super::format;
use super::super::markdown;
use super::super::page::{Page, get};
use super::{Choice, Head, phase_now};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Challenge, Phase};
use crate::challenges::starter_kit::{KitRuntime, column_content};
use crate::http::fault::Fault;
use crate::http::starter_kits;
use crate::http::state::State;
use crate::scoring::explanation::limits_in_words;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::{FileFormat, PredictionFormat};
use crate::scoring::runtimes::OnnxContract;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/challenges/{slug}/kinds/{kind}").route(get().to(kind)))
        .service(
            web::resource("/challenges/{slug}/starter-kits/{kind}").route(get().to(starter_kit)),
        )
        .service(web::resource("/challenges/{slug}/features").route(get().to(features)));
}

/// What a kind of submission is called.
pub fn kind_title(kind: SubmissionKind) -> &'static str {
    match kind {
        SubmissionKind::Predictions => "Predictions",
        SubmissionKind::Onnx => "ONNX model",
        SubmissionKind::Python => "Python code",
    }
}

/// A kind of submission, for people.
pub struct KindCard {
    /// Its name in addresses and forms.
    pub key: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What is sent, in a sentence.
    pub summary: &'static str,
    /// What is chosen in a form, as its label.
    pub file: &'static str,
    /// The `accept` of a form's file field.
    pub accept: &'static str,
    /// Why it cannot be run on this server, and how that changes, as HTML; empty where it can.
    pub missing: String,
}

impl KindCard {
    /// A kind, with what this server lacks for it.
    pub fn new(kind: SubmissionKind, state: &State) -> Self {
        let (summary, file, accept) = match kind {
            SubmissionKind::Predictions => (
                "You predict on your own machine and send the file.",
                "Predictions",
                "text/csv,.csv,.parquet",
            ),
            SubmissionKind::Onnx => (
                "You send a trained model as one .onnx file; it is run here, in a sandbox.",
                "Model",
                ".onnx,application/octet-stream",
            ),
            SubmissionKind::Python => (
                "You send code with a trained model as a zip; it is run here, in a sandbox.",
                "Zip with main.py or submission.py",
                ".zip,application/zip",
            ),
        };
        let runtimes = state.runtimes();
        let missing = match kind {
            SubmissionKind::Predictions => "",
            _ if runtimes.can_run(kind).is_err() && kind == SubmissionKind::Onnx => {
                "ONNX models wait until the runtime is built here: the operator runs `paddock runtime build` once."
            }
            _ if runtimes.can_run(kind).is_err() => {
                "There is no Python 3 on this server: the operator installs it, or runs `paddock runtime build` once."
            }
            SubmissionKind::Python if runtimes.manifest().is_none() => {
                "main.py with Python's standard library can be run. submission.py and the packages wait until the runtime is \
                 built here: the operator runs `paddock runtime build` once."
            }
            _ => "",
        };
        Self {
            key: kind.as_str(),
            title: kind_title(kind),
            summary,
            file,
            accept,
            missing: markdown::to_html(missing),
        }
    }

    /// All that a challenge takes, in the usual order.
    pub fn all(challenge: &Challenge, state: &State) -> Vec<Self> {
        let kinds = SubmissionKind::ALL.iter().copied();
        kinds
            .filter(|kind| challenge.kinds.contains(kind))
            .map(|kind| Self::new(kind, state))
            .collect()
    }
}

/// A column of the expected predictions.
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its cells are, in words.
    pub content: String,
}

/// The columns of the expected predictions, the id's first.
pub fn columns(expected: &PredictionFormat) -> Vec<Column> {
    let id = Column {
        name: expected.id_column().to_owned(),
        content: "the row's id".to_owned(),
    };
    let predictions = expected.columns().iter().map(|column| Column {
        name: column.name.clone(),
        content: column_content(&column.kind),
    });
    std::iter::once(id).chain(predictions).collect()
}

/// The features of a phase, as pages show them.
pub struct FeaturesView {
    /// Its columns beside the id.
    pub columns: Vec<String>,
    /// `CSV` or `Parquet`.
    pub format: &'static str,
    /// How large the file is.
    pub size: String,
    /// Whether competitors may not see it.
    pub hidden: bool,
}

impl FeaturesView {
    /// What a phase's models predict from.
    pub fn of(phase: &Phase) -> Option<Self> {
        phase.features.as_ref().map(|features| Self {
            columns: features.columns.clone(),
            format: match features.format {
                FileFormat::Csv => "CSV",
                FileFormat::Parquet => "Parquet",
            },
            size: format::size(features.bytes),
            hidden: features.hidden,
        })
    }
}

#[derive(Template)]
#[template(path = "challenges/kind.html")]
struct KindPage {
    page: Page,
    challenge: Head,
    choices: Vec<Choice>,
    kind: KindCard,
    id_column: String,
    columns: Vec<Column>,
    rows: String,
    size: String,
    features: Option<FeaturesView>,
    contract: Option<OnnxContract>,
    runtime: Option<KitRuntime>,
    limits: [(&'static str, String); 7],
    commands: String,
}

async fn kind(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, kind) = path.into_inner();
    let (challenge, phases) = find(&state, &principal, &slug).await?;
    let kind = starter_kits::taken_kind(&challenge, &kind)?;
    let phase = phase_now(&challenge, &phases, now)?;
    let choices = SubmissionKind::ALL
        .iter()
        .filter(|one| challenge.kinds.contains(one) && challenge.kinds.len() > 1)
        .map(|one| Choice {
            text: kind_title(*one).to_owned(),
            href: format!("/challenges/{slug}/kinds/{one}"),
            is_current: *one == kind,
        })
        .collect();
    let head = Head::new(&challenge, phase, &principal, now);
    let facts = starter_kits::facts(&state, challenge, phase);
    let view = KindPage {
        page: Page::new(&request, "challenges"),
        challenge: head,
        choices,
        kind: KindCard::new(kind, &state),
        id_column: facts.predictions.id_column().to_owned(),
        columns: columns(&facts.predictions),
        rows: format::count(phase.solution_rows.unsigned_abs()),
        size: format::size(phase.max_bytes),
        features: FeaturesView::of(phase),
        limits: limits_in_words(&facts.limits),
        contract: facts.contract,
        runtime: facts.runtime,
        commands: commands(kind, &facts.address, &slug),
    };
    view.page.show(&view)
}

/// How a kind is tried and sent from a shell.
pub fn commands(kind: SubmissionKind, base: &str, slug: &str) -> String {
    let (file, media_type, run) = match kind {
        SubmissionKind::Predictions => ("predictions.csv", "text/csv", ""),
        SubmissionKind::Onnx => (
            "model.onnx",
            "application/octet-stream",
            "paddock sandbox run --kind onnx --features sample-features.csv --output predictions.csv model.onnx\n\n",
        ),
        SubmissionKind::Python => (
            "submission.zip",
            "application/zip",
            "paddock sandbox run --kind python --features sample-features.csv --output predictions.csv submission.zip\n\n",
        ),
    };
    format!(
        "{run}curl '{base}/api/v1/challenges/{slug}/submissions?kind={kind}' \\\n  \
         -H \"Authorization: Bearer $PADDOCK_TOKEN\" \\\n  \
         -H \"Content-Type: {media_type}\" \\\n  \
         --data-binary @{file}"
    )
}

async fn find(
    state: &State,
    principal: &Principal,
    slug: &str,
) -> Result<(Challenge, Vec<Phase>), Fault> {
    let (principal, slug) = (principal.clone(), slug.to_owned());
    let found = state
        .database
        .read(move |connection| challenge::find(connection, &principal, &slug))
        .await?;
    Ok(found)
}

async fn starter_kit(
    state: Data<State>,
    principal: Principal,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let (slug, kind) = path.into_inner();
    starter_kits::send(&state, &principal, &slug, &kind).await
}

async fn features(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    starter_kits::send_features(&state, &request, &principal, &slug).await
}
