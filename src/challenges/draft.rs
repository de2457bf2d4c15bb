//! What an organizer writes: a challenge before it is posted, and the rules that it has to keep.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::challenge::{ChallengeError, Page, invalid};
use crate::platform::slug::is_slug;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::predictions::PredictionFormat;
use crate::scoring::rule::ScoringRule;
use crate::scoring::runtimes::OnnxContract;
use crate::scoring::sandbox::Limits;
use crate::scoring::worker::SolutionSpec;

/// What an organizer writes to post a challenge: a form of the console, a TOML file of the command
/// line, or JSON of the API. Solutions travel beside it.
#[derive(Debug, Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeDraft {
    /// Its address: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Its name.
    pub title: String,
    /// What it asks, in a sentence.
    pub tagline: String,
    /// The slug of the dataset whose newest release its competitors work with.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Whether its predictions rate drivers.
    #[serde(default)]
    pub rates_drivers: bool,
    /// What a predictions file must hold.
    pub prediction_format: PredictionFormat,
    /// What may be sent: predictions alone where nothing is said.
    #[serde(default = "predictions_alone")]
    pub kinds: Vec<SubmissionKind>,
    /// The inputs and outputs of an ONNX model, where those may be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onnx: Option<OnnxContract>,
    /// What a run of a model or a scoring program may use.
    #[serde(default)]
    pub run_limits: Limits,
    /// The rules, in Markdown.
    pub rules: String,
    /// Its pages; the first is the overview.
    #[serde(default)]
    pub pages: Vec<Page>,
    /// What can be won, in Markdown; empty where nothing can.
    #[serde(default)]
    pub prizes: String,
    /// Who may win it, in Markdown; empty where everybody may.
    #[serde(default)]
    pub eligibility: String,
    /// The IANA name of its time zone: a day of the limits begins at its midnight.
    #[serde(default)]
    #[schema(value_type = String, example = "Europe/Rome")]
    pub time_zone: Tz,
    /// Who may join.
    #[serde(default)]
    pub joining: Joining,
    /// The most members of a team.
    #[serde(default = "five")]
    pub max_team_size: u32,
    /// From then on teams stay as they are; where nothing is said, until the last phase ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams_locked_at: Option<DateTime<Utc>>,
    /// How many submissions a team may choose for the private board; 0: its best public one stands.
    #[serde(default = "two")]
    pub final_selections: u32,
    /// Its phases in order.
    pub phases: Vec<PhaseDraft>,
}

/// A phase as an organizer writes it.
#[derive(Debug, Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseDraft {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// How submissions are scored: a key of the metric catalogue, or `program:KEY:lower` and
    /// `program:KEY:higher` for a number that the organizer's scoring program writes.
    #[schema(value_type = String, example = "rmse")]
    pub metric: ScoringRule,
    /// Counted submissions a day and team.
    pub submissions_per_day: u32,
    /// Counted submissions in the phase and team.
    pub submissions_total: u32,
    /// The largest file that is accepted, in bytes.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u64,
    /// How the solution is read and split.
    pub solution: SolutionSpec,
    /// A file of the dataset's newest release that models predict from, such as `test.csv`. Without it
    /// features are sent with the solution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_file: Option<String>,
    /// Whether features that are sent are kept from competitors, and with them what their models
    /// print.
    #[serde(default = "yes")]
    pub features_hidden: bool,
    /// Minutes after the end in which an upload still counts as in time.
    #[serde(default)]
    pub grace_minutes: u32,
    /// What becomes of those that come later still.
    #[serde(default)]
    pub late: LatePolicy,
    /// Which submissions of the phase before are scored here too, on this phase's own solution.
    #[serde(default)]
    pub carry_over: CarryOver,
    /// Other metrics that the board shows; some of them may break ties, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secondary_metrics: Vec<SecondaryMetric>,
    /// Whether the public board moves only by improvements that are more than noise (the Ladder of Blum
    /// and Hardt, 2015). Where nothing is said: if the public split has fewer rows than
    /// [`SMALL_PUBLIC_SPLIT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<bool>,
    /// Decimals of the public scores on the board; all where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_digits: Option<u32>,
}

/// A public split with fewer rows can be learned from its scores alone.
pub const SMALL_PUBLIC_SPLIT: usize = 2_000;

crate::text_enum! {
    /// Who may join a challenge.
    #[derive(Default)]
    pub enum Joining {
        /// Everybody who accepts the rules.
        #[default]
        Open = "open",
        /// Whoever asks and is let in by the organizer.
        Approval = "approval",
        /// Whoever has the invitation's link, or is on the organizer's list.
        Invited = "invited",
    }
}

crate::text_enum! {
    /// What becomes of submissions after a phase's end and its grace.
    #[derive(Default)]
    pub enum LatePolicy {
        /// They are not accepted.
        #[default]
        Refused = "refused",
        /// They are scored, and never rank.
        Unranked = "unranked",
    }
}

crate::text_enum! {
    /// Which submissions are scored in the next phase too.
    #[derive(Default)]
    pub enum CarryOver {
        /// None: everybody begins anew.
        #[default]
        None = "none",
        /// What a team chose, or else its best.
        Best = "best",
        /// All that have a score.
        All = "all",
    }
}

/// Another metric of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondaryMetric {
    /// A key of the metric catalogue, or a number of the scoring program.
    #[schema(value_type = String, example = "mae")]
    pub metric: ScoringRule,
    /// Whether it orders teams whose scores before it are equal.
    #[serde(default)]
    pub breaks_ties: bool,
}

/// The most secondary metrics of a phase.
const MOST_SECONDARY_METRICS: usize = 8;

impl PhaseDraft {
    /// What the board shows, and how long after the end it still moves.
    pub(super) fn check_board(&self, field: &dyn Fn(&str) -> String) -> Result<(), ChallengeError> {
        if self.grace_minutes > 7 * 24 * 60 {
            return invalid(field("grace_minutes"), "allow at most a week of grace");
        }
        if self.public_digits.is_some_and(|digits| digits > 12) {
            return invalid(field("public_digits"), "write 0 to 12 decimals");
        }
        if self.secondary_metrics.len() > MOST_SECONDARY_METRICS {
            return invalid(
                field("secondary_metrics"),
                format!("name at most {MOST_SECONDARY_METRICS}"),
            );
        }
        for (index, other) in self.secondary_metrics.iter().enumerate() {
            let before = &self.secondary_metrics[..index];
            let is_repeated = before.iter().any(|known| known.metric == other.metric);
            if is_repeated || other.metric == self.metric {
                return invalid(
                    field("secondary_metrics"),
                    format!(
                        "`{}` stands there already; name each metric once",
                        other.metric
                    ),
                );
            }
            if other.metric.program().is_some() != self.metric.program().is_some() {
                return invalid(
                    field("secondary_metrics"),
                    "all of a phase's scores come from the catalogue, or all from its program",
                );
            }
        }
        Ok(())
    }

    /// Whether competitors may not see what models predict from.
    pub fn hides_features(&self) -> bool {
        self.features_hidden && self.features_file.is_none()
    }
}

fn predictions_alone() -> Vec<SubmissionKind> {
    vec![SubmissionKind::Predictions]
}

fn yes() -> bool {
    true
}

fn five() -> u32 {
    5
}

fn two() -> u32 {
    2
}

fn default_max_bytes() -> u64 {
    64 << 20
}

/// Addresses that are pages themselves where challenges are listed.
const RESERVED: [&str; 3] = ["new", "import", "templates"];

impl ChallengeDraft {
    /// Checks what can be checked without the database and the solutions.
    pub fn check(&self) -> Result<(), ChallengeError> {
        if !is_slug(&self.slug) {
            return invalid("slug", "use 2 to 60 lower-case letters, digits and hyphens");
        }
        if RESERVED.contains(&self.slug.as_str()) {
            return invalid(
                "slug",
                "a page of the platform has this address; choose another",
            );
        }
        for (field, text, most) in [("title", &self.title, 120), ("tagline", &self.tagline, 300)] {
            if text.trim().is_empty() || text.chars().count() > most {
                return invalid(field, format!("write 1 to {most} characters"));
            }
        }
        if self.rules.trim().is_empty() {
            return invalid("rules", "write the rules that competitors accept");
        }
        if self.phases.is_empty() {
            return invalid("phases", "a challenge needs at least one phase");
        }
        for (index, phase) in self.phases.iter().enumerate() {
            let field = |name: &str| format!("phases[{index}].{name}");
            if phase.name.trim().is_empty() {
                return invalid(field("name"), "name the phase");
            }
            if phase.ends_at <= phase.starts_at {
                return invalid(field("ends_at"), "a phase ends after it starts");
            }
            if index > 0 && phase.starts_at < self.phases[index - 1].ends_at {
                return invalid(
                    field("starts_at"),
                    "a phase starts when the one before it is over",
                );
            }
            if phase.submissions_per_day == 0 || phase.submissions_total == 0 {
                return invalid(
                    field("submissions_per_day"),
                    "allow at least one submission",
                );
            }
            if phase.features_file.is_some() && self.dataset.is_none() {
                return invalid(
                    field("features_file"),
                    "this is a file of the challenge's dataset; name that in `dataset`",
                );
            }
            phase.check_board(&field)?;
            if index == 0 && phase.carry_over != CarryOver::None {
                return invalid(
                    field("carry_over"),
                    "the first phase has none before it; write `none`",
                );
            }
            if !(1..=(1 << 30)).contains(&phase.max_bytes) {
                return invalid(field("max_bytes"), "allow from 1 byte to 1 GiB");
            }
        }
        if !(1..=100).contains(&self.max_team_size) {
            return invalid("max_team_size", "a team has 1 to 100 members");
        }
        if self.final_selections > 20 {
            return invalid("final_selections", "let a team choose at most 20");
        }
        self.check_kinds()?;
        check_pages(&self.pages)
    }

    fn check_kinds(&self) -> Result<(), ChallengeError> {
        if self.kinds.is_empty() {
            return invalid("kinds", "take at least one kind of submission");
        }
        for (index, kind) in self.kinds.iter().enumerate() {
            if self.kinds[..index].contains(kind) {
                return invalid("kinds", format!("`{kind}` stands there twice"));
            }
        }
        match (&self.onnx, self.kinds.contains(&SubmissionKind::Onnx)) {
            (None, true) => return invalid("onnx", "say which inputs and outputs a model has"),
            (Some(_), false) => {
                return invalid("onnx", "this is for challenges that take the kind `onnx`");
            }
            (Some(contract), true) => {
                if let Err(error) = contract.check(&self.prediction_format) {
                    return invalid("onnx", error.to_string());
                }
            }
            (None, false) => {}
        }
        if let Err(error) = self.run_limits.check() {
            return invalid("run_limits", error.to_string());
        }
        Ok(())
    }

    /// Whether it takes what has to be run, and so needs features.
    pub fn takes_models(&self) -> bool {
        self.kinds.iter().any(|kind| kind.is_model())
    }
}

/// Checks that pages have addresses of their own.
pub(super) fn check_pages(pages: &[Page]) -> Result<(), ChallengeError> {
    for (index, page) in pages.iter().enumerate() {
        let same = |other: &Page| other.slug == page.slug;
        if !is_slug(&page.slug) || pages[..index].iter().any(same) {
            return invalid(
                format!("pages[{index}].slug"),
                "use lower-case letters, digits and hyphens, and each slug once",
            );
        }
    }
    Ok(())
}
