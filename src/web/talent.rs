//! Talent boards: what the crowd's best models together say of the drivers, for scouts.

use actix_web::web::{Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::format;
use super::page::{Page, get};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::talent::board::{self, BoardLine, TalentBoard};

/// Boards on a page of the list.
const PAGE: usize = 30;

/// The routes of this group.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/talent", get().to(list))
        .route("/talent/{slug}", get().to(show));
}

/// Where a page of the list begins.
#[derive(Deserialize)]
struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "talent/list.html")]
struct ListPage {
    page: Page,
    boards: Vec<BoardLine>,
    next: String,
}

async fn list(
    state: Data<State>,
    request: HttpRequest,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let before = paging.before;
    let mut boards = state
        .database
        .read(move |connection| board::list(connection, before, PAGE as i64 + 1))
        .await?;
    let more = boards.len() > PAGE;
    boards.truncate(PAGE);
    let list = ListPage {
        page: Page::new(&request, "talent"),
        next: match boards.last() {
            Some(last) if more => format!("?before={}", last.id),
            _ => String::new(),
        },
        boards,
    };
    list.page.show(&list)
}

/// A driver's line: the consensus, and how far the models are apart.
struct DriverLine {
    driver: String,
    tier: u32,
    /// Whether it is the first of its tier, below which a line is drawn.
    starts_tier: bool,
    percentile: String,
    low: f64,
    point: f64,
    high: f64,
    spread: String,
}

struct ModelLine {
    rank: i64,
    team: String,
    score: String,
}

#[derive(Template)]
#[template(path = "talent/show.html")]
struct BoardPage {
    page: Page,
    board: BoardLine,
    drivers: Vec<DriverLine>,
    models: Vec<ModelLine>,
    tiers: u32,
    metric: String,
    agreement: String,
    agreement_in_words: &'static str,
}

async fn show(
    state: Data<State>,
    request: HttpRequest,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    let not_found = format!("There is no talent board of a challenge `{slug}`.");
    let (line, board) = state
        .database
        .read(move |connection| board::find(connection, &slug))
        .await?
        .ok_or_else(|| Fault::not_found(not_found))?;
    let shown = BoardPage {
        page: Page::new(&request, "talent"),
        drivers: drivers(&board),
        models: models(&board),
        tiers: board
            .drivers
            .iter()
            .map(|driver| driver.tier)
            .max()
            .unwrap_or_default(),
        agreement: board
            .agreement
            .map_or_else(|| "–".into(), |w| format!("{w:.2}")),
        agreement_in_words: agreement_in_words(board.agreement),
        metric: board.metric,
        board: line,
    };
    shown.page.show(&shown)
}

fn drivers(board: &TalentBoard) -> Vec<DriverLine> {
    let mut last_tier = None;
    let tenth = |percent: f64| (percent * 10.0).round() / 10.0;
    board
        .drivers
        .iter()
        .map(|driver| DriverLine {
            driver: driver.driver.clone(),
            tier: driver.tier,
            starts_tier: last_tier
                .replace(driver.tier)
                .is_some_and(|last| last != driver.tier),
            percentile: format!("{:.0}", driver.percentile),
            low: tenth(driver.low),
            point: tenth(driver.percentile),
            high: tenth(driver.high),
            spread: format!("{:.0} to {:.0}", driver.low, driver.high),
        })
        .collect()
}

fn models(board: &TalentBoard) -> Vec<ModelLine> {
    let scores: Vec<f64> = board
        .models
        .iter()
        .map(|model| model.private_score)
        .collect();
    board
        .models
        .iter()
        .zip(format::scores(&scores))
        .map(|(model, score)| ModelLine {
            rank: model.rank,
            team: model.team.clone(),
            score,
        })
        .collect()
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
