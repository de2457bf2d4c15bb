//! Two to four drivers of a board side by side.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::measures::{self, Written};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::talent::board::{self as boards, BoardLine, Measure, RatedDriver};
use crate::web::page::Page;

/// Drivers that fit side by side.
const MOST: usize = 4;

/// A measure of all of them.
struct Row {
    title: &'static str,
    meaning: &'static str,
    cells: Vec<Cell>,
}

struct Cell {
    value: String,
    range: String,
    /// Whether the interval lies apart from all others', on the better side.
    is_best: bool,
}

#[derive(Template)]
#[template(path = "talent/compare.html")]
struct ComparePage {
    page: Page,
    line: BoardLine,
    drivers: Vec<RatedDriver>,
    rows: Vec<Row>,
    verdict: String,
    /// What is wrong with what was asked; empty: nothing.
    problem: String,
}

pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    slug: Path<String>,
) -> Result<HttpResponse, Fault> {
    let slug = slug.into_inner();
    // A checkbox each: the name comes again and again, which structures of a query cannot hold.
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string())
        .map_err(|error| Fault::invalid("driver", format!("driver: {error}")))?;
    let mut asked: Vec<String> = pairs
        .into_iter()
        .filter(|(name, _)| name == "driver")
        .map(|(_, driver)| driver)
        .collect();
    asked.sort();
    asked.dedup();
    let problem = match asked.len() {
        0 | 1 => format!("Choose two to {MOST} drivers on the board."),
        2..=MOST => String::new(),
        count => format!("{count} drivers do not fit side by side; these are the first {MOST}."),
    };
    asked.truncate(MOST);
    let (line, drivers) = state
        .database
        .read(move |connection| {
            let line = boards::find(connection, &slug)?.ok_or_else(|| {
                Fault::not_found(format!("There is no talent board of a challenge `{slug}`."))
            })?;
            let drivers = boards::find_drivers(connection, line.id, &asked)?;
            Ok::<_, Fault>((line, drivers))
        })
        .await?;
    let shown = ComparePage {
        page: Page::new(&request, "talent"),
        rows: rows(&drivers),
        verdict: verdict(&drivers),
        line,
        drivers,
        problem,
    };
    shown.page.show(&shown)
}

fn rows(drivers: &[RatedDriver]) -> Vec<Row> {
    let columns: Vec<Vec<Written>> = drivers
        .iter()
        .map(|driver| measures::all(&driver.profile.measures))
        .collect();
    let Some(first) = columns.first() else {
        return Vec::new();
    };
    (0..first.len())
        .map(|row| {
            let of_drivers: Vec<&Written> = columns.iter().map(|column| &column[row]).collect();
            let cells = of_drivers.iter().enumerate().map(|(index, written)| Cell {
                value: written.value.clone(),
                range: written.range.clone(),
                is_best: of_drivers.len() > 1
                    && of_drivers.iter().enumerate().all(|(other, theirs)| {
                        other == index
                            || lies_apart(&written.measure, &theirs.measure, written.less_is_better)
                    }),
            });
            Row {
                title: first[row].title,
                meaning: first[row].meaning,
                cells: cells.collect(),
            }
        })
        .collect()
}

/// Whether one interval lies wholly on the better side of another. Without intervals nothing is told apart.
fn lies_apart(one: &Measure, other: &Measure, less_is_better: bool) -> bool {
    let (better, worse) = if less_is_better {
        (one.high, other.low)
    } else {
        (other.high, one.low)
    };
    better
        .zip(worse)
        .is_some_and(|(better, worse)| better < worse)
}

/// Who can be told from whom, in words.
fn verdict(drivers: &[RatedDriver]) -> String {
    let tiers: std::collections::BTreeSet<i32> = drivers.iter().map(|driver| driver.tier).collect();
    match (drivers.len(), tiers.len()) {
        (0 | 1, _) => String::new(),
        (_, 1) => "They are in one tier: models and laps cannot tell them apart as a whole. Look at single measures, and \
                   at what would change the rating of each."
            .to_owned(),
        (drivers, tiers) if drivers == tiers => {
            "Each is in a tier of their own: models and laps tell all of them apart.".to_owned()
        }
        _ => "Some share a tier and cannot be told apart as a whole; those of different tiers can.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intervals_that_lie_apart_make_somebody_the_best() {
        let measure = |low, high| Measure {
            value: Some((low + high) / 2.0),
            low: Some(low),
            high: Some(high),
            missing: None,
        };
        let (fast, slow) = (measure(-0.01, -0.005), measure(-0.004, 0.0));
        assert!(lies_apart(&fast, &slow, true));
        assert!(!lies_apart(&slow, &fast, true));
        assert!(lies_apart(&slow, &fast, false));
        assert!(!lies_apart(&fast, &measure(-0.006, 0.0), true));
        assert!(!lies_apart(&fast, &Measure::default(), true));
    }
}
