//! A driver's page: what laps and models see, and how far to trust it.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::measures::{self, Written};
use crate::accounts::permissions::Principal;
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::talent::board::{self as boards, BoardLine, RatedDriver};
use crate::talent::scouting::{BAR, LOWEST};
use crate::talent::scouts::notes::{self, NOTE_LIMIT};
use crate::talent::scouts::shortlists::{self, Shortlist};
use crate::web::page::Page;

/// A bar of the distribution, in percent of the tallest.
struct Bar {
    driver: f64,
    field: f64,
}

/// A value with its interval on an axis of its table.
struct Ranged {
    title: String,
    note: String,
    value: String,
    range: String,
    low: f64,
    point: f64,
    high: f64,
    /// Where the field's mean lies on the axis.
    label: String,
}

struct ListChoice {
    list: Shortlist,
    has_driver: bool,
}

#[derive(Template)]
#[template(path = "talent/driver.html")]
struct DriverPage {
    page: Page,
    line: BoardLine,
    driver: RatedDriver,
    about: String,
    headline: String,
    measures: Vec<Written>,
    bars: Vec<Bar>,
    bars_label: String,
    scale: (String, String),
    events: Vec<Ranged>,
    sectors: Vec<Ranged>,
    models: Vec<Ranged>,
    lists: Vec<ListChoice>,
    note: String,
    note_limit: usize,
}

pub async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    let (slug, driver) = path.into_inner();
    let (line, driver, lists, listed, note) = state
        .database
        .read(move |connection| {
            let found = boards::identify(connection, &slug, &driver)?;
            let (line, rated) = found.ok_or_else(|| {
                Fault::not_found(format!(
                    "No driver `{driver}` is on the talent board of `{slug}`."
                ))
            })?;
            let lists = shortlists::list(connection, user_id)?;
            let listed = shortlists::with_driver(connection, user_id, line.challenge_id, &driver)?;
            let note = notes::find(connection, user_id, line.challenge_id, &driver)?;
            Ok::<_, Fault>((line, rated, lists, listed, note))
        })
        .await?;
    let profile = &driver.profile;
    let evidence = &profile.evidence;
    let about = [&driver.class, &driver.age_band, &driver.region];
    let about: Vec<&str> = about.into_iter().flatten().map(String::as_str).collect();
    let shown = DriverPage {
        page: Page::new(&request, "talent"),
        about: about.join(", "),
        headline: headline(&driver, line.board.tiers),
        measures: measures::all(&profile.measures),
        bars: bars(&evidence.distribution, &evidence.field),
        bars_label: format!(
            "{} clean laps by how far they were behind the field's, against those of all drivers",
            profile.measures.laps
        ),
        scale: (
            format!("{:.0} % faster", -100.0 * LOWEST),
            format!(
                "{:.0} % slower",
                100.0 * (LOWEST + BAR * evidence.distribution.len() as f64)
            ),
        ),
        events: ranged(evidence.events.iter().map(|event| Raw {
            title: format!("Event {}", event.event),
            note: format!(
                "{} laps{}",
                event.laps,
                if event.wet { ", wet" } else { "" }
            ),
            value: event.pace,
            interval: Some((event.low, event.high)),
        })),
        sectors: ranged(evidence.sectors.iter().map(|sector| Raw {
            title: format!("Sector {}", sector.sector),
            note: format!("{:+.3} s a lap", sector.seconds).replace('-', "−"),
            value: sector.pace,
            interval: sector.interval,
        })),
        models: profile
            .models
            .iter()
            .map(|model| Ranged {
                title: model.team.clone(),
                note: format!("{}", model.rank),
                value: format!("{:.0}", model.percentile),
                range: String::new(),
                low: model.percentile,
                point: model.percentile,
                high: model.percentile,
                label: format!("{}: percentile {:.0}", model.team, model.percentile),
            })
            .collect(),
        lists: lists
            .into_iter()
            .map(|list| ListChoice {
                has_driver: listed.contains(&list.id),
                list,
            })
            .collect(),
        note,
        note_limit: NOTE_LIMIT,
        line,
        driver,
    };
    shown.page.show(&shown)
}

fn headline(driver: &RatedDriver, tiers: i32) -> String {
    let measures = &driver.profile.measures;
    let pace = match (
        measures.pace_percentile.value,
        measures.pace_percentile.low,
        measures.pace_percentile.high,
    ) {
        (Some(value), Some(low), Some(high)) => format!(
            "by lap times faster than about {value:.0} % of the other drivers here (95 % sure: {low:.0} to {high:.0} %)"
        ),
        _ => "of unknown pace".to_owned(),
    };
    format!("Tier {} of {tiers}: {pace}.", driver.tier)
}

/// Heights in percent of the tallest, each row of bars by itself: one driver has fewer laps than all.
fn bars(driver: &[u32], field: &[u32]) -> Vec<Bar> {
    let tallest = |bars: &[u32]| f64::from(bars.iter().copied().max().unwrap_or(0).max(1));
    let (most, most_of_field) = (tallest(driver), tallest(field));
    driver
        .iter()
        .zip(field)
        .map(|(driver, field)| Bar {
            driver: (1000.0 * f64::from(*driver) / most).round() / 10.0,
            field: (1000.0 * f64::from(*field) / most_of_field).round() / 10.0,
        })
        .collect()
}

struct Raw {
    title: String,
    note: String,
    value: f64,
    interval: Option<(f64, f64)>,
}

/// Fractions on one axis that has the field in the middle, the fast end at the right.
fn ranged(values: impl Iterator<Item = Raw>) -> Vec<Ranged> {
    let values: Vec<Raw> = values.collect();
    let reach = values
        .iter()
        .flat_map(|raw| {
            let (low, high) = raw.interval.unwrap_or((raw.value, raw.value));
            [low.abs(), high.abs()]
        })
        .fold(1e-6, f64::max);
    let at = |value: f64| (10.0 * (50.0 - 50.0 * value / reach)).round() / 10.0;
    let percent = |value: f64| format!("{:+.2} %", 100.0 * value).replace('-', "−");
    values
        .into_iter()
        .map(|raw| {
            let (low, high) = raw.interval.unwrap_or((raw.value, raw.value));
            let range = raw
                .interval
                .map(|(low, high)| format!("{} to {}", percent(low), percent(high)))
                .unwrap_or_default();
            Ranged {
                label: format!(
                    "{}: {} behind the field, {range}",
                    raw.title,
                    percent(raw.value)
                ),
                title: raw.title,
                note: raw.note,
                value: percent(raw.value),
                range,
                // Slower is more, and stands on the left.
                low: at(high),
                point: at(raw.value),
                high: at(low),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_end_of_an_axis_is_at_the_right() {
        let raw = |value, interval| Raw {
            title: "Event 1".into(),
            note: String::new(),
            value,
            interval,
        };
        let shown = ranged([raw(-0.01, Some((-0.02, 0.0))), raw(0.005, None)].into_iter());
        assert_eq!(
            (shown[0].low, shown[0].point, shown[0].high),
            (50.0, 75.0, 100.0)
        );
        assert_eq!(shown[1].point, 37.5);
        assert_eq!(shown[0].value, "−1.00 %");
        assert_eq!(shown[1].range, "");
    }

    #[test]
    fn bars_are_of_the_tallest() {
        let shown = bars(&[0, 2, 1], &[10, 0, 40]);
        assert_eq!(shown[1].driver, 100.0);
        assert_eq!(shown[0].field, 25.0);
    }
}
