//! Posting a challenge of one phase: what it asks, how it is scored, when, and its hidden solution.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::TimeDelta;
use rand::RngExt;

use super::bundles::{self, ShippedLine};
use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::accounts::users::{Role, User};
use crate::challenges::challenge::{ChallengeError, Page as ChallengePage};
use crate::challenges::draft::{CarryOver, ChallengeDraft, Joining, LatePolicy, PhaseDraft};
use crate::challenges::posting::{self, ChallengeFiles};
use crate::challenges::reuse::TemplateLine;
use crate::datasets::catalogue::{self, DatasetLine, Listed};
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, receive_form_with_files};
use crate::scoring::kind::SubmissionKind;
use crate::scoring::metrics::{
    InputShape, Metric, MetricDefinition, Parameter, catalogue as metrics,
};
use crate::scoring::predictions::{ColumnKind, PredictionColumn, PredictionFormat};
use crate::scoring::rule::ScoringRule;
use crate::scoring::runtimes::OnnxContract;
use crate::scoring::sandbox::Limits;
use crate::scoring::solution::{SolutionFormat, TargetKind};
use crate::scoring::worker::SolutionSpec;
use crate::web::format;
use crate::web::page::{Page, see_other_saying};

/// The most datasets that the form offers, newest first.
const DATASETS: i64 = 100;

const MEGABYTE: u64 = 1_000_000;

/// The choice among the metrics that is none: the organizer's own scoring program.
const PROGRAM: &str = "program";

/// The metrics of one family, as a group of the form's select.
struct MetricFamily {
    title: &'static str,
    metrics: Vec<&'static MetricDefinition>,
}

/// The catalogue by family, in its own order.
fn metric_families() -> Vec<MetricFamily> {
    let mut families: Vec<MetricFamily> = Vec::new();
    for metric in metrics() {
        let title = match metric.shape {
            InputShape::Number => "Numbers",
            InputShape::BinaryScore | InputShape::Probability | InputShape::ClassProbabilities => {
                "Probabilities and scores of classes"
            }
            InputShape::Label | InputShape::BinaryLabel | InputShape::OrdinalLabel => "Classes",
            InputShape::GroupedScore | InputShape::GroupedRelevance => "Rankings within groups",
            InputShape::Survival => "Times to an event",
            InputShape::Ensemble => "Distributions",
        };
        match families.iter_mut().find(|family| family.title == title) {
            Some(family) => family.metrics.push(metric),
            None => families.push(MetricFamily {
                title,
                metrics: vec![metric],
            }),
        }
    }
    families
}

#[derive(Template)]
#[template(path = "console/challenge_new.html")]
struct NewChallengePage {
    page: Page,
    form: Form,
    datasets: Vec<DatasetLine>,
    families: Vec<MetricFamily>,
    largest: String,
    shipped: Vec<ShippedLine>,
    templates: Vec<TemplateLine>,
}

async fn show(
    state: &State,
    request: &HttpRequest,
    user: &User,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let listed = match user.role {
        Role::Admin => Listed::All,
        _ => Listed::OwnedBy(user.id),
    };
    let datasets = state
        .database
        .read(move |connection| catalogue::list(connection, listed, None, DATASETS))
        .await?;
    let status = match form.problems() {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = NewChallengePage {
        page: Page::new(request, "console"),
        form,
        datasets,
        families: metric_families(),
        largest: format::size(state.config.max_upload_bytes),
        shipped: bundles::shipped()?,
        templates: bundles::own_templates(state, user).await?,
    };
    shown.page.show_as(status, &shown)
}

/// The form with what most challenges take.
pub async fn new(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
) -> Result<HttpResponse, Fault> {
    let local = |days| {
        let day = state.clock.now() + TimeDelta::days(days);
        day.format("%Y-%m-%dT12:00").to_string()
    };
    let limits = Limits::default();
    let form = Form::of([
        ("metric", "mae".to_owned()),
        ("id_column", "id".to_owned()),
        ("prediction_columns", "prediction".to_owned()),
        ("phase_name", "Main phase".to_owned()),
        ("starts_at", local(1)),
        ("ends_at", local(61)),
        ("submissions_per_day", "5".to_owned()),
        ("submissions_total", "100".to_owned()),
        ("largest_file_in_megabytes", "64".to_owned()),
        ("public_percent", "30".to_owned()),
        ("kind_predictions", "true".to_owned()),
        ("run_memory_mib", (limits.memory_bytes >> 20).to_string()),
        ("run_cpu_seconds", limits.cpu_seconds.to_string()),
        ("run_wall_seconds", limits.wall_seconds.to_string()),
    ]);
    show(&state, &request, guard::user(&principal)?, form).await
}

/// Posts a draft, or shows the form again with what is wrong.
pub async fn create(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let owner = guard::user(&principal)?;
    let mut received = ReceivedForm::default();
    let limit = state.config.max_upload_bytes;
    let fields = ["solution", "features", "program"];
    let outcome = receive_form_with_files(sent, &fields, limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    let solution = received.files.remove("solution");
    if solution.is_none() && form.error("solution").is_empty() {
        form.refuse("solution", "choose the solution, a CSV file");
    }
    let draft = draft(&mut form, rand::rng().random());
    let (Some(solution), Some(draft), []) = (solution, draft, form.problems()) else {
        return show(&state, &request, owner, form).await;
    };
    let slug = draft.slug.clone();
    let paths = |field: &str| {
        let file = received.files.get(field);
        file.map(|file| file.file.path().to_owned())
            .into_iter()
            .collect()
    };
    let files = ChallengeFiles {
        solutions: vec![solution.file.path().to_owned()],
        features: paths("features"),
        programs: paths("program"),
    };
    let now = state.clock.now();
    let posted = posting::post(&state.database, &state.storage, now, owner, draft, files).await;
    match posted {
        Ok(_) => Ok(see_other_saying(
            &request,
            &format!("/console/challenges/{slug}"),
            "success",
            "The draft is posted. Nobody but you and the admins sees it until you publish it.",
        )),
        Err(ChallengeError::Invalid { field, problem }) => {
            form.refuse(field_of(&field), problem);
            show(&state, &request, owner, form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The form's field for a field of the draft.
fn field_of(field: &str) -> &str {
    let field = field.strip_prefix("phases[0].").unwrap_or(field);
    match field {
        field if field.starts_with("solution") => "solution",
        field if field.starts_with("prediction_format") => "prediction_columns",
        field if field.starts_with("pages") => "overview",
        "kinds" => "kind_predictions",
        "onnx" => "onnx_contract",
        "run_limits" => "run_memory_mib",
        "name" => "phase_name",
        "max_bytes" => "largest_file_in_megabytes",
        "phases" => "solution",
        field => field,
    }
}

/// What the predictions and the truth are, which the metric decides. Where it compares classes, the
/// form names them.
fn kinds(shape: InputShape, classes: &[String]) -> Result<(ColumnKind, TargetKind), &'static str> {
    let needed = "this metric compares classes: name them in their order, parted by commas";
    let classes = || match classes {
        [] | [_] => Err(needed),
        classes => Ok(classes.to_vec()),
    };
    Ok(match shape {
        InputShape::Number
        | InputShape::BinaryScore
        | InputShape::GroupedScore
        | InputShape::GroupedRelevance
        | InputShape::Survival
        | InputShape::Ensemble => (ColumnKind::Number, TargetKind::Number),
        InputShape::Probability => (ColumnKind::Probability, TargetKind::Number),
        InputShape::ClassProbabilities => (ColumnKind::Probability, TargetKind::Label(classes()?)),
        InputShape::Label | InputShape::BinaryLabel | InputShape::OrdinalLabel => {
            (ColumnKind::Label(classes()?), TargetKind::Label(classes()?))
        }
    })
}

/// How submissions are scored: by the metric that was chosen, or by the organizer's own program.
fn rule(form: &mut Form) -> Option<ScoringRule> {
    if form.text("metric") != PROGRAM {
        return metric(form).map(ScoringRule::from);
    }
    let (key, better) = (form.text("program_score"), form.text("program_better"));
    let written = format!("program:{key}:{better}");
    written
        .parse()
        .map_err(|_| {
            form.refuse(
                "program_score",
                "name the score that counts among those that the program writes: letters, digits, `_`, `-` and `.`; and \
                 say whether a lower or a higher one is better",
            );
        })
        .ok()
}

/// What the predictions and the truth are under a rule. A scoring program compares numbers, or classes
/// where the form names them.
fn kinds_under(
    rule: &ScoringRule,
    classes: &[String],
) -> Result<(ColumnKind, TargetKind), &'static str> {
    match rule {
        ScoringRule::Metric(metric) => kinds(metric.definition().shape, classes),
        ScoringRule::Program(_) if classes.is_empty() => kinds(InputShape::Number, classes),
        ScoringRule::Program(_) => kinds(InputShape::Label, classes),
    }
}

/// The kinds of submission that are ticked.
fn submission_kinds(form: &Form) -> Vec<SubmissionKind> {
    let is_ticked = |kind: &SubmissionKind| form.is_ticked(&format!("kind_{kind}"));
    SubmissionKind::ALL
        .iter()
        .copied()
        .filter(is_ticked)
        .collect()
}

/// The contract of ONNX models, where those may be sent.
fn contract(form: &mut Form, kinds: &[SubmissionKind]) -> Option<OnnxContract> {
    if !kinds.contains(&SubmissionKind::Onnx) {
        return None;
    }
    let text = form.long_text("onnx_contract");
    toml::from_str(&text)
        .map_err(|error| form.refuse("onnx_contract", error.message().to_owned()))
        .ok()
}

/// What a run may use: the platform's own limits where nothing is said.
fn run_limits(form: &mut Form) -> Limits {
    let mut number = |field, default: u32| match form.optional(field) {
        None => default,
        Some(_) => form
            .parse(field, "give a whole number from 1")
            .unwrap_or(default),
    };
    let usual = Limits::default();
    let mebibytes = u32::try_from(usual.memory_bytes >> 20).unwrap_or(u32::MAX);
    Limits {
        memory_bytes: u64::from(number("run_memory_mib", mebibytes)) << 20,
        cpu_seconds: number("run_cpu_seconds", usual.cpu_seconds),
        wall_seconds: number("run_wall_seconds", usual.wall_seconds),
        ..usual
    }
}

/// The metric that was chosen, with its parameter.
fn metric(form: &mut Form) -> Option<Metric> {
    let key = form.text("metric").to_owned();
    let Some(definition) = metrics().iter().find(|definition| definition.key == key) else {
        form.refuse("metric", "choose a metric");
        return None;
    };
    let written = match definition.parameter {
        Parameter::None => key,
        Parameter::Cutoff | Parameter::Quantile => {
            format!("{key}@{}", form.text("metric_parameter"))
        }
    };
    written
        .parse()
        .map_err(|error: crate::scoring::metrics::ParseMetricError| {
            form.refuse("metric_parameter", error.to_string());
        })
        .ok()
}

/// The draft that the form describes; notes everything in it that cannot be read.
fn draft(form: &mut Form, split_seed: u64) -> Option<ChallengeDraft> {
    let metric = rule(form);
    let kinds = metric.as_ref().and_then(|metric| {
        let classes = form.names("classes");
        kinds_under(metric, &classes)
            .map_err(|problem| form.refuse("classes", problem))
            .ok()
    });
    let starts_at = form.moment("starts_at");
    let ends_at = form.moment("ends_at");
    let whole = "give a whole number from 1";
    let per_day = form.parse::<u32>("submissions_per_day", whole);
    let total = form.parse::<u32>("submissions_total", whole);
    let megabytes = form.parse::<u64>("largest_file_in_megabytes", whole);
    let public_percent = form
        .parse::<f64>("public_percent", "give a number between 0 and 100")
        .filter(|percent| *percent > 0.0 && *percent < 100.0);
    if public_percent.is_none() && form.error("public_percent").is_empty() {
        form.refuse(
            "public_percent",
            "leave some rows on either side: between 0 and 100",
        );
    }
    for field in ["id_column", "target_column"] {
        if form.text(field).is_empty() {
            form.refuse(field, "name a column of the solution");
        }
    }
    let submission_kinds = submission_kinds(form);
    let onnx = contract(form, &submission_kinds);
    let run_limits = run_limits(form);
    let (prediction_kind, target) = kinds?;
    let columns = form
        .names("prediction_columns")
        .into_iter()
        .map(|name| PredictionColumn {
            name,
            kind: prediction_kind.clone(),
        })
        .collect();
    let prediction_format = PredictionFormat::new(form.text("id_column"), columns)
        .map_err(|error| form.refuse("prediction_columns", error.to_string()))
        .ok();
    let overview = form.long_text("overview");
    let pages = match overview.trim() {
        "" => Vec::new(),
        _ => vec![ChallengePage {
            slug: "overview".into(),
            title: "Overview".into(),
            body: overview,
        }],
    };
    Some(ChallengeDraft {
        slug: form.text("slug").to_owned(),
        title: form.text("title").to_owned(),
        tagline: form.text("tagline").to_owned(),
        dataset: form.optional("dataset"),
        rates_drivers: form.is_ticked("rates_drivers"),
        prediction_format: prediction_format?,
        kinds: submission_kinds,
        onnx,
        run_limits,
        rules: form.long_text("rules"),
        pages,
        prizes: String::new(),
        eligibility: String::new(),
        time_zone: chrono_tz::Tz::UTC,
        joining: Joining::Open,
        max_team_size: 5,
        teams_locked_at: None,
        final_selections: 2,
        phases: vec![PhaseDraft {
            name: form.text("phase_name").to_owned(),
            starts_at: starts_at?,
            ends_at: ends_at?,
            metric: metric?,
            submissions_per_day: per_day?,
            submissions_total: total?,
            max_bytes: megabytes?.saturating_mul(MEGABYTE),
            solution: SolutionSpec {
                format: SolutionFormat {
                    id_column: form.text("id_column").to_owned(),
                    target_column: form.text("target_column").to_owned(),
                    target,
                    split_column: form.optional("split_column"),
                    group_column: form.optional("group_column"),
                    event_column: form.optional("event_column"),
                },
                public_fraction: Some(public_percent? / 100.0),
                split_seed,
            },
            features_file: form.optional("features_file"),
            grace_minutes: 0,
            late: LatePolicy::Refused,
            carry_over: CarryOver::None,
            secondary_metrics: Vec::new(),
            ladder: None,
            public_digits: None,
            features_hidden: !form.is_ticked("features_shown"),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(metric: &str) -> Form {
        Form::of([
            ("slug", "lap-times".into()),
            ("title", "Lap times".into()),
            ("tagline", "Predict the next lap.".into()),
            ("rules", "Be fair.".into()),
            ("metric", metric.into()),
            ("id_column", "id".into()),
            ("target_column", "lap_time".into()),
            ("prediction_columns", "prediction".into()),
            ("phase_name", "Main phase".into()),
            ("starts_at", "2026-05-01T12:00".into()),
            ("ends_at", "2026-07-01T12:00".into()),
            ("submissions_per_day", "5".into()),
            ("submissions_total", "100".into()),
            ("largest_file_in_megabytes", "64".into()),
            ("public_percent", "30".into()),
            ("kind_predictions", "true".into()),
        ])
    }

    #[test]
    fn models_a_scoring_program_and_limits_are_read() {
        let mut texts = filled("program");
        for (field, text) in [
            ("program_score", "pace"),
            ("program_better", "lower"),
            ("kind_onnx", "true"),
            ("run_memory_mib", "512"),
            ("run_cpu_seconds", "5"),
            ("features_shown", "true"),
            (
                "onnx_contract",
                "inputs = [{ name = \"X\", element = \"float32\", columns = [\"rain\"] }]\n\
                 outputs = [{ name = \"y\", columns = [\"prediction\"] }]",
            ),
        ] {
            texts.put(field, text);
        }
        let draft = draft(&mut texts, 7).unwrap();
        assert_eq!(texts.problems(), []);
        draft.check().unwrap();
        assert_eq!(draft.phases[0].metric.to_string(), "program:pace:lower");
        assert_eq!(
            draft.kinds,
            [SubmissionKind::Predictions, SubmissionKind::Onnx]
        );
        assert_eq!(draft.onnx.unwrap().inputs[0].columns, ["rain"]);
        assert_eq!(draft.run_limits.memory_bytes, 512 << 20);
        assert_eq!(draft.run_limits.cpu_seconds, 5);
        assert_eq!(
            draft.run_limits.wall_seconds,
            Limits::default().wall_seconds
        );
        assert!(!draft.phases[0].features_hidden);
    }

    #[test]
    fn a_contract_and_a_score_that_cannot_be_read_are_told_at_their_fields() {
        let mut form = filled("program");
        form.put("kind_onnx", "true");
        form.put("onnx_contract", "inputs = 3");
        form.put("program_score", "two words");
        assert!(draft(&mut form, 7).is_none());
        assert!(form.error("program_score").contains("name the score"));
        assert_ne!(form.error("onnx_contract"), "");
    }

    #[test]
    fn a_filled_form_is_a_draft_that_passes_its_checks() {
        let mut form = filled("mae");
        let draft = draft(&mut form, 7).unwrap();
        assert_eq!(form.problems(), []);
        draft.check().unwrap();
        assert_eq!(draft.phases[0].max_bytes, 64_000_000);
        assert_eq!(draft.phases[0].solution.public_fraction, Some(0.3));
        assert_eq!(draft.phases[0].solution.split_seed, 7);
    }

    #[test]
    fn everything_that_cannot_be_read_is_told_at_once() {
        let mut form = Form::of([
            ("metric", "ndcg".into()),
            ("metric_parameter", "ten".into()),
            ("starts_at", "soon".into()),
            ("public_percent", "100".into()),
        ]);
        assert!(draft(&mut form, 7).is_none());
        for field in [
            "metric_parameter",
            "starts_at",
            "ends_at",
            "submissions_per_day",
            "public_percent",
            "target_column",
        ] {
            assert_ne!(form.error(field), "", "{field}");
        }
        assert!(form.error("metric_parameter").contains("ndcg@10"));
    }

    #[test]
    fn a_metric_of_classes_needs_their_names() {
        let mut form = filled("accuracy");
        assert!(draft(&mut form, 7).is_none());
        assert!(form.error("classes").contains("name them"));
    }

    #[test]
    fn every_metric_stands_in_one_family() {
        let grouped: usize = metric_families()
            .iter()
            .map(|family| family.metrics.len())
            .sum();
        assert_eq!(grouped, metrics().len());
    }

    #[test]
    fn an_error_of_the_draft_is_shown_at_the_forms_field() {
        assert_eq!(field_of("phases[0].ends_at"), "ends_at");
        assert_eq!(field_of("phases[0].max_bytes"), "largest_file_in_megabytes");
        assert_eq!(field_of("phases[0].solution.target_column"), "solution");
        assert_eq!(field_of("slug"), "slug");
    }
}
