//! Writing the boards: a team's row is made anew from all that it sent, and each change is kept in the
//! history. Whatever was stored before is not asked, so a score that was taken back or became worse leaves
//! no trace on the board.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::challenge::readable;
use super::draft::SecondaryMetric;
use super::leaderboard::FiniteScores;
use super::standing::{self, BoardRules, Candidate, Place, Standing};
use super::submissions::SubmissionState;
use crate::platform::column_types::Json;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{
    entries, entry_history, phases, submission_evidence, submissions, teams,
};
use crate::scoring::intervals::{self, Replicates};
use crate::scoring::ladder;
use crate::scoring::predictions::Scores;
use crate::scoring::rule::ScoringRule;
use crate::scoring::tie_break::{self, RankKey};

/// The level of the intervals that a board shows.
pub const INTERVAL_LEVEL: f64 = 0.95;

#[derive(Queryable)]
struct BoardRow {
    metric: String,
    secondary: Json<Vec<SecondaryMetric>>,
    ladder: bool,
    public_digits: Option<i32>,
    is_baseline: bool,
    disqualified_at: Option<NaiveDateTime>,
}

#[derive(Queryable)]
struct ScoredRow {
    id: i64,
    scored_at: Option<NaiveDateTime>,
    public_score: Option<f64>,
    private_score: Option<f64>,
    selected: bool,
    verified_at: Option<NaiveDateTime>,
    withdrawn_at: Option<NaiveDateTime>,
    replicates: Option<String>,
    secondary: Option<Json<Vec<Scores>>>,
}

/// Makes a team's entry of a phase anew, or takes it away if nothing of it may stand. Call it in the write
/// transaction that changes what the team has sent, with the team's row taken.
pub(super) fn recompute_entry(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    phase_id: i64,
    team_id: i64,
) -> Result<(), DatabaseError> {
    let board: BoardRow = phases::table
        .inner_join(teams::table.on(teams::challenge_id.eq(phases::challenge_id)))
        .filter(phases::id.eq(phase_id))
        .filter(teams::id.eq(team_id))
        .select((
            phases::metric,
            phases::secondary_metrics,
            phases::ladder,
            phases::public_digits,
            teams::is_baseline,
            teams::disqualified_at,
        ))
        .first(connection)?;
    let metric: ScoringRule = readable(board.metric.parse())?;
    let rules = BoardRules {
        direction: metric.direction(),
        ladder: board.ladder,
        public_digits: board
            .public_digits
            .and_then(|digits| digits.try_into().ok()),
    };
    let candidates = candidates(connection, phase_id, team_id, &board.secondary.0)?;
    let shown = standing::shown_scores(rules, &candidates);
    for (candidate, shown) in candidates.iter().zip(&shown) {
        diesel::update(
            submissions::table.find(candidate.id).filter(
                submissions::shown_score
                    .is_null()
                    .or(submissions::shown_score.ne(shown)),
            ),
        )
        .set(submissions::shown_score.eq(shown))
        .execute(connection)?;
    }
    let standing = match board.disqualified_at {
        Some(_) => None,
        None => standing::standing(rules, &candidates, &shown),
    };
    let team = TeamEntry {
        phase_id,
        team_id,
        is_baseline: board.is_baseline,
    };
    match standing {
        Some(standing) => team.stand(connection, now, rules, &candidates, &standing),
        None => team.fall(connection, now),
    }
}

/// The team's submissions that may stand for it, and those that it took back, in the order in which they were received. Never more than
/// the phase's total limit allows.
fn candidates(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_id: i64,
    secondary: &[SecondaryMetric],
) -> Result<Vec<Candidate>, DatabaseError> {
    let rows: Vec<ScoredRow> = submissions::table
        .left_join(submission_evidence::table)
        .filter(submissions::phase_id.eq(phase_id))
        .filter(submissions::team_id.eq(team_id))
        .filter(submissions::state.eq(SubmissionState::Scored))
        .filter(submissions::late.eq(false))
        .order(submissions::id)
        .select((
            submissions::id,
            submissions::scored_at,
            submissions::public_score,
            submissions::private_score,
            submissions::selected,
            submissions::verified_at,
            submissions::withdrawn_at,
            submission_evidence::replicates.nullable(),
            submission_evidence::secondary.nullable(),
        ))
        .load(connection)?;
    let mut candidates = Vec::with_capacity(rows.len());
    for row in rows {
        let scores = row.public_score.zip(row.private_score);
        let scores = scores.and_then(|(public, private)| FiniteScores::new(public, private));
        let (Some(scores), Some(scored_at)) = (scores, row.scored_at) else {
            continue;
        };
        let others = row.secondary.map(|others| others.0).unwrap_or_default();
        let ties: Vec<_> = secondary
            .iter()
            .zip(&others)
            .filter(|(metric, _)| metric.breaks_ties)
            .collect();
        let tie = |of: fn(&Scores) -> f64| {
            let keys: Vec<_> = ties
                .iter()
                .map(|(other, scores)| {
                    RankKey::new(of(scores), other.metric.direction()).unwrap_or(RankKey::MISSING)
                })
                .collect();
            tie_break::text(&keys)
        };
        candidates.push(Candidate {
            id: row.id,
            scored_at: scored_at.and_utc(),
            scores,
            replicates: row
                .replicates
                .map(|text| readable(Replicates::from_text(&text)))
                .transpose()?,
            public_tie: tie(|scores| scores.public),
            private_tie: tie(|scores| scores.private),
            is_selected: row.selected,
            is_verified: row.verified_at.is_some(),
            is_withdrawn: row.withdrawn_at.is_some(),
        });
    }
    Ok(candidates)
}

/// How many submissions of a team may stand.
fn standing_count(candidates: &[Candidate]) -> i64 {
    let stand = candidates
        .iter()
        .filter(|candidate| !candidate.is_withdrawn);
    i64::try_from(stand.count()).unwrap_or(i64::MAX)
}

/// The interval that the public board shows: rounded as its scores are, and none where the Ladder shows
/// another score than the submission's own, or it would tell what the Ladder does not let through.
fn public_interval(
    rules: BoardRules,
    candidates: &[Candidate],
    place: &Place,
) -> Option<(f64, f64)> {
    let of_place = |candidate: &&Candidate| candidate.id == place.submission_id;
    let candidate = candidates.iter().find(of_place)?;
    let rounded = |score: f64| match rules.public_digits {
        Some(digits) => ladder::round_public(score, digits),
        None => score,
    };
    let own = candidate.scores.public();
    if rounded(own) != place.score {
        return None;
    }
    let replicates = candidate.replicates.as_ref()?;
    let (low, high) = intervals::interval(&replicates.public, own, INTERVAL_LEVEL);
    Some((rounded(low), rounded(high)))
}

/// A team's row of a board.
struct TeamEntry {
    phase_id: i64,
    team_id: i64,
    is_baseline: bool,
}

impl TeamEntry {
    fn stand(
        &self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
        rules: BoardRules,
        candidates: &[Candidate],
        standing: &Standing,
    ) -> Result<(), DatabaseError> {
        let (public, private) = (&standing.public, &standing.private);
        let interval = |id: i64, score: f64, of: fn(&Replicates) -> &[f32]| {
            let found = candidates.iter().find(|candidate| candidate.id == id)?;
            let replicates = found.replicates.as_ref()?;
            Some(intervals::interval(of(replicates), score, INTERVAL_LEVEL))
        };
        let public_interval = public_interval(rules, candidates, public);
        let private_interval = interval(private.submission_id, private.score, |both| &both.private);
        let row = (
            (
                entries::submission_id.eq(public.submission_id),
                entries::submission_count.eq(standing_count(candidates)),
                entries::is_baseline.eq(self.is_baseline),
                entries::is_verified.eq(standing.is_verified),
            ),
            (
                entries::scored_at.eq(public.scored_at.naive_utc()),
                entries::public_score.eq(public.score),
                entries::public_key.eq(public.key),
                entries::public_tie.eq(&public.tie),
                entries::public_low.eq(public_interval.map(|(low, _)| low)),
                entries::public_high.eq(public_interval.map(|(_, high)| high)),
            ),
            (
                entries::private_submission_id.eq(private.submission_id),
                entries::private_scored_at.eq(private.scored_at.naive_utc()),
                entries::private_score.eq(private.score),
                entries::private_key.eq(private.key),
                entries::private_tie.eq(&private.tie),
                entries::private_low.eq(private_interval.map(|(low, _)| low)),
                entries::private_high.eq(private_interval.map(|(_, high)| high)),
            ),
        );
        let key = (self.phase_id, self.team_id);
        let updated = diesel::update(entries::table.find(key))
            .set(row)
            .execute(connection)?;
        if updated == 0 {
            diesel::insert_into(entries::table)
                .values((
                    entries::phase_id.eq(self.phase_id),
                    entries::team_id.eq(self.team_id),
                    row,
                ))
                .execute(connection)?;
        }
        self.announce(connection, if updated == 0 { 1 } else { 0 })?;
        self.remember(connection, now, Some(standing))
    }

    fn fall(
        &self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
    ) -> Result<(), DatabaseError> {
        let gone = diesel::delete(entries::table.find((self.phase_id, self.team_id)))
            .execute(connection)?;
        if gone == 0 {
            return Ok(());
        }
        self.announce(connection, -1)?;
        self.remember(connection, now, None)
    }

    /// Counts the teams that are ranked, asks for new tiers and, where the challenge is over, for new
    /// final standings.
    fn announce(
        &self,
        connection: &mut DatabaseConnection,
        change: i64,
    ) -> Result<(), DatabaseError> {
        let change = if self.is_baseline { 0 } else { change };
        diesel::update(phases::table.find(self.phase_id))
            .set((
                phases::entry_count.eq(phases::entry_count + change),
                phases::standings_stale.eq(true),
                phases::settled_at.eq(None::<NaiveDateTime>),
            ))
            .execute(connection)?;
        Ok(())
    }

    /// Keeps what stood on the public board, and since when.
    fn remember(
        &self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
        standing: Option<&Standing>,
    ) -> Result<(), DatabaseError> {
        let newest: Option<(i64, i64, f64, String)> = entry_history::table
            .filter(entry_history::phase_id.eq(self.phase_id))
            .filter(entry_history::team_id.eq(self.team_id))
            .filter(entry_history::until.is_null())
            .select((
                entry_history::id,
                entry_history::submission_id,
                entry_history::board_key,
                entry_history::tie,
            ))
            .first(connection)
            .optional()?;
        let public = standing.map(|standing| &standing.public);
        if let (Some((_, submission_id, key, tie)), Some(place)) = (&newest, public)
            && (*submission_id, *key, tie) == (place.submission_id, place.key, &place.tie)
        {
            return Ok(());
        }
        if let Some((id, ..)) = newest {
            diesel::update(entry_history::table.find(id))
                .set(entry_history::until.eq(now.naive_utc()))
                .execute(connection)?;
        }
        if let Some(place) = public {
            diesel::insert_into(entry_history::table)
                .values((
                    entry_history::phase_id.eq(self.phase_id),
                    entry_history::team_id.eq(self.team_id),
                    entry_history::submission_id.eq(place.submission_id),
                    entry_history::at.eq(now.naive_utc()),
                    entry_history::score.eq(place.score),
                    entry_history::board_key.eq(place.key),
                    entry_history::tie.eq(&place.tie),
                    entry_history::is_baseline.eq(self.is_baseline),
                ))
                .execute(connection)?;
        }
        Ok(())
    }
}
