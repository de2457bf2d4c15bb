//! What a challenge makes of a competition.

use std::path::Path;

use chrono_tz::Tz;

use super::competition::{Competition, FileName};
use super::{
    COMPETITION, CodabenchError, Files, Found, Imported, MissingEntry, NotCarried, Options,
    competition, competition_path, pages,
};
use crate::challenges::challenge::Page;
use crate::challenges::draft::{
    CarryOver, ChallengeDraft, Joining, LatePolicy, PhaseDraft, SecondaryMetric,
};
use crate::scoring::intake::Entries;
use crate::scoring::kind::SubmissionKind;
use crate::scoring::metrics::Direction;
use crate::scoring::rule::ScoringRule;
use crate::scoring::worker::SolutionSpec;

/// The largest page or `competition.yaml`.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// The most other columns that a board has here.
const MOST_COLUMNS: usize = 8;

/// Makes a challenge of an unpacked bundle. `made` is an empty folder for the files that have to be written
/// anew.
///
/// # Errors
/// What is broken, by the file or field; what merely has no place in a challenge is told in the list.
pub fn import(
    folder: &Path,
    entries: &Entries,
    made: &Path,
    options: &Options,
) -> Result<Imported, CodabenchError> {
    let path = competition_path(entries).ok_or_else(|| {
        CodabenchError::Missing(vec![MissingEntry {
            file: COMPETITION[0].to_owned(),
            field: "every bundle".to_owned(),
        }])
    })?;
    let files = Files {
        folder,
        base: path.rfind('/').map_or("", |end| &path[..=end]),
        entries,
    };
    let yaml = std::fs::read(folder.join(path))?;
    if yaml.len() as u64 > MAX_TEXT_BYTES {
        let problem = format!("it is longer than {MAX_TEXT_BYTES} bytes");
        return Err(CodabenchError::Yaml(problem));
    }
    let yaml = String::from_utf8(yaml)
        .map_err(|_| CodabenchError::Yaml("it is not UTF-8; save it as UTF-8".to_owned()))?;
    let competition = competition::read(&yaml)?;
    check_files(&competition, &files)?;
    std::fs::create_dir_all(made)?;
    let import = Import {
        competition: &competition,
        files: &files,
        made,
        options,
        carried: Vec::new(),
        not_carried: Vec::new(),
    };
    import.run()
}

/// Every file that the competition names must be in the bundle; all that are not are told at once.
fn check_files(competition: &Competition, files: &Files<'_>) -> Result<(), CodabenchError> {
    let of_pages = competition
        .pages
        .iter()
        .filter_map(|page| page.file.as_ref());
    let of_phases = competition
        .phases
        .iter()
        .flat_map(|phase| [&phase.public_data, &phase.starting_kit]);
    let of_tasks = competition.tasks.iter().flat_map(|task| {
        [
            &task.scoring_program,
            &task.reference_data,
            &task.input_data,
            &task.ingestion_program,
        ]
    });
    let missing: Vec<MissingEntry> = [&competition.terms, &competition.image]
        .into_iter()
        .chain(of_phases)
        .chain(of_tasks)
        .flatten()
        .chain(of_pages)
        .chain(&competition.solutions)
        .filter(|file| files.find(&file.path).is_none())
        .map(|file| MissingEntry {
            file: file.path.clone(),
            field: file.field.clone(),
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(CodabenchError::Missing(missing))
    }
}

/// An import under way.
pub(super) struct Import<'a> {
    pub(super) competition: &'a Competition,
    pub(super) files: &'a Files<'a>,
    pub(super) made: &'a Path,
    pub(super) options: &'a Options,
    pub(super) carried: Vec<String>,
    pub(super) not_carried: Vec<NotCarried>,
}
impl Import<'_> {
    fn run(mut self) -> Result<Imported, CodabenchError> {
        let pages = self.pages()?;
        let rules = self.rules()?;
        let (metric, secondary_metrics, public_digits) = self.metrics()?;
        let dates = self.dates();
        let mut of_tasks = Vec::new();
        for index in 0..self.competition.phases.len() {
            let found = self.task(index)?;
            of_tasks.push(found);
        }
        let (prediction_format, spec) = self.formats(&mut of_tasks)?;
        let mut phases = Vec::new();
        for (index, (phase, (starts_at, ends_at))) in
            self.competition.phases.iter().zip(dates).enumerate()
        {
            let (submissions_per_day, submissions_total) = self.limits(phase);
            phases.push(PhaseDraft {
                name: phase.name.clone(),
                starts_at,
                ends_at,
                metric: metric.clone(),
                submissions_per_day,
                submissions_total,
                max_bytes: 64 << 20,
                solution: SolutionSpec {
                    split_seed: self.options.seed.wrapping_add(index as u64),
                    ..spec.clone()
                },
                features_file: None,
                features_hidden: true,
                grace_minutes: 0,
                late: LatePolicy::Refused,
                carry_over: match phase.migrates && index > 0 {
                    true => CarryOver::All,
                    false => CarryOver::None,
                },
                secondary_metrics: secondary_metrics.clone(),
                ladder: None,
                public_digits,
            });
        }
        self.other_things();
        let draft = ChallengeDraft {
            slug: self
                .options
                .slug
                .clone()
                .unwrap_or_else(|| slug_of(&self.competition.title, "competition")),
            title: shortened(&self.competition.title, 120),
            tagline: self.tagline(),
            dataset: None,
            rates_drivers: false,
            prediction_format,
            kinds: vec![SubmissionKind::Predictions],
            onnx: None,
            run_limits: self.run_limits(),
            rules,
            pages,
            prizes: self.competition.reward.clone().unwrap_or_default(),
            eligibility: String::new(),
            time_zone: Tz::UTC,
            joining: match self.competition.auto_approve {
                Some(false) => Joining::Approval,
                _ => Joining::Open,
            },
            max_team_size: 1,
            teams_locked_at: None,
            final_selections: self.final_selections(),
            phases,
        };
        Ok(Imported {
            draft,
            files: of_tasks.into_iter().map(|task| task.files).collect(),
            carried: self.carried,
            not_carried: self.not_carried,
        })
    }

    pub(super) fn leave(
        &mut self,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let note = NotCarried::new(what, why, remedy);
        if !self.not_carried.contains(&note) {
            self.not_carried.push(note);
        }
    }

    fn text(&self, file: &FileName) -> Result<Vec<u8>, CodabenchError> {
        match self.files.find(&file.path) {
            Some(Found::File(path)) if path.metadata()?.len() <= MAX_TEXT_BYTES => {
                Ok(std::fs::read(path)?)
            }
            Some(Found::File(_)) => Err(CodabenchError::Field {
                field: file.field.clone(),
                problem: format!("`{}` is longer than {MAX_TEXT_BYTES} bytes", file.path),
            }),
            _ => Err(CodabenchError::Field {
                field: file.field.clone(),
                problem: format!("`{}` is a folder; name a Markdown or HTML file", file.path),
            }),
        }
    }

    fn pages(&mut self) -> Result<Vec<Page>, CodabenchError> {
        let mut pages: Vec<Page> = Vec::new();
        for (number, entry) in (1..).zip(&self.competition.pages) {
            let Some(file) = &entry.file else { continue };
            let body = pages::to_markdown(&file.path, &self.text(file)?);
            if pages::has_own_images(&body) {
                self.leave(
                    format!("the images of the page {}", file.path),
                    "pages hold text, and images only by their address on the web",
                    "put them on a web server and name their address, or say it in words",
                );
            }
            let title = match entry.title.as_str() {
                "" => format!("Page {number}"),
                title => title.to_owned(),
            };
            let mut slug = slug_of(&title, "page");
            if pages.iter().any(|page| page.slug == slug) {
                slug = format!("{}-{number}", &slug[..slug.len().min(50)]);
            }
            pages.push(Page { slug, title, body });
        }
        if !pages.is_empty() {
            self.carried.push(format!("{} pages", pages.len()));
        }
        Ok(pages)
    }

    fn rules(&mut self) -> Result<String, CodabenchError> {
        if let Some(terms) = &self.competition.terms {
            let rules = pages::to_markdown(&terms.path, &self.text(terms)?);
            if !rules.trim().is_empty() {
                self.carried.push("the terms, as the rules".to_owned());
                return Ok(rules);
            }
        }
        self.leave(
            "the terms",
            "the bundle has none, and competitors accept rules before they submit",
            "write the rules",
        );
        Ok("The rules are on the pages of this challenge.\n".to_owned())
    }

    /// The first board: its first column ranks, the others are shown.
    fn metrics(
        &mut self,
    ) -> Result<(ScoringRule, Vec<SecondaryMetric>, Option<u32>), CodabenchError> {
        let board = &self.competition.board;
        if self.competition.boards > 1 {
            self.leave(
                format!("{} more leaderboards", self.competition.boards - 1),
                "a challenge has one leaderboard",
                "clone the challenge for each of the others, or show their columns here",
            );
        }
        let mut primary = None;
        let mut secondary: Vec<SecondaryMetric> = Vec::new();
        for (place, column) in board.columns.iter().enumerate() {
            let better = match column.direction {
                Direction::LowerIsBetter => "lower",
                Direction::HigherIsBetter => "higher",
            };
            let rule = format!("program:{}:{better}", column.key).parse::<ScoringRule>();
            let what = format!("the column {}", column.key);
            match rule {
                Err(error) if place == board.primary => {
                    return Err(CodabenchError::Field {
                        field: format!("{}.key", column.field),
                        problem: error.to_string(),
                    });
                }
                Err(error) => self.leave(what, error.to_string(), "give it a plain key"),
                _ if place == board.primary && column.is_computed => {
                    return Err(CodabenchError::Field {
                        field: format!("{}.computation", column.field),
                        problem: "the column that ranks is computed from others; let the scoring program write it"
                            .to_owned(),
                    });
                }
                Ok(rule) if place == board.primary => primary = Some((rule, column.precision)),
                Ok(_) if column.is_hidden => self.leave(
                    what,
                    "it is hidden, and a board shows all of its columns",
                    "leave it out, or show it: add it to `secondary_metrics`",
                ),
                Ok(_) if column.is_computed => self.leave(
                    what,
                    "it is computed from other columns",
                    "let the scoring program write it",
                ),
                Ok(_) if secondary.len() == MOST_COLUMNS => self.leave(
                    what,
                    format!("a board shows {MOST_COLUMNS} columns beside the one that ranks"),
                    "leave it out",
                ),
                Ok(metric) => secondary.push(SecondaryMetric {
                    metric,
                    breaks_ties: false,
                }),
            }
        }
        let Some((metric, precision)) = primary else {
            return Err(CodabenchError::Field {
                field: format!("{}.columns", board.field),
                problem: "no column ranks".to_owned(),
            });
        };
        secondary.retain(|other| other.metric != metric);
        self.carried.push(format!(
            "the leaderboard, ranked by {metric}, with {} more columns",
            secondary.len()
        ));
        Ok((metric, secondary, precision.map(|digits| digits.min(12))))
    }

    fn final_selections(&mut self) -> u32 {
        match self.competition.board.submission_rule.as_deref() {
            Some("Force_Best") => 0,
            None => 2,
            Some(rule) => {
                self.leave(
                    format!("the submission rule {rule}"),
                    "here a team's best public score stands, unless it chooses itself which submissions decide",
                    "set `final_selections`: 0 for the best alone, or how many a team may choose",
                );
                2
            }
        }
    }

    fn tagline(&self) -> String {
        let words: Vec<&str> = self.competition.description.split_whitespace().collect();
        match words.join(" ").as_str() {
            "" => shortened(&self.competition.title, 300),
            text => shortened(text, 300),
        }
    }

    /// What stands beside pages, phases and tasks.
    fn other_things(&mut self) {
        let competition = self.competition;
        if let Some(image) = &competition.image {
            self.leave(
                format!("the image {}", image.path),
                "challenges have no image",
                "leave it out",
            );
        }
        if let Some(docker) = &competition.docker_image {
            self.leave(
                format!("the Docker image {docker}"),
                "programs run in the platform's own sandbox: Python with numpy, pandas, polars, pyarrow, scipy, \
                 scikit-learn, LightGBM, XGBoost and ONNX Runtime",
                "see that the scoring program needs nothing else; put what it needs into its zip",
            );
        }
        for solution in &competition.solutions {
            self.leave(
                format!("the example solution {}", solution.path),
                "examples are entries like any other",
                "submit it yourself when the challenge is open",
            );
        }
        for key in &competition.other_keys {
            self.leave(
                format!("the setting {key}"),
                "a challenge has none of this kind",
                "leave it out",
            );
        }
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    short.push('…');
    short
}

/// A text as an address: `Iris Challenge!` is `iris-challenge`.
fn slug_of(text: &str, otherwise: &str) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        if slug.len() >= 60 {
            break;
        }
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.len() < 2 {
        return otherwise.to_owned();
    }
    slug.to_owned()
}
