//! A board: its drivers, searched and sorted, the models behind it, and the whole as a file.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use futures_util::stream::try_unfold;
use serde::Deserialize;

use super::measures;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::platform::database::DatabaseError;
use crate::talent::board::{
    self as boards, BoardLine, BoardModel, BoardSearch, DriverProfile, RatedDriver, SortColumn,
};
use crate::talent::export::{DriversFormat, ROWS_AT_ONCE};
use crate::web::format;
use crate::web::page::Page;

/// Drivers on a page.
const PER_PAGE: i64 = 50;

/// Fewest clean laps that can be asked for.
const EVIDENCE_CHOICES: [i32; 4] = [20, 40, 100, 200];

/// What is asked for: a search, and where to begin.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(flatten)]
    search: BoardSearch,
    #[serde(default)]
    skip: Option<String>,
}

/// A driver's line.
struct DriverLine {
    driver: String,
    tier: i32,
    /// Whether it is the first of its tier, below which a line is drawn.
    starts_tier: bool,
    about: String,
    percentile: String,
    low: f64,
    point: f64,
    high: f64,
    spread: String,
    top_tenth: String,
    /// The other columns, from consistency on.
    others: Vec<measures::Written>,
    models: String,
    laps: usize,
}

struct ModelLine {
    rank: i64,
    team: String,
    score: String,
    weight: String,
    contributivity: String,
    fair_share: String,
    /// Whether another model of the board says the same.
    shares_vote: bool,
}

/// A number that can be chosen.
struct NumberChoice {
    value: String,
    text: String,
}

#[derive(Template)]
#[template(path = "talent/show.html")]
struct BoardPage {
    page: Page,
    line: BoardLine,
    drivers: Vec<DriverLine>,
    models: Vec<ModelLine>,
    search: BoardSearch,
    sort: SortColumn,
    tier_choices: Vec<NumberChoice>,
    wanted_tier: String,
    evidence_choices: Vec<NumberChoice>,
    wanted_laps: String,
    query: String,
    in_words: String,
    crowd: String,
    laps: String,
    agreement: String,
    agreement_in_words: &'static str,
    previous: String,
    next: String,
    summary: String,
}

fn no_board(slug: &str) -> Fault {
    Fault::not_found(format!("There is no talent board of a challenge `{slug}`."))
}

/// `skip` comes through a flattened query, in which numbers are texts.
fn skip(asked: &Asked) -> Result<i64, Fault> {
    let text = asked.skip.as_deref().unwrap_or("0");
    let number = text
        .parse()
        .ok()
        .filter(|skip| (0..=1_000_000).contains(skip));
    number.ok_or_else(|| {
        Fault::invalid(
            "skip",
            "skip: give how many drivers to leave out, from 0 on",
        )
    })
}

pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    slug: Path<String>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    let skipped = skip(&asked)?;
    let search = asked.into_inner().search;
    let wanted = search.clone();
    let (line, mut drivers, models) = state
        .database
        .read(move |connection| {
            let line = boards::find(connection, &slug)?.ok_or_else(|| no_board(&slug))?;
            let drivers = boards::search(connection, line.id, &wanted, skipped, PER_PAGE + 1)?;
            let models = boards::models_of(connection, line.id)?;
            Ok::<_, Fault>((line, drivers, models))
        })
        .await?;
    let more = drivers.len() as i64 > PER_PAGE;
    drivers.truncate(PER_PAGE as usize);
    let query = search.query();
    let number = |wanted: Option<i32>| wanted.map(|n| n.to_string()).unwrap_or_default();
    let at = |skip: i64| {
        format!(
            "?{query}{}skip={skip}",
            if query.is_empty() { "" } else { "&" }
        )
    };
    let shown = BoardPage {
        page: Page::new(&request, "talent"),
        summary: match drivers.len() as i64 {
            0 => String::new(),
            count => format!("Drivers {} to {}", skipped + 1, skipped + count),
        },
        previous: match skipped {
            0 => String::new(),
            skipped => at((skipped - PER_PAGE).max(0)),
        },
        next: if more {
            at(skipped + PER_PAGE)
        } else {
            String::new()
        },
        sort: search.sort.unwrap_or(SortColumn::Consensus),
        tier_choices: (1..line.board.tiers)
            .map(|tier| NumberChoice {
                value: tier.to_string(),
                text: match tier {
                    1 => "Tier 1 alone".to_owned(),
                    tier => format!("Tier 1 to {tier}"),
                },
            })
            .collect(),
        wanted_tier: number(search.up_to_tier),
        evidence_choices: EVIDENCE_CHOICES
            .iter()
            .map(|laps| NumberChoice {
                value: laps.to_string(),
                text: format!("At least {laps} laps"),
            })
            .collect(),
        wanted_laps: number(search.fewest_laps),
        drivers: driver_lines(drivers, &search),
        models: model_lines(&models),
        in_words: search.in_words(),
        query,
        search,
        crowd: crowd_in_words(&line),
        laps: format::count(line.board.laps as u64),
        agreement: line
            .board
            .agreement
            .map_or_else(|| "–".into(), |w| format!("{w:.2}")),
        agreement_in_words: agreement_in_words(line.board.agreement),
        line,
    };
    shown.page.show(&shown)
}

fn driver_lines(drivers: Vec<RatedDriver>, search: &BoardSearch) -> Vec<DriverLine> {
    let by_consensus = search.sort.is_none_or(|sort| sort == SortColumn::Consensus);
    let mut last_tier = None;
    let tenth = |percent: f64| (percent * 10.0).round() / 10.0;
    let line = |driver: RatedDriver| {
        let about = [&driver.class, &driver.age_band, &driver.region];
        let about: Vec<&str> = about.into_iter().flatten().map(String::as_str).collect();
        let DriverProfile {
            measures, models, ..
        } = &driver.profile;
        let percentile = &measures.pace_percentile;
        let value = percentile.value.unwrap_or_default();
        let (low, high) = (
            percentile.low.unwrap_or(value),
            percentile.high.unwrap_or(value),
        );
        let opinions = || models.iter().map(|model| model.percentile);
        DriverLine {
            tier: driver.tier,
            starts_tier: by_consensus
                && last_tier
                    .replace(driver.tier)
                    .is_some_and(|last| last != driver.tier),
            about: about.join(", "),
            percentile: format!("{value:.0}"),
            low: tenth(low),
            point: tenth(value),
            high: tenth(high),
            spread: format!("{low:.0} to {high:.0}"),
            top_tenth: measures::chance(&measures.top_tenth),
            // Percentile, chance and pace have columns of their own.
            others: measures::all(measures)
                .into_iter()
                .skip(3)
                .take(6)
                .collect(),
            models: match models.len() {
                0 | 1 => "one model".to_owned(),
                _ => format!(
                    "{:.0} to {:.0}",
                    opinions().fold(f64::INFINITY, f64::min),
                    opinions().fold(f64::NEG_INFINITY, f64::max)
                ),
            },
            laps: measures.laps,
            driver: driver.driver,
        }
    };
    drivers.into_iter().map(line).collect()
}

fn model_lines(models: &[BoardModel]) -> Vec<ModelLine> {
    let scores: Vec<f64> = models.iter().map(|model| model.private_score).collect();
    let percent = |share: Option<f64>| {
        share.map_or_else(
            || "–".to_owned(),
            |share| format!("{:+.2} %", 100.0 * share).replace('-', "−"),
        )
    };
    models
        .iter()
        .zip(format::scores(&scores))
        .map(|(model, score)| ModelLine {
            rank: model.rank,
            team: model.team.clone(),
            score,
            weight: format!("{:.0} %", 100.0 * model.weight),
            contributivity: percent(model.leave_one_out),
            fair_share: percent(model.fair_share),
            shares_vote: models
                .iter()
                .filter(|other| other.cluster == model.cluster)
                .count()
                > 1,
        })
        .collect()
}

/// Whether the crowd was wiser than its wisest, either way.
fn crowd_in_words(line: &BoardLine) -> String {
    let Some(crowd) = &line.board.crowd else {
        return "Whether the consensus is better than the best single model cannot be told: the truth of too few \
                drivers is known that its weights were not learned from."
            .to_owned();
    };
    let verdict = if crowd.lead_low > 0.0 {
        "is better than"
    } else if crowd.consensus > crowd.best {
        "is ahead of, but within chance of,"
    } else {
        "does not beat"
    };
    format!(
        "The consensus {verdict} the best single model. Over {} drivers from whom its weights were not learned, its \
         rank correlation with the truth is {:.3}; that of the model of {}, the best in hindsight, is {:.3} \
         (difference {:+.3} to {:+.3} with 95 % confidence).",
        crowd.drivers,
        crowd.consensus,
        crowd.best_team,
        crowd.best,
        crowd.lead_low,
        crowd.lead_high
    )
}

/// Kendall's W in words, by the bounds that Schmidt (1997) gives for expert panels.
fn agreement_in_words(w: Option<f64>) -> &'static str {
    let Some(w) = w else {
        return "There is only one model, so nobody knows whether another would agree.";
    };
    match w {
        w if w >= 0.9 => "The models agree almost completely.",
        w if w >= 0.7 => "The models agree strongly.",
        w if w >= 0.5 => "The models agree moderately: read the spread before the order.",
        w if w >= 0.3 => "The models agree weakly: the order says little, the spread says more.",
        _ => "The models do not agree: this order is hardly better than chance.",
    }
}

pub async fn export(
    state: Data<State>,
    path: Path<(String, String)>,
    asked: Query<BoardSearch>,
) -> Result<HttpResponse, Fault> {
    let (slug, format) = path.into_inner();
    let format: DriversFormat = format
        .parse()
        .map_err(|_| Fault::not_found("Drivers are served as .csv and as .json."))?;
    let asked_slug = slug.clone();
    let line = state
        .database
        .read(move |connection| {
            boards::find(connection, &asked_slug)?.ok_or_else(|| no_board(&asked_slug))
        })
        .await?;
    let (database, search) = (state.database.clone(), asked.into_inner());
    let pages = try_unfold(Some(0), move |place| {
        let (database, search) = (database.clone(), search.clone());
        async move {
            let Some(skip) = place else {
                return Ok::<_, DatabaseError>(None);
            };
            let drivers = database
                .read(move |connection| {
                    boards::search(connection, line.id, &search, skip, ROWS_AT_ONCE)
                })
                .await?;
            let is_last = (drivers.len() as i64) < ROWS_AT_ONCE;
            let text = format.page(&drivers, skip == 0, is_last);
            let next = (!is_last).then_some(skip + ROWS_AT_ONCE);
            Ok(Some((Bytes::from(text), next)))
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.media_type()))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{slug}-talent.{format}\""),
        ))
        .streaming(Box::pin(pages)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_agreement_is_never_called_strong() {
        assert!(agreement_in_words(Some(0.95)).contains("almost completely"));
        assert!(agreement_in_words(Some(0.7)).contains("strongly"));
        assert!(agreement_in_words(Some(0.4)).contains("weakly"));
        assert!(agreement_in_words(Some(0.1)).contains("do not agree"));
        assert!(agreement_in_words(None).contains("only one model"));
        assert!(agreement_in_words(Some(f64::NAN)).contains("do not agree"));
    }
}
