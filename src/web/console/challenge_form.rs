//! Posting a challenge: what it asks, how it is scored, who may take part, and its phases with their hidden
//! solutions. Phases are added and removed by buttons that show the form again with everything kept.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;

use super::bundles::{self, ShippedLine};
use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::accounts::users::{Role, User};
use crate::challenges::challenge::{ChallengeError, Page as ChallengePage};
use crate::challenges::draft::{
    CarryOver, ChallengeDraft, Joining, LatePolicy, PhaseDraft, SecondaryMetric,
};
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
    places: Vec<PhasePlace>,
    may_add: bool,
    zones: &'static [chrono_tz::Tz],
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
    let places: Vec<_> = (0..phase_count(&form)).map(PhasePlace::new).collect();
    let shown = NewChallengePage {
        page: Page::new(request, "console"),
        form,
        datasets,
        families: metric_families(),
        largest: format::size(state.config.max_upload_bytes),
        shipped: bundles::shipped()?,
        templates: bundles::own_templates(state, user).await?,
        may_add: places.len() < MOST_PHASES,
        places,
        zones: &chrono_tz::TZ_VARIANTS,
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
        ("phases", "1".to_owned()),
        ("time_zone", "UTC".to_owned()),
        ("joining", "open".to_owned()),
        ("max_team_size", "5".to_owned()),
        ("final_selections", "2".to_owned()),
        ("grace_minutes", "0".to_owned()),
        ("kind_predictions", "true".to_owned()),
        ("run_memory_mib", (limits.memory_bytes >> 20).to_string()),
        ("run_cpu_seconds", limits.cpu_seconds.to_string()),
        ("run_wall_seconds", limits.wall_seconds.to_string()),
    ]);
    show(&state, &request, guard::user(&principal)?, form).await
}

/// The fields of a phase that are typed.
const PHASE_FIELDS: [&str; 8] = [
    "phase_name",
    "starts_at",
    "ends_at",
    "submissions_per_day",
    "submissions_total",
    "grace_minutes",
    "late",
    "carry_over",
];

/// The files of a phase; one that is not sent is the first phase's.
const PHASE_FILES: [&str; 3] = ["solution", "features", "program"];

/// The most phases that the form can hold.
const MOST_PHASES: usize = 6;

/// The form's field for a phase: the first has the bare name, the others are numbered.
fn phase_field(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        later => format!("{name}_{}", later + 1),
    }
}

fn phase_count(form: &Form) -> usize {
    form.text("phases")
        .parse()
        .unwrap_or(1)
        .clamp(1, MOST_PHASES)
}

/// Where the form has a phase: the names of its fields.
struct PhasePlace {
    number: usize,
    name: String,
    starts_at: String,
    ends_at: String,
    per_day: String,
    total: String,
    grace: String,
    late: String,
    carry_over: String,
    solution: String,
    features: String,
    program: String,
}

impl PhasePlace {
    fn new(index: usize) -> Self {
        let field = |name| phase_field(name, index);
        Self {
            number: index + 1,
            name: field("phase_name"),
            starts_at: field("starts_at"),
            ends_at: field("ends_at"),
            per_day: field("submissions_per_day"),
            total: field("submissions_total"),
            grace: field("grace_minutes"),
            late: field("late"),
            carry_over: field("carry_over"),
            solution: field("solution"),
            features: field("features"),
            program: field("program"),
        }
    }
}

/// Does what a button asks that only changes the form: true if it was one.
fn rearrange(form: &mut Form) -> bool {
    let (action, count) = (form.text("action").to_owned(), phase_count(form));
    let set_count = |form: &mut Form, count: usize| form.put("phases", &count.to_string());
    match action.as_str() {
        "add-phase" if count < MOST_PHASES => {
            follow(form, count);
            set_count(form, count + 1);
        }
        "two-phases" => {
            form.put("phase_name", "Development");
            if count == 1 {
                follow(form, 1);
                set_count(form, 2);
            }
            form.put(&phase_field("phase_name", 1), "Final");
            form.put(&phase_field("carry_over", 1), "best");
        }
        other => {
            let Some(number) = other
                .strip_prefix("remove-phase-")
                .and_then(|number| number.parse::<usize>().ok())
                .filter(|number| (1..=count).contains(number) && count > 1)
            else {
                return !other.is_empty() && other != "post";
            };
            for index in number..count {
                for field in PHASE_FIELDS {
                    let text = form.text(&phase_field(field, index)).to_owned();
                    form.put(&phase_field(field, index - 1), &text);
                }
            }
            form.put("carry_over", "none");
            set_count(form, count - 1);
        }
    }
    true
}

/// Fills a new phase with what most take: as long as a week, after the one before it, with its limits.
fn follow(form: &mut Form, index: usize) {
    let before = |name| phase_field(name, index - 1);
    let ends_at = form.peek_moment(&before("ends_at"));
    let kept = [
        "submissions_per_day",
        "submissions_total",
        "grace_minutes",
        "late",
    ];
    for field in kept {
        let text = form.text(&before(field)).to_owned();
        form.put(&phase_field(field, index), &text);
    }
    form.put(
        &phase_field("phase_name", index),
        &format!("Phase {}", index + 1),
    );
    if let Some(ends_at) = ends_at {
        let written = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M").to_string();
        form.put(&phase_field("starts_at", index), &written(ends_at));
        let week_later = written(ends_at + TimeDelta::days(7));
        form.put(&phase_field("ends_at", index), &week_later);
    }
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
    let fields: Vec<String> = (0..MOST_PHASES)
        .flat_map(|index| PHASE_FILES.map(|file| phase_field(file, index)))
        .collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let outcome = receive_form_with_files(sent, &fields, limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    if form.problems().is_empty() && rearrange(&mut form) {
        return show(&state, &request, owner, form).await;
    }
    if !received.files.contains_key("solution") && form.error("solution").is_empty() {
        form.refuse("solution", "choose the solution, a CSV file");
    }
    let draft = draft(&mut form, rand::rng().random());
    let (Some(draft), []) = (draft, form.problems()) else {
        return show(&state, &request, owner, form).await;
    };
    let slug = draft.slug.clone();
    let of_phase = |field: &str, index: usize| {
        let own = received.files.get(&phase_field(field, index));
        let file = own.or_else(|| received.files.get(field));
        file.map(|file| file.file.path().to_owned())
    };
    let mut files = ChallengeFiles::default();
    for (index, phase) in draft.phases.iter().enumerate() {
        files.solutions.extend(of_phase("solution", index));
        if phase.features_file.is_none() {
            files.features.extend(of_phase("features", index));
        }
        if phase.metric.program().is_some() {
            files.programs.extend(of_phase("program", index));
        }
    }
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
            form.refuse(&field_of(&field), problem);
            show(&state, &request, owner, form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The form's field for a field of the draft.
fn field_of(field: &str) -> String {
    let in_phase = field
        .strip_prefix("phases[")
        .and_then(|rest| rest.split_once("]."))
        .and_then(|(index, part)| Some((index.parse::<usize>().ok()?, part)));
    let (index, field) = in_phase.unwrap_or((0, field));
    let named = match field {
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
    };
    match PHASE_FIELDS.contains(&named) || PHASE_FILES.contains(&named) {
        true => phase_field(named, index),
        false => named.to_owned(),
    }
}

/// A whole number in a field that may be left empty.
fn number_or(form: &mut Form, field: &str, default: u32) -> u32 {
    match form.optional(field) {
        None => default,
        Some(_) => form
            .parse(field, "give a whole number from 0")
            .unwrap_or(default),
    }
}

/// One of a few in a field that may be left empty.
fn choice<T: std::str::FromStr<Err = String> + Default>(form: &mut Form, field: &str) -> T {
    match form.optional(field).map(|text| text.parse()) {
        None => T::default(),
        Some(Ok(value)) => value,
        Some(Err(problem)) => {
            form.refuse(field, problem);
            T::default()
        }
    }
}

/// The metrics beside the one that ranks.
fn secondary_metrics(form: &mut Form) -> Vec<SecondaryMetric> {
    let breaks_ties = form.is_ticked("break_ties");
    let mut metrics = Vec::new();
    for name in form.names("secondary_metrics") {
        match name.parse::<ScoringRule>() {
            Ok(metric) => metrics.push(SecondaryMetric {
                metric,
                breaks_ties,
            }),
            Err(error) => form.refuse("secondary_metrics", format!("`{name}`: {error}")),
        }
    }
    metrics
}

/// Whether the Ladder stands; none: as the size of the public split asks.
fn ladder(form: &Form) -> Option<bool> {
    match form.text("ladder") {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
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
    let times: Vec<_> = (0..phase_count(form))
        .map(|index| phase_times(form, index))
        .collect();
    let whole = "give a whole number from 1";
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
    let secondary_metrics = secondary_metrics(form);
    let ladder = ladder(form);
    let public_digits = form
        .optional("public_digits")
        .map(|_| number_or(form, "public_digits", 0));
    let time_zone = match form.optional("time_zone") {
        None => chrono_tz::Tz::UTC,
        Some(name) => name.parse().unwrap_or_else(|_| {
            form.refuse("time_zone", "choose one of the list, such as Europe/Rome");
            chrono_tz::Tz::UTC
        }),
    };
    let joining: Joining = choice(form, "joining");
    let max_team_size = number_or(form, "max_team_size", 5);
    let final_selections = number_or(form, "final_selections", 2);
    let teams_locked_at = match form.optional("teams_locked_at") {
        None => None,
        Some(_) => form.moment("teams_locked_at"),
    };
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
    let solution_format = SolutionFormat {
        id_column: form.text("id_column").to_owned(),
        target_column: form.text("target_column").to_owned(),
        target,
        split_column: form.optional("split_column"),
        group_column: form.optional("group_column"),
        event_column: form.optional("event_column"),
    };
    let features_file = form.optional("features_file");
    let features_hidden = !form.is_ticked("features_shown");
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
        prizes: form.long_text("prizes"),
        eligibility: form.long_text("eligibility"),
        time_zone,
        joining,
        max_team_size,
        teams_locked_at,
        final_selections,
        phases: times
            .into_iter()
            .map(|times| {
                let times = times?;
                Some(PhaseDraft {
                    name: times.name,
                    starts_at: times.starts_at,
                    ends_at: times.ends_at,
                    metric: metric.clone()?,
                    submissions_per_day: times.per_day,
                    submissions_total: times.total,
                    max_bytes: megabytes?.saturating_mul(MEGABYTE),
                    solution: SolutionSpec {
                        format: solution_format.clone(),
                        public_fraction: Some(public_percent? / 100.0),
                        split_seed,
                    },
                    features_file: features_file.clone(),
                    grace_minutes: times.grace_minutes,
                    late: times.late,
                    carry_over: times.carry_over,
                    secondary_metrics: secondary_metrics.clone(),
                    ladder,
                    public_digits,
                    features_hidden,
                })
            })
            .collect::<Option<Vec<_>>>()?,
    })
}

/// What the form says of one phase alone.
struct PhaseTimes {
    name: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    per_day: u32,
    total: u32,
    grace_minutes: u32,
    late: LatePolicy,
    carry_over: CarryOver,
}

fn phase_times(form: &mut Form, index: usize) -> Option<PhaseTimes> {
    let field = |name| phase_field(name, index);
    let whole = "give a whole number from 1";
    let starts_at = form.moment(&field("starts_at"));
    let ends_at = form.moment(&field("ends_at"));
    let per_day = form.parse(&field("submissions_per_day"), whole);
    let total = form.parse(&field("submissions_total"), whole);
    Some(PhaseTimes {
        name: form.text(&field("phase_name")).to_owned(),
        grace_minutes: number_or(form, &field("grace_minutes"), 0),
        late: choice(form, &field("late")),
        carry_over: choice(form, &field("carry_over")),
        starts_at: starts_at?,
        ends_at: ends_at?,
        per_day: per_day?,
        total: total?,
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
