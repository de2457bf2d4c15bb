//! The policy of a draft, and what it would publish: before and after side by side, and what was measured.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::dataset_draft::{self, Head, Step, address};
use super::dataset_policy::{self, ACTIONS, PolicyForm, one_line};
use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::datasets::anonymize::gate::{Gate, Outcome};
use crate::datasets::anonymize::policy::Policy;
use crate::datasets::anonymize::suggestion::suggest;
use crate::datasets::drafts::Draft;
use crate::datasets::publish::Examination;
use crate::datasets::split::SplitPlan;
use crate::datasets::summary::TableSummary;
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::web::datasets::release::{self, ColumnView, GateLine};
use crate::web::format;
use crate::web::page::Page;

const SPLIT_EXAMPLE: &str = include_str!("split_example.toml");

#[derive(Template)]
#[template(path = "console/dataset_policy.html")]
struct PolicyPage {
    page: Page,
    head: Head,
    form: Form,
    policy: PolicyForm,
    actions: &'static [(&'static str, &'static str)],
    /// Whether the form is filled with a suggestion that nobody has agreed to yet.
    is_suggestion: bool,
    split_example: &'static str,
}

/// The raw table of a draft, or the way to the page that says why there is none.
async fn raw_table(
    state: &State,
    draft: &Draft,
) -> Result<Result<TableSummary, HttpResponse>, Fault> {
    let inspection = state.drafts().inspection(draft)?;
    Ok(inspection
        .map(|inspection| inspection.table)
        .ok_or_else(|| guard::see_other(&address(&draft.key))))
}

/// The form, filled with the policy or a suggestion.
pub async fn policy(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    let raw = match raw_table(&state, &draft).await? {
        Ok(raw) => raw,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let is_suggestion = draft.details.policy.trim().is_empty();
    let text = if is_suggestion {
        suggest(&raw).to_toml()
    } else {
        draft.details.policy.clone()
    };
    let form = Form::of([
        ("policy", text.clone()),
        ("split", draft.details.split.clone().unwrap_or_default()),
    ]);
    let shown = PolicyPage {
        page: Page::new(&request, "console"),
        head: Head::new(&draft, &principal, Step::Policy, state.clock.now()),
        policy: PolicyForm::of(&text, &raw),
        form,
        actions: &ACTIONS,
        is_suggestion,
        split_example: SPLIT_EXAMPLE,
    };
    shown.page.show(&shown)
}

/// Keeps a policy and begins to measure it, or shows the form again with what is wrong.
pub async fn set_policy(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
    sent: web::Form<std::collections::HashMap<String, String>>,
) -> Result<HttpResponse, Fault> {
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    let raw = match raw_table(&state, &draft).await? {
        Ok(raw) => raw,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let mut form = Form::new(sent.into_inner());
    let text = if form.text("by") == "toml" {
        form.long_text("policy")
    } else {
        // The TOML that the form was made of is sent along, so that nothing in it is lost.
        dataset_policy::changed(&form.long_text("policy"), &raw, &mut form)
    };
    dataset_policy::check(&text, &raw, &mut form);
    let split = form.optional("split").map(|_| form.long_text("split"));
    if let Some(Err(error)) = split.as_deref().map(toml::from_str::<SplitPlan>) {
        form.refuse("split", one_line(&error.to_string()));
    }
    if form.problems().is_empty() {
        let drafts = state.drafts();
        drafts.set_policy(&draft, text, split).await?;
        let draft = dataset_draft::find(&state, &principal, &key).await?;
        if !draft.is_measured() {
            drafts.begin_measurement(&draft).await?;
        }
        return Ok(guard::see_other(&format!("{}/preview", address(&key))));
    }
    // The fields are filled from the TOML; what could not be put into it is told.
    let mut shown_form = Form::of([("policy", text.clone()), ("split", form.long_text("split"))]);
    for problem in form.problems() {
        shown_form.refuse(&problem.field, problem.message.clone());
    }
    let shown = PolicyPage {
        page: Page::new(&request, "console"),
        head: Head::new(&draft, &principal, Step::Policy, state.clock.now()),
        policy: PolicyForm::of(&text, &raw).with_problems(&shown_form),
        form: shown_form,
        actions: &ACTIONS,
        is_suggestion: false,
        split_example: SPLIT_EXAMPLE,
    };
    shown.page.show_as(StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

/// Measures again, after an interruption.
pub async fn measure(
    state: Data<State>,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    state.drafts().begin_measurement(&draft).await?;
    Ok(guard::see_other(&format!("{}/preview", address(&key))))
}

/// A column before and after.
struct Pair {
    name: String,
    action: String,
    quasi_identifier: bool,
    before: ColumnView,
    after: Option<ColumnView>,
}

/// Some rows of a table.
struct Rows {
    title: String,
    columns: Vec<(String, bool)>,
    rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    fn of(title: String, table: &TableSummary) -> Self {
        let columns = table.columns.iter();
        Self {
            title,
            columns: columns
                .map(|column| (column.column.name.clone(), column.numbers.is_some()))
                .collect(),
            rows: table.preview.iter().take(ROWS).cloned().collect(),
        }
    }
}

/// Rows shown of each table.
const ROWS: usize = 8;

#[derive(Template)]
#[template(path = "console/dataset_preview.html")]
struct PreviewPage {
    page: Page,
    head: Head,
    /// None while it is not measured.
    preview: Option<Preview>,
}

struct Preview {
    /// The place of the lap times among the pairs, where there are any.
    lap_times: Option<usize>,
    pairs: Vec<Pair>,
    before: Rows,
    after: Vec<Rows>,
    rows_in: String,
    rows_out: String,
    is_refused: bool,
}

impl Preview {
    /// The lap times before and after, where there are any.
    fn laps(&self) -> Option<&Pair> {
        self.pairs.get(self.lap_times?)
    }

    fn of(examination: &Examination, policy: &str) -> Self {
        let report = &examination.report.anonymization;
        let after: Vec<ColumnView> = examination
            .after
            .iter()
            .flat_map(|(_, table)| release::columns(table))
            .collect();
        let mut after: Vec<Option<ColumnView>> = after.into_iter().map(Some).collect();
        let pairs: Vec<Pair> = release::columns(&examination.before)
            .into_iter()
            .map(|before| {
                let done = report.columns.iter().find(|done| done.name == before.name);
                // Of several tables the first that has it: the rows to learn from.
                let shown = after.iter_mut().find(|after| {
                    after
                        .as_ref()
                        .is_some_and(|after| after.name == before.name)
                });
                Pair {
                    name: before.name.clone(),
                    action: done.map(|done| done.action.clone()).unwrap_or_default(),
                    quasi_identifier: done.is_some_and(|done| done.quasi_identifier),
                    after: shown.and_then(Option::take),
                    before,
                }
            })
            .collect();
        let time = Policy::parse(policy).ok().and_then(|policy| policy.laps);
        let time = time.map(|laps| laps.time);
        let letters = |name: &str| -> String {
            let letters = name.chars().filter(|letter| letter.is_alphanumeric());
            letters.collect::<String>().to_lowercase()
        };
        let is_time = |pair: &Pair| match &time {
            Some(time) => pair.name == *time,
            None => letters(&pair.name).contains("laptime") || letters(&pair.name) == "seconds",
        };
        Self {
            lap_times: pairs
                .iter()
                .position(|pair| is_time(pair) && pair.before.histogram.is_some()),
            pairs,
            before: Rows::of("Before".into(), &examination.before),
            after: examination
                .after
                .iter()
                .map(|(name, table)| Rows::of(format!("After: {name}"), table))
                .collect(),
            rows_in: format::count(report.rows_in),
            rows_out: format::count(report.rows_out),
            is_refused: examination.report.gates.refuses(),
        }
    }
}

/// Before and after, side by side.
pub async fn preview(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    if draft.details.policy.trim().is_empty() {
        return Ok(guard::see_other(&address(&key)));
    }
    let examination = state.drafts().examination(&draft)?;
    let shown = PreviewPage {
        page: Page::new(&request, "console"),
        head: Head::new(&draft, &principal, Step::Preview, state.clock.now()),
        preview: examination.map(|examination| Preview::of(&examination, &draft.details.policy)),
    };
    shown.page.show(&shown)
}

/// A gate as the page shows it.
pub struct GateView {
    pub line: GateLine,
    pub reason: String,
    pub remedy: &'static str,
    /// What was measured and what is allowed, in percent of the bar.
    pub bar: Option<(f64, f64)>,
    pub measured: String,
    pub threshold: String,
    /// Whether more is better.
    pub is_least: bool,
}

impl From<&Gate> for GateView {
    fn from(gate: &Gate) -> Self {
        let is_least = matches!(gate.name.as_str(), "class_size" | "utility");
        let bar = gate
            .measured
            .filter(|measured| measured.is_finite())
            .map(|measured| {
                let most = measured.max(gate.threshold);
                // Shares are shown on the whole of what a share can be.
                let whole = if most <= 1.0 && gate.name != "class_size" {
                    1.0
                } else {
                    most * 1.25
                };
                let percent = |value: f64| (value.max(0.0) * 1000.0 / whole).round() / 10.0;
                (percent(measured), percent(gate.threshold))
            });
        Self {
            reason: match &gate.outcome {
                Outcome::Passed => String::new(),
                Outcome::Failed { reason }
                | Outcome::Warning { reason }
                | Outcome::NotApplicable { reason }
                | Outcome::NotMeasured { reason } => reason.clone(),
            },
            remedy: match (&gate.outcome, gate.name.as_str()) {
                (
                    Outcome::Passed | Outcome::NotApplicable { .. } | Outcome::NotMeasured { .. },
                    _,
                ) => "",
                (_, "linkage") => {
                    "Publish lap times in pace cells (under Policy: Lap times), with a larger k, fewer laps of each driver, or more noise."
                }
                (_, "cross_release") => {
                    "Give drivers another name in each event (scope), drop what stays the same of a driver, or use wider bands."
                }
                (_, "class_size") => {
                    "Use wider bands, mark fewer columns as quasi-identifiers by dropping them, or leave small classes out."
                }
                (_, "attribute_inference") => {
                    "Drop the column that can be inferred, or show it in wider bands."
                }
                (_, "identity_tokens") => {
                    "Drop the column in which it was found, or hide its rare values."
                }
                (_, "utility") => {
                    "Use narrower bands or less noise. It harms nobody to publish it; it is of little use."
                }
                _ => "Change the policy.",
            },
            measured: gate.measured.map(figure).unwrap_or_default(),
            threshold: figure(gate.threshold),
            line: GateLine::from(gate),
            is_least,
            bar,
        }
    }
}

/// A share or a count, to three decimals.
fn figure(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Template)]
#[template(path = "console/dataset_risk.html")]
struct RiskPage {
    page: Page,
    head: Head,
    /// None while it is not measured.
    risk: Option<Risk>,
}

struct Risk {
    gates: Vec<GateView>,
    /// The gates that refuse the release.
    refusing: usize,
    k: u64,
    subjects: String,
    smallest_class: String,
    suppressed: String,
    suppressed_note: String,
}

impl Risk {
    fn of(examination: &Examination) -> Self {
        let gates = &examination.report.gates.gates;
        let report = &examination.report.anonymization;
        Self {
            refusing: gates.iter().filter(|gate| gate.refuses()).count(),
            gates: gates.iter().map(GateView::from).collect(),
            k: report.minimum_class_size,
            subjects: format::count(report.subjects),
            smallest_class: format::count(report.smallest_class),
            suppressed: format::count(report.suppressed.subjects),
            suppressed_note: format!(
                "{} rows in {} small classes",
                format::count(report.suppressed.rows),
                format::count(report.suppressed.classes)
            ),
        }
    }
}

/// What was measured on the release.
pub async fn risk(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    key: Path<String>,
) -> Result<HttpResponse, Fault> {
    let draft = dataset_draft::find(&state, &principal, &key).await?;
    if draft.details.policy.trim().is_empty() {
        return Ok(guard::see_other(&address(&key)));
    }
    let examination = state.drafts().examination(&draft)?;
    let shown = RiskPage {
        page: Page::new(&request, "console"),
        head: Head::new(&draft, &principal, Step::Risk, state.clock.now()),
        risk: examination.as_ref().map(Risk::of),
    };
    shown.page.show(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(name: &str, measured: f64, threshold: f64) -> GateView {
        GateView::from(&Gate {
            name: name.into(),
            outcome: Outcome::Failed {
                reason: "too much".into(),
            },
            measured: Some(measured),
            threshold,
        })
    }

    #[test]
    fn a_share_is_drawn_on_the_whole_and_a_count_beside_its_bound() {
        assert_eq!(gate("linkage", 0.5, 0.25).bar, Some((50.0, 25.0)));
        assert_eq!(gate("class_size", 1.0, 11.0).bar, Some((7.3, 80.0)));
        assert!(gate("linkage", 0.5, 0.25).remedy.contains("pace cells"));
    }

    #[test]
    fn a_figure_is_short_and_keeps_its_meaning() {
        assert_eq!(
            [0.0, 36.0, 0.248_34, 0.9, 0.25].map(figure),
            ["0", "36", "0.248", "0.9", "0.25"]
        );
    }

    #[test]
    fn the_example_is_a_split() {
        let plan: SplitPlan = toml::from_str(SPLIT_EXAMPLE).unwrap();
        assert_eq!(plan.targets, ["lap_time"]);
    }
}
