//! The leaderboard: one indexed row for each team that has a score.
//!
//! It never looks at submissions, and a page of it costs the rows that it shows: it continues from a
//! [`Cursor`] rather than counting past the rows before. Ties share a rank (1, 1, 3); within a tie the
//! earlier score stands first. Only finite scores get in (law 4).

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::challenge::Phase;
use crate::platform::column_types::Json;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{entries, submission_evidence, teams};
use crate::scoring::predictions::Scores;

crate::text_enum! {
    /// Which split's scores a board shows.
    pub enum Board {
        /// While the phase runs.
        Public = "public",
        /// After its end.
        Private = "private",
    }
}

/// The board that a viewer gets. The private one is its organizer's alone until the phase is over.
pub fn visible_board(
    phase: &Phase,
    now: DateTime<Utc>,
    asked: Option<Board>,
    may_manage: bool,
) -> Board {
    let over = phase.is_over(now);
    match asked {
        Some(Board::Public) => Board::Public,
        Some(Board::Private) if over || may_manage => Board::Private,
        Some(Board::Private) => Board::Public,
        None if over => Board::Private,
        None => Board::Public,
    }
}

/// A team's standing.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its rank: ties share one. None for the organizer's baselines, which are shown and not ranked.
    pub rank: Option<i64>,
    /// Whether another team has the same score.
    pub tied: bool,
    /// The team.
    pub team_id: i64,
    /// Its name.
    pub team: String,
    /// The counted submission's score on the board's split, as the board shows it.
    pub score: f64,
    /// The scores by the phase's other metrics, in their order; empty where there are none.
    pub secondary: Vec<f64>,
    /// The 95 % interval of the score.
    pub interval: Option<(f64, f64)>,
    /// Entries of one tier cannot be told apart from its first; 1 is the best. None until it is made.
    pub tier: Option<i32>,
    /// How probable it is that the entry above is truly better.
    pub lead: Option<f64>,
    /// Whether the organizer has reproduced the score.
    pub is_verified: bool,
    /// How many submissions of the team were scored.
    pub submission_count: i64,
    /// When the counted one was.
    pub scored_at: DateTime<Utc>,
    /// The counted submission.
    pub submission_id: i64,
}

/// Where a page ends and the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// Ranked entries up to here.
    position: i64,
    /// The rank of those that have this key; 0 where none has.
    rank: i64,
    key: f64,
    /// Hexadecimal digits; empty where no metric breaks ties.
    tie: String,
    scored_at: DateTime<Utc>,
    team_id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}.{}.{:x}.{}.{}",
            self.position,
            self.rank,
            self.key.to_bits(),
            self.scored_at.timestamp_micros(),
            self.team_id
        )?;
        if !self.tie.is_empty() {
            write!(formatter, ".{}", self.tie)?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split('.');
            let cursor = Self {
                position: parts.next()?.parse().ok()?,
                rank: parts.next()?.parse().ok()?,
                key: f64::from_bits(u64::from_str_radix(parts.next()?, 16).ok()?),
                scored_at: DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?,
                team_id: parts.next()?.parse().ok()?,
                tie: parts.next().unwrap_or_default().to_owned(),
            };
            let is_tie = cursor.tie.len().is_multiple_of(16)
                && cursor.tie.bytes().all(|digit| digit.is_ascii_hexdigit());
            let whole = parts.next().is_none() && cursor.key.is_finite() && is_tie;
            (whole && cursor.position >= 0 && cursor.rank >= 0).then_some(cursor)
        };
        parse().ok_or("this page's address is damaged; start at the top of the leaderboard")
    }
}

/// A page of a board.
#[derive(Debug, Clone)]
pub struct LeaderboardPage {
    /// The teams, best first.
    pub entries: Vec<Entry>,
    /// The place of the first that is ranked, counted from 1 whatever the ties.
    pub first_place: i64,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
}

/// A row of a board, whichever split's.
#[derive(Queryable)]
struct EntryRow {
    team_id: i64,
    team: String,
    is_baseline: bool,
    is_verified: bool,
    score: f64,
    key: f64,
    tie: String,
    low: Option<f64>,
    high: Option<f64>,
    tier: Option<i32>,
    lead: Option<f64>,
    submission_count: i64,
    public_scored_at: NaiveDateTime,
    private_scored_at: Option<NaiveDateTime>,
    public_submission_id: i64,
    private_submission_id: Option<i64>,
    secondary: Option<Json<Vec<Scores>>>,
}

impl EntryRow {
    fn scored_at(&self, board: Board) -> NaiveDateTime {
        match board {
            Board::Public => self.public_scored_at,
            Board::Private => self.private_scored_at.unwrap_or(self.public_scored_at),
        }
    }

    fn is_level_with(&self, other: &Self) -> bool {
        self.key == other.key && self.tie == other.tie
    }

    fn into_entry(self, board: Board, rank: Option<i64>, tied: bool) -> Entry {
        let of_board = |scores: Scores| match board {
            Board::Public => scores.public,
            Board::Private => scores.private,
        };
        let secondary = self.secondary.as_ref().map(|others| others.0.clone());
        Entry {
            rank,
            tied,
            scored_at: self.scored_at(board).and_utc(),
            submission_id: match board {
                Board::Public => self.public_submission_id,
                Board::Private => self
                    .private_submission_id
                    .unwrap_or(self.public_submission_id),
            },
            team_id: self.team_id,
            team: self.team,
            score: self.score,
            secondary: secondary
                .unwrap_or_default()
                .into_iter()
                .map(of_board)
                .collect(),
            interval: self.low.zip(self.high),
            tier: self.tier,
            lead: self.lead,
            is_verified: self.is_verified,
            submission_count: self.submission_count,
        }
    }
}

/// The columns of a board's rows, from `entries` joined with its teams and its evidence.
macro_rules! board_columns {
    ($score:ident, $key:ident, $tie:ident, $low:ident, $high:ident, $tier:ident, $lead:ident) => {
        (
            entries::team_id,
            teams::name,
            entries::is_baseline,
            entries::is_verified,
            entries::$score,
            entries::$key,
            entries::$tie,
            entries::$low,
            entries::$high,
            entries::$tier,
            entries::$lead,
            entries::submission_count,
            entries::scored_at,
            entries::private_scored_at,
            entries::submission_id,
            entries::private_submission_id,
            submission_evidence::secondary.nullable(),
        )
    };
}

/// Hands a board's columns to another macro, so that each query is written once for both boards.
macro_rules! on_board {
    ($board:expr, $query:ident) => {
        match $board {
            Board::Public => $query!(
                public_score,
                public_key,
                public_tie,
                public_low,
                public_high,
                public_tier,
                public_lead,
                scored_at,
                entries::submission_id.nullable()
            ),
            Board::Private => $query!(
                private_score,
                private_key,
                private_tie,
                private_low,
                private_high,
                private_tier,
                private_lead,
                private_scored_at,
                entries::private_submission_id
            ),
        }
    };
}

/// Up to `limit` teams after the cursor.
pub fn page(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    board: Board,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<LeaderboardPage, DatabaseError> {
    macro_rules! rows {
        ($score:ident, $key:ident, $tie:ident, $low:ident, $high:ident, $tier:ident, $lead:ident,
         $scored_at:ident, $submission:expr) => {{
            let mut query = entries::table
                .inner_join(teams::table)
                .left_join(
                    submission_evidence::table.on(submission_evidence::submission_id
                        .nullable()
                        .eq($submission)),
                )
                .filter(entries::phase_id.eq(phase_id))
                .order((
                    entries::$key,
                    entries::$tie,
                    entries::$scored_at,
                    entries::team_id,
                ))
                .limit(limit + 1)
                .select(board_columns!(
                    $score, $key, $tie, $low, $high, $tier, $lead
                ))
                .into_boxed::<MultiBackend>();
            if let Some(cursor) = after {
                let at = cursor.scored_at.naive_utc();
                // The first condition alone lets the index find the place.
                query = query.filter(entries::$key.ge(cursor.key)).filter(
                    entries::$key
                        .gt(cursor.key)
                        .or(entries::$tie.gt(cursor.tie.clone()))
                        .or(entries::$tie.eq(cursor.tie.clone()).and(
                            entries::$scored_at
                                .assume_not_null()
                                .gt(at)
                                .or(entries::$scored_at
                                    .assume_not_null()
                                    .eq(at)
                                    .and(entries::team_id.gt(cursor.team_id))),
                        )),
                );
            }
            query.load::<EntryRow>(connection)?
        }};
    }
    let rows = on_board!(board, rows);
    Ok(ranked(rows, board, after, limit))
}

/// Gives rows their ranks: up to `limit` of them; the one after still tells whether the last is tied.
fn ranked(
    rows: Vec<EntryRow>,
    board: Board,
    after: Option<&Cursor>,
    limit: i64,
) -> LeaderboardPage {
    let shown = rows.len().min(usize::try_from(limit).unwrap_or_default());
    let more = rows.len() > shown;
    let (mut position, mut rank) = after.map_or((0, 0), |cursor| (cursor.position, cursor.rank));
    let mut level = after.map(|cursor| (cursor.key, cursor.tie.clone()));
    let first_place = position + 1;
    let tied: Vec<bool> = (0..shown)
        .map(|index| {
            let row = &rows[index];
            let with_cursor = index == 0
                && rank != 0
                && level
                    .as_ref()
                    .is_some_and(|(key, tie)| (*key, tie) == (row.key, &row.tie));
            let beside = |other: Option<&EntryRow>| {
                other.is_some_and(|other| !other.is_baseline && other.is_level_with(row))
            };
            with_cursor
                || beside(rows.get(index + 1))
                || index
                    .checked_sub(1)
                    .is_some_and(|before| beside(rows.get(before)))
        })
        .collect();
    let mut last = None;
    let mut found = Vec::with_capacity(shown);
    for (row, tied) in rows.into_iter().take(shown).zip(tied) {
        let this_rank = if row.is_baseline {
            None
        } else {
            position += 1;
            if level != Some((row.key, row.tie.clone())) || rank == 0 {
                rank = position;
                level = Some((row.key, row.tie.clone()));
            }
            Some(rank)
        };
        let is_level = level == Some((row.key, row.tie.clone()));
        last = Some(Cursor {
            position,
            // After a baseline with a score of its own nobody shares the rank before it.
            rank: if is_level { rank } else { 0 },
            key: row.key,
            tie: row.tie.clone(),
            scored_at: row.scored_at(board).and_utc(),
            team_id: row.team_id,
        });
        let is_ranked = this_rank.is_some();
        found.push(row.into_entry(board, this_rank, tied && is_ranked));
    }
    LeaderboardPage {
        entries: found,
        first_place,
        next: if more { last } else { None },
    }
}

/// One team's own standing, wherever it is on the board.
pub fn standing(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_id: i64,
    board: Board,
) -> Result<Option<Entry>, DatabaseError> {
    macro_rules! find {
        ($score:ident, $key:ident, $tie:ident, $low:ident, $high:ident, $tier:ident, $lead:ident,
         $scored_at:ident, $submission:expr) => {{
            let row: Option<EntryRow> = entries::table
                .inner_join(teams::table)
                .left_join(
                    submission_evidence::table.on(submission_evidence::submission_id
                        .nullable()
                        .eq($submission)),
                )
                .filter(entries::phase_id.eq(phase_id))
                .filter(entries::team_id.eq(team_id))
                .select(board_columns!(
                    $score, $key, $tie, $low, $high, $tier, $lead
                ))
                .first(connection)
                .optional()?;
            match row {
                None => None,
                Some(row) => {
                    let ranked = || {
                        entries::table
                            .filter(entries::phase_id.eq(phase_id))
                            .filter(entries::is_baseline.eq(false))
                    };
                    let level = || entries::$key.eq(row.key);
                    let better: i64 = ranked()
                        .filter(
                            entries::$key
                                .lt(row.key)
                                .or(level().and(entries::$tie.lt(row.tie.clone()))),
                        )
                        .count()
                        .get_result(connection)?;
                    let alike: i64 = ranked()
                        .filter(level().and(entries::$tie.eq(row.tie.clone())))
                        .count()
                        .get_result(connection)?;
                    Some((row, better, alike))
                }
            }
        }};
    }
    let found = on_board!(board, find);
    Ok(found.map(|(row, better, alike)| {
        let rank = (!row.is_baseline).then_some(better + 1);
        row.into_entry(board, rank, alike > 1 && rank.is_some())
    }))
}

/// The ranks that teams have on the public board: beside the private one they tell how it was shaken up.
/// Baselines and teams without an entry have none.
pub fn public_ranks(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_ids: &[i64],
) -> Result<HashMap<i64, i64>, DatabaseError> {
    let others = diesel::alias!(entries as others);
    let key = others.field(entries::public_key);
    let better = others
        .filter(others.field(entries::phase_id).eq(phase_id))
        .filter(others.field(entries::is_baseline).eq(false))
        .filter(
            key.lt(entries::public_key).or(key
                .eq(entries::public_key)
                .and(others.field(entries::public_tie).lt(entries::public_tie))),
        )
        .count()
        .single_value();
    let rows: Vec<(i64, Option<i64>)> = entries::table
        .filter(entries::phase_id.eq(phase_id))
        .filter(entries::is_baseline.eq(false))
        .filter(entries::team_id.eq_any(team_ids.to_vec()))
        .select((entries::team_id, better))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(team_id, better)| (team_id, better.unwrap_or_default() + 1))
        .collect())
}

diesel::define_sql_function! {
    /// Lower-case letters, of ASCII at least.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// Teams of a board whose name has this in it, whatever the case; in the order of their names.
pub fn find_teams(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    name: &str,
    limit: i64,
) -> Result<Vec<(i64, String)>, DatabaseError> {
    let literal: String = name
        .to_lowercase()
        .chars()
        .flat_map(|character| {
            let escape = matches!(character, '%' | '_' | '\\').then_some('\\');
            escape.into_iter().chain([character])
        })
        .collect();
    Ok(entries::table
        .inner_join(teams::table)
        .filter(entries::phase_id.eq(phase_id))
        .filter(lower(teams::name).like(format!("%{literal}%")).escape('\\'))
        .order((teams::name, teams::id))
        .limit(limit)
        .select((teams::id, teams::name))
        .load(connection)?)
}

/// A pair of scores that were found finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FiniteScores {
    public: f64,
    private: f64,
}

impl FiniteScores {
    /// None unless both are finite (law 4). Negative zero becomes zero, so that ties are ties.
    pub fn new(public: f64, private: f64) -> Option<Self> {
        (public.is_finite() && private.is_finite()).then_some(Self {
            public: public + 0.0,
            private: private + 0.0,
        })
    }

    /// On the public split.
    pub fn public(self) -> f64 {
        self.public
    }

    /// On the private split.
    pub fn private(self) -> f64 {
        self.private
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_cursor_survives_its_address_and_a_damaged_one_is_refused() {
        let cursor = Cursor {
            position: 50,
            rank: 48,
            key: -0.123_456_789,
            tie: String::new(),
            scored_at: DateTime::UNIX_EPOCH + TimeDelta::microseconds(1_234_567),
            team_id: 9,
        };
        let tied = Cursor {
            tie: "00000000000000ff".into(),
            ..cursor.clone()
        };
        for cursor in [cursor, tied] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for damaged in [
            "",
            "1.1.zz.0.1",
            "1.1.7ff8000000000000.0.1",
            "1.1.0.0.1.1",
            "1.1.0.0.1.00000000000000zz",
            "-1.1.0.0.1",
        ] {
            assert!(damaged.parse::<Cursor>().is_err(), "{damaged}");
        }
    }

    #[test]
    fn only_finite_scores_can_rank() {
        assert!(FiniteScores::new(f64::NAN, 1.0).is_none());
        assert!(FiniteScores::new(1.0, f64::INFINITY).is_none());
        let zero = FiniteScores::new(-0.0, 1.0).unwrap();
        assert!(zero.public().is_sign_positive());
    }
}
