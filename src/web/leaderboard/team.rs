//! A team's way on the public board: no more than the board itself told.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};

use super::BoardQuery;
use crate::accounts::permissions::Principal;
use crate::challenges::challenge;
use crate::challenges::disclosure::Disclosure;
use crate::challenges::final_standings;
use crate::challenges::history::{self, Step};
use crate::challenges::leaderboard::{self, Board};
use crate::challenges::medals::Medal;
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::talent::experts::results;
use crate::web::challenges::{Choice, Head, choose_phase, direction};
use crate::web::format;
use crate::web::page::Page;

/// A step of the table.
struct Line {
    at: DateTime<Utc>,
    score: String,
    exact: String,
}

/// The steps as a picture: the score stays until the next one.
struct Chart {
    label: String,
    points: String,
    marks: Vec<(f64, f64)>,
    top: String,
    bottom: String,
}

#[derive(Template)]
#[template(path = "challenges/standing.html")]
struct TeamPage {
    page: Page,
    challenge: Head,
    choices: Vec<Choice>,
    team: String,
    /// Those who have public profiles, when the challenge is over.
    members: Vec<String>,
    /// How many others there are.
    other_members: usize,
    medal: Option<Medal>,
    metric_key: String,
    direction: &'static str,
    /// Its rank on the public board, where it has one.
    rank: Option<i64>,
    score: String,
    entries: i64,
    is_verified: bool,
    lines: Vec<Line>,
    chart: Option<Chart>,
}

pub async fn show(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    path: Path<(String, i64)>,
    query: Query<BoardQuery>,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let (slug, team_id) = path.into_inner();
    let (asker, asked) = (principal.clone(), query.phase);
    let (challenge, phase, choices, (team, members, medal), steps, standing) = state
        .database
        .read(move |connection| {
            let (challenge, phases) = challenge::find(connection, &asker, &slug)?;
            let tab = format!("teams/{team_id}");
            let (phase, choices) = choose_phase(&challenge, &phases, asked, now, &tab)?;
            let team = history::team_name(connection, challenge.id, team_id)?
                .ok_or_else(|| Fault::not_found("No such team has stood on this leaderboard."))?;
            let steps = history::of_team(connection, phase.id, team_id)?;
            let may_manage = asker.may_manage(challenge.owner_id);
            let disclosure = Disclosure::new(phase, &phases, now, may_manage);
            let standing = leaderboard::standing(connection, phase.id, team_id, Board::Public)?
                .map(|entry| disclosure.entry(Board::Public, entry));
            // Who is in a team is told when nobody can change it any more.
            let (members, medal) = if phases.iter().all(|phase| phase.is_over(now)) {
                let mut members = results::members_of(connection, &[team_id])?;
                let medal = final_standings::medals_of(connection, phase.id, &[team_id])?;
                (
                    members.remove(&team_id).unwrap_or_default(),
                    medal.get(&team_id).copied(),
                )
            } else {
                (Vec::new(), None)
            };
            let of_team = (team, members, medal);
            Ok::<_, Fault>((challenge, phase.clone(), choices, of_team, steps, standing))
        })
        .await?;
    let scores: Vec<f64> = steps.iter().map(|step| step.score).collect();
    let texts = format::scores(&scores);
    let end = phase.late_from().min(now);
    let all = members.len();
    let named: Vec<String> = members
        .into_iter()
        .filter_map(|member| member.public_name)
        .collect();
    let view = TeamPage {
        page: Page::new(&request, "challenges"),
        challenge: Head::new(&challenge, &phase, &principal, now),
        choices,
        other_members: all - named.len(),
        members: named,
        medal,
        chart: chart(&team, &steps, &texts, end),
        metric_key: phase.metric.to_string().replace('_', " "),
        direction: direction(&phase.metric),
        rank: standing.as_ref().and_then(|entry| entry.rank),
        score: standing
            .as_ref()
            .map(|entry| format::score(entry.score))
            .unwrap_or_default(),
        entries: standing.as_ref().map_or(0, |entry| entry.submission_count),
        is_verified: standing.as_ref().is_some_and(|entry| entry.is_verified),
        lines: steps
            .iter()
            .zip(&texts)
            .rev()
            .map(|(step, score)| Line {
                at: step.at,
                score: score.clone(),
                exact: format::exact(step.score),
            })
            .collect(),
        team,
    };
    view.page.show(&view)
}

/// In a field of 100 by 100: time from the first step to `end`, scores from the lowest to the highest.
fn chart(team: &str, steps: &[Step], texts: &[String], end: DateTime<Utc>) -> Option<Chart> {
    let (first, last) = (steps.first()?, steps.last()?);
    let lowest = steps
        .iter()
        .map(|step| step.score)
        .fold(f64::INFINITY, f64::min);
    let highest = steps
        .iter()
        .map(|step| step.score)
        .fold(f64::NEG_INFINITY, f64::max);
    let text_of = |score: f64| {
        let place = steps.iter().position(|step| step.score == score);
        place
            .and_then(|index| texts.get(index))
            .cloned()
            .unwrap_or_default()
    };
    let whole = (end - first.at).num_milliseconds().max(1) as f64;
    let x = |at: DateTime<Utc>| {
        (100.0 * (at - first.at).num_milliseconds() as f64 / whole).clamp(0.0, 100.0)
    };
    let y = |score: f64| {
        if highest > lowest {
            95.0 - 90.0 * (score - lowest) / (highest - lowest)
        } else {
            50.0
        }
    };
    let mut points = String::new();
    let mut marks = Vec::with_capacity(steps.len());
    let mut level = None;
    for step in steps {
        let (x, y) = (x(step.at), y(step.score));
        if let Some(before) = level {
            points += &format!("{x:.2},{before:.2} ");
        }
        points += &format!("{x:.2},{y:.2} ");
        marks.push((x, y));
        level = Some(y);
    }
    points += &format!("100,{:.2}", y(last.score));
    Some(Chart {
        label: format!(
            "Public score of {team} over time: {} at first, {} now, in {} steps",
            text_of(first.score),
            text_of(last.score),
            steps.len()
        ),
        points,
        marks,
        top: text_of(highest),
        bottom: text_of(lowest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_score_stays_until_the_next_one() {
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let step = |hours, score| Step {
            at: at(hours),
            score,
            submission_id: 1,
        };
        let steps = [step(0, 3.0), step(5, 1.0)];
        let texts = ["3.0".to_owned(), "1.0".to_owned()];
        let chart = chart("Apex", &steps, &texts, at(10)).unwrap();
        assert_eq!(chart.points, "0.00,5.00 50.00,5.00 50.00,95.00 100,95.00");
        assert_eq!((chart.top.as_str(), chart.bottom.as_str()), ("3.0", "1.0"));
    }
}
