//! The gate: what can be shown to be wrong with a release before anybody else can show it.
//!
//! It reads the written release, not the code's intentions, and knows the original only to search for
//! it. Two gates are measured here; the attacks (linkage, across releases, attribute inference) and
//! the utility are listed as not measured, so that nobody takes silence for safety.

mod class_size;
mod hidden;
mod tokens;

use serde::{Deserialize, Serialize};

use super::policy::{Policy, PolicyError};
use super::pseudonyms::ReleaseKey;
use crate::datasets::tables::{Table, TableError};
use class_size::ClassCounter;
use hidden::Hidden;
use tokens::Search;

/// All gates of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    pub gates: Vec<Gate>,
}

/// One promise, and whether the release keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// `linkage`, `cross_release`, `class_size`, `attribute_inference`, `identity_tokens` or `utility`.
    pub name: String,
    pub outcome: Outcome,
    pub measured: Option<f64>,
    /// The least `class_size` and `utility`, the greatest of the others.
    pub threshold: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed {
        reason: String,
    },
    /// Nothing was shown, neither way.
    NotMeasured {
        reason: String,
    },
}

impl GateReport {
    /// Whether the release must not be published: some gate failed.
    pub fn refuses(&self) -> bool {
        let failed = |gate: &Gate| matches!(gate.outcome, Outcome::Failed { .. });
        self.gates.iter().any(failed)
    }

    /// The gate of that name.
    pub fn gate(&self, name: &str) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.name == name)
    }
}

/// Why the gates could not be measured at all.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Measures the gates on `release`, which was written from `original` under the policy and key.
///
/// # Errors
/// [`GateError`] when a table cannot be read or the policy does not fit the original.
pub fn measure(
    original: &Table,
    release: &Table,
    policy: &Policy,
    key: &ReleaseKey,
) -> Result<GateReport, GateError> {
    policy.check(original.schema())?;
    let hidden = Hidden::collect(original, policy, key)?;
    let mut search = Search::new(&hidden, release.schema(), policy);
    let mut counter = ClassCounter::new(&hidden, release.schema(), policy);
    for batch in release.batches()? {
        let batch = batch?;
        search.read(&batch);
        counter.read(&batch);
    }
    let k = policy.minimum_class_size as f64;
    let not_measured = |name: &str, threshold: f64, reason: &str| Gate {
        name: name.to_owned(),
        outcome: Outcome::NotMeasured {
            reason: reason.to_owned(),
        },
        measured: None,
        threshold,
    };
    let chance = 1.0 / hidden.subjects.len().max(1) as f64;
    Ok(GateReport {
        gates: vec![
            not_measured(
                "linkage",
                1.0 / k + 0.05,
                "no attack with public race results was run",
            ),
            not_measured(
                "cross_release",
                chance + 0.05,
                "no attack across releases was run",
            ),
            counter.gate(k),
            not_measured("attribute_inference", 0.1, "no inference attack was run"),
            search.gate(),
            not_measured(
                "utility",
                0.9,
                "the pace ranking was not compared with the original",
            ),
        ],
    })
}
