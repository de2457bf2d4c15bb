//! The metrics that a challenge can be scored with.

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::scoring::metrics::{Direction, InputShape, MetricDefinition, Parameter, catalogue};

/// All metrics.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricCatalogue {
    /// Grouped by family.
    metrics: Vec<MetricEntry>,
}

/// A metric.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricEntry {
    /// Its name; one with a parameter is written `key@parameter`.
    key: &'static str,
    /// As it is written in a challenge, with an example of its parameter.
    example: String,
    /// Its name for people.
    title: &'static str,
    /// Which of two scores is the better one.
    direction: Direction,
    /// The lowest score that can occur; null where there is none.
    lowest: Option<f64>,
    /// The highest score that can occur; null where there is none.
    highest: Option<f64>,
    /// What solution and predictions hold.
    shape: InputShape,
    /// What stands behind the `@`.
    parameter: Parameter,
    /// Where the formula is defined.
    source: &'static str,
    /// The formula in words, with every convention that changes a score.
    description: &'static str,
}

impl From<&'static MetricDefinition> for MetricEntry {
    fn from(definition: &'static MetricDefinition) -> Self {
        let (lowest, highest) = definition.range;
        let finite = |value: f64| value.is_finite().then_some(value);
        Self {
            key: definition.key,
            example: definition.example(),
            title: definition.title,
            direction: definition.direction,
            lowest: finite(lowest),
            highest: finite(highest),
            shape: definition.shape,
            parameter: definition.parameter,
            source: definition.source,
            description: definition.description,
        }
    }
}

/// The metric catalogue
///
/// Every metric that a challenge can be scored with, complete on one page.
#[utoipa::path(
    get, path = "/api/v1/metrics", operation_id = "list_metrics", tag = "challenges",
    responses((status = 200, description = "Every metric", body = MetricCatalogue)),
)]
pub async fn list() -> Json<MetricCatalogue> {
    Json(MetricCatalogue {
        metrics: catalogue().iter().map(MetricEntry::from).collect(),
    })
}
