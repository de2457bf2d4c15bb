//! Templates that come with the platform: four karting challenges with pages, rules, metrics and limits,
//! ready but for the data.

use chrono::{DateTime, Utc};

use super::bundle::challenge_file;
use super::bundle::{BundleError, Change};
use super::draft::ChallengeDraft;

/// A template of the platform's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedTemplate {
    /// Its name, in addresses and on the command line.
    pub name: &'static str,
    /// What the solution files must look like, in Markdown.
    pub solution_note: &'static str,
    /// A small solution that it can be posted with.
    pub solution_example: &'static str,
    files: [(&'static str, &'static str); 6],
}

macro_rules! content {
    ($name:literal, $file:literal) => {
        include_str!(concat!("../../datasets/templates/", $name, "/", $file))
    };
}

macro_rules! template {
    ($name:literal) => {
        ShippedTemplate {
            name: $name,
            solution_note: content!($name, "solution.md"),
            solution_example: content!($name, "solution.csv"),
            files: [
                (challenge_file::NAME, content!($name, "challenge.toml")),
                ("overview.md", content!($name, "overview.md")),
                ("evaluation.md", content!($name, "evaluation.md")),
                ("rules.md", content!($name, "rules.md")),
                ("prizes.md", content!($name, "prizes.md")),
                ("eligibility.md", content!($name, "eligibility.md")),
            ],
        }
    };
}

/// All of them.
pub const TEMPLATES: [ShippedTemplate; 4] = [
    template!("lap-times"),
    template!("driver-rating"),
    template!("overtaking"),
    template!("kart-quality"),
];

impl ShippedTemplate {
    /// The template of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        TEMPLATES.iter().find(|template| template.name == name)
    }

    /// Its challenge as it is written, with wide dates.
    ///
    /// # Errors
    /// None as long as the tests pass: every template is read there.
    pub fn draft(&self) -> Result<ChallengeDraft, BundleError> {
        let text = |wanted: &str| {
            let file = self.files.iter().find(|(name, _)| *name == wanted);
            file.map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| format!("there is no file {wanted}"))
        };
        let problem = |problem: String| BundleError::File {
            file: format!("{}/{}", self.name, challenge_file::NAME),
            problem,
        };
        let toml = text(challenge_file::NAME).map_err(problem)?;
        challenge_file::parse(&toml, text).map_err(|error| problem(error.to_string()))
    }

    /// The same, beginning at a time.
    ///
    /// # Errors
    /// A beginning outside of the calendar.
    pub fn draft_from(&self, starts_at: DateTime<Utc>) -> Result<ChallengeDraft, BundleError> {
        let change = Change {
            starts_at: Some(starts_at),
            ..Change::default()
        };
        change.applied(self.draft()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read_and_says_what_it_needs() {
        for template in TEMPLATES {
            let draft = template.draft().unwrap();
            draft.check().unwrap();
            assert!(draft.pages.len() >= 2, "{}", template.name);
            assert!(draft.rules.len() > 500, "{}", template.name);
            assert!(!draft.prizes.is_empty() && !draft.eligibility.is_empty());
            let header = template.solution_example.lines().next().unwrap();
            for phase in &draft.phases {
                assert!(!phase.secondary_metrics.is_empty());
                let columns: Vec<&str> = header.split(',').collect();
                assert!(columns.contains(&&*phase.solution.format.target_column));
                assert!(columns.contains(&draft.prediction_format.id_column()));
            }
        }
    }
}
