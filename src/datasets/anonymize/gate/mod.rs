//! The gate: what can be shown to be wrong with a release before anybody else can show it.
//!
//! It reads the written release, not the code's intentions, and knows the original only to search for
//! it. Two gates search: for names left in the bytes, and for classes that are too small. The others
//! attack the release as somebody would who wants to know, and count how often that succeeds.
//! Utility is measured beside them: it refuses nothing, but the organizer is told what was lost.

mod class_size;
mod events;
mod hidden;
mod laps;
mod people;
mod sequences;
mod tokens;

use serde::{Deserialize, Serialize};

use super::attacks::LinkageResult;
use super::attacks::intervals::ResidualRisk;
use super::attacks::utility::PaceRanking;
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
    /// The figures behind them.
    #[serde(default)]
    pub attacks: Attacks,
}

/// What the attacks found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attacks {
    /// Whether a part of the release was attacked, because the whole is too large.
    pub sampled: bool,
    /// Whose laps are these, for somebody with the public results?
    pub linkage: Vec<ColumnAttack>,
    /// Is this the driver of the other event?
    pub cross_release: Vec<ColumnAttack>,
    /// Can one be told from all others, more often than people who are not in the release?
    pub singling_out: Option<ResidualRisk>,
    /// What is found out about people, beyond what is found out about people who are not in the release.
    pub inference: Vec<AttributeAttack>,
    /// What is left of the pace ranking, where there is one.
    pub pace_ranking: Option<PaceRanking>,
}

/// An attack with one column's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnAttack {
    pub column: String,
    /// Whether the attacker used all events together, since one pseudonym spans them.
    pub over_events: bool,
    pub result: LinkageResult,
}

/// An attack on what was not known of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeAttack {
    pub column: String,
    pub residual: ResidualRisk,
}

impl Attacks {
    /// The one that succeeds most beyond guessing.
    fn worst<'a>(&self, attacks: &'a [ColumnAttack]) -> Option<&'a ColumnAttack> {
        let beyond = |attack: &ColumnAttack| attack.result.upper95 - attack.result.chance;
        attacks
            .iter()
            .max_by(|a, b| beyond(a).total_cmp(&beyond(b)))
    }
}

/// One promise, and whether the release keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// `linkage`, `cross_release`, `class_size`, `singling_out`, `attribute_inference`,
    /// `identity_tokens` or `utility`.
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
    /// Not as good as it should be, and no harm to a subject.
    Warning {
        reason: String,
    },
    /// The release has nothing that the gate is about.
    NotApplicable {
        reason: String,
    },
    /// Nothing was shown, neither way.
    NotMeasured {
        reason: String,
    },
}

impl Gate {
    /// Whether it keeps the release from being published: it failed, or could not be measured.
    pub fn refuses(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Failed { .. } | Outcome::NotMeasured { .. }
        )
    }
}

impl GateReport {
    /// Whether the release must not be published: some gate refuses it.
    pub fn refuses(&self) -> bool {
        self.gates.iter().any(Gate::refuses)
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
    let sequences = sequences::gather(original, release, policy, &hidden)?;
    let mut attacks = Attacks::default();
    let subjects = hidden.subjects.len();
    let [linkage, cross_release, utility] =
        laps::gates(&sequences, policy, key, subjects, &mut attacks);
    let people = people::gather(release, policy, &hidden, &sequences)?;
    let [singling_out, inference] = people::gates(&people, &mut attacks);
    let gates = vec![
        linkage,
        cross_release,
        counter.gate(policy.minimum_class_size as f64),
        singling_out,
        inference,
        search.gate(),
        utility,
    ];
    Ok(GateReport { gates, attacks })
}
