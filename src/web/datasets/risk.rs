//! The risk report of a release: what each attack found, beside what was promised.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::Release;
use super::release::{ColumnAction, GateLine, actions, short};
use crate::datasets::anonymize::attacks::intervals::ResidualRisk;
use crate::datasets::anonymize::attacks::{Feature, Method};
use crate::datasets::anonymize::gate::{Attacks, ColumnAttack, Gate};
use crate::datasets::catalogue::{self, DatasetDetail};
use crate::datasets::publish::Identities;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::web::format;
use crate::web::page::Page;

#[derive(Template)]
#[template(path = "datasets/risk.html")]
struct RiskPage {
    page: Page,
    dataset: DatasetDetail,
    gates: Vec<MeasuredGate>,
    linkage: Vec<LinkageTable>,
    residuals: Vec<ResidualLine>,
    actions: Vec<ColumnAction>,
    sampled: bool,
}

/// A gate with a picture of what was measured.
pub struct MeasuredGate {
    pub line: GateLine,
    /// What was measured, in percent of the picture's width; nothing where nothing was.
    pub measured: Option<f64>,
    /// What was wanted, likewise.
    pub wanted: f64,
    pub label: String,
}

/// An attack that links sequences: every feature with both methods.
struct LinkageTable {
    title: String,
    lead: String,
    rows: Vec<LinkageRow>,
    chance: f64,
}

struct LinkageRow {
    feature: &'static str,
    assignment: f64,
    nearest: f64,
}

/// What is found out about people in the release, and about others.
struct ResidualLine {
    what: String,
    attack: f64,
    control: f64,
    risk: String,
}

pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    slug: Path<String>,
    release: Query<Release>,
) -> Result<HttpResponse, Fault> {
    let (slug, version) = (slug.into_inner(), release.version);
    let not_found = format!("There is no such release of a dataset `{slug}`.");
    let dataset: DatasetDetail = state
        .database
        .read(move |connection| catalogue::find(connection, &slug, version))
        .await?
        .ok_or_else(|| Fault::not_found(not_found))?;
    let attacks = &dataset.report.gates.attacks;
    let shown = RiskPage {
        page: Page::new(&request, "datasets"),
        gates: measured_gates(&dataset.report.gates.gates),
        linkage: linkage(attacks),
        residuals: residuals(attacks),
        actions: actions(&dataset),
        sampled: attacks.sampled,
        dataset,
    };
    shown.page.show(&shown)
}

/// The gates with their pictures.
pub fn measured_gates(gates: &[Gate]) -> Vec<MeasuredGate> {
    gates.iter().map(measured_gate).collect()
}

fn measured_gate(gate: &Gate) -> MeasuredGate {
    // Shares are drawn on a scale to 1, counts on one that both fit.
    let measured = gate.measured.filter(|measured| measured.is_finite());
    let most = measured.unwrap_or(0.0).max(gate.threshold);
    let scale = if most <= 1.0 { 1.0 } else { most * 1.1 };
    let percent = |value: f64| (value / scale * 1000.0).clamp(0.0, 1000.0).round() / 10.0;
    let line = GateLine::from(gate);
    MeasuredGate {
        measured: measured.map(percent),
        wanted: percent(gate.threshold),
        label: match measured {
            Some(measured) => format!(
                "{} measured, the limit is {}",
                short(measured),
                short(gate.threshold)
            ),
            None => format!("nothing measured, the limit is {}", short(gate.threshold)),
        },
        line,
    }
}

fn linkage(attacks: &Attacks) -> Vec<LinkageTable> {
    let with_results = attacks.linkage.iter().map(|attack| {
        let over = if attack.over_events {
            ", all events together"
        } else {
            ""
        };
        let title = format!("Public results against “{}”{over}", attack.column);
        linkage_table(title, "a driver's name", attack)
    });
    let across = attacks.cross_release.iter().map(|attack| {
        let title = format!("One event against another by “{}”", attack.column);
        linkage_table(title, "the same driver", attack)
    });
    with_results.chain(across).collect()
}

fn linkage_table(title: String, finds: &str, attack: &ColumnAttack) -> LinkageTable {
    let result = &attack.result;
    let success = |feature: Feature, method: Method| {
        let figures = result.attacks.iter();
        let mut figures = figures.filter(|f| f.feature == feature && f.method == method);
        let success = figures.next().map_or(0.0, |figure| figure.success);
        (success * 1000.0).round() / 10.0
    };
    LinkageTable {
        lead: format!(
            "{} links were tried. The best attack finds {finds} in {:.0} % of cases (at most {:.0} %, with 95 % \
             confidence); guessing finds it in {:.1} %.",
            result.links,
            result.best * 100.0,
            result.upper95 * 100.0,
            result.chance * 100.0,
        ),
        rows: Feature::ALL
            .into_iter()
            .map(|feature| LinkageRow {
                feature: feature_in_words(feature),
                assignment: success(feature, Method::Assignment),
                nearest: success(feature, Method::NearestNeighbour),
            })
            .collect(),
        chance: (result.chance * 1000.0).round() / 10.0,
        title,
    }
}

fn residuals(attacks: &Attacks) -> Vec<ResidualLine> {
    let line = |what: String, residual: &ResidualRisk| ResidualLine {
        what,
        attack: (residual.attack.rate * 1000.0).round() / 10.0,
        control: (residual.control.rate * 1000.0).round() / 10.0,
        risk: format!("{:.2}", residual.risk),
    };
    let singled_out = attacks.singling_out.iter();
    let singled_out =
        singled_out.map(|residual| line("A sentence true of exactly one person".into(), residual));
    let inferred = attacks.inference.iter().map(|attack| {
        let what = format!("“{}”, from the quasi-identifiers", attack.column);
        line(what, &attack.residual)
    });
    singled_out.chain(inferred).collect()
}

fn feature_in_words(feature: Feature) -> &'static str {
    match feature {
        Feature::LapTimes => "Laps, one by one",
        Feature::LapOrder => "The order of laps",
        Feature::Distribution => "How the laps are spread",
        Feature::LapCount => "How many laps",
        Feature::BestLap => "The fastest lap",
        Feature::MedianLap => "The median lap",
    }
}
