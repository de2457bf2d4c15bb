//! The leaderboard: one indexed row for each team that has a score.
//!
//! It never looks at submissions, and a page of it costs the rows that it shows: it continues from a
//! [`Cursor`] rather than counting past the rows before. Ties share a rank (1, 1, 3); within a tie the
//! earlier score stands first. Only finite scores get in (law 4).

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::challenge::{Phase, PhaseState};
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{entries, phases, teams};
use crate::scoring::metrics::Direction;

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
    let over = phase.state(now) == PhaseState::Closed;
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
    /// Its rank: ties share one.
    pub rank: i64,
    /// Whether another team has the same score.
    pub tied: bool,
    /// The team.
    pub team_id: i64,
    /// Its name.
    pub team: String,
    /// The counted submission's score on the board's split.
    pub score: f64,
    /// How many submissions of the team were scored.
    pub submission_count: i64,
    /// When the counted one was.
    pub scored_at: DateTime<Utc>,
    /// The counted submission.
    pub submission_id: i64,
}

/// Where a page ends and the next one begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cursor {
    position: i64,
    rank: i64,
    key: f64,
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
        )
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
            };
            let whole = parts.next().is_none() && cursor.key.is_finite();
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
    /// The place of the first of them, counted from 1 whatever the ties.
    pub first_place: i64,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
}

type EntryRow = (i64, String, f64, f64, i64, NaiveDateTime, i64);

/// Up to `limit` teams after the cursor.
pub fn page(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    board: Board,
    after: Option<Cursor>,
    limit: i64,
) -> Result<LeaderboardPage, DatabaseError> {
    macro_rules! rows {
        ($key:ident, $score:ident) => {{
            let mut query = entries::table
                .inner_join(teams::table)
                .filter(entries::phase_id.eq(phase_id))
                .order((entries::$key, entries::scored_at, entries::team_id))
                .limit(limit + 1)
                .select((
                    entries::team_id,
                    teams::name,
                    entries::$score,
                    entries::$key,
                    entries::submission_count,
                    entries::scored_at,
                    entries::submission_id,
                ))
                .into_boxed::<MultiBackend>();
            if let Some(cursor) = after {
                let at = cursor.scored_at.naive_utc();
                // The first condition alone lets the index find the place.
                query = query.filter(entries::$key.ge(cursor.key)).filter(
                    entries::$key
                        .gt(cursor.key)
                        .or(entries::scored_at.gt(at))
                        .or(entries::scored_at
                            .eq(at)
                            .and(entries::team_id.gt(cursor.team_id))),
                );
            }
            query.load::<EntryRow>(connection)?
        }};
    }
    let mut rows = match board {
        Board::Public => rows!(public_key, public_score),
        Board::Private => rows!(private_key, private_score),
    };
    let more = rows.len() as i64 > limit;
    // The row after this page still tells whether the last one is tied.
    let keys: Vec<f64> = rows.iter().map(|row| row.3).collect();
    rows.truncate(usize::try_from(limit).unwrap_or_default());
    let (mut position, mut rank, mut key) = after.map_or((0, 0, None), |cursor| {
        (cursor.position, cursor.rank, Some(cursor.key))
    });
    let first_place = position + 1;
    let mut last = None;
    let mut found = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let (team_id, team, score, row_key, submission_count, scored_at, submission_id) = row;
        position += 1;
        let tied = key == Some(row_key) || keys.get(index + 1) == Some(&row_key);
        if key != Some(row_key) {
            rank = position;
            key = Some(row_key);
        }
        let scored_at = scored_at.and_utc();
        last = Some(Cursor {
            position,
            rank,
            key: row_key,
            scored_at,
            team_id,
        });
        found.push(Entry {
            rank,
            tied,
            team_id,
            team,
            score,
            submission_count,
            scored_at,
            submission_id,
        });
    }
    Ok(LeaderboardPage {
        entries: found,
        first_place,
        next: if more { last } else { None },
    })
}

/// One team's own standing, wherever it is on the board.
pub fn standing(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_id: i64,
    board: Board,
) -> Result<Option<Entry>, DatabaseError> {
    macro_rules! find {
        ($key:ident, $score:ident) => {{
            let row: Option<EntryRow> = entries::table
                .inner_join(teams::table)
                .filter(entries::phase_id.eq(phase_id))
                .filter(entries::team_id.eq(team_id))
                .select((
                    entries::team_id,
                    teams::name,
                    entries::$score,
                    entries::$key,
                    entries::submission_count,
                    entries::scored_at,
                    entries::submission_id,
                ))
                .first(connection)
                .optional()?;
            match row {
                None => None,
                Some(row) => {
                    let better: i64 = entries::table
                        .filter(entries::phase_id.eq(phase_id))
                        .filter(entries::$key.lt(row.3))
                        .count()
                        .get_result(connection)?;
                    let alike: i64 = entries::table
                        .filter(entries::phase_id.eq(phase_id))
                        .filter(entries::$key.eq(row.3))
                        .count()
                        .get_result(connection)?;
                    Some((row, better, alike))
                }
            }
        }};
    }
    let found = match board {
        Board::Public => find!(public_key, public_score),
        Board::Private => find!(private_key, private_score),
    };
    Ok(found.map(
        |((team_id, team, score, _, submission_count, scored_at, submission_id), better, alike)| {
            Entry {
                rank: better + 1,
                tied: alike > 1,
                team_id,
                team,
                score,
                submission_count,
                scored_at: scored_at.and_utc(),
                submission_id,
            }
        },
    ))
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

/// Lets the best of a team's scored submissions stand for it, or nothing if none is scored any more: the
/// one with the best public score, of equals the one that was scored first. Whatever was stored before is
/// not asked, so a score that was taken back or became worse leaves no trace. Call it in the write
/// transaction that stores the scores, with the team's row taken.
pub(super) fn recompute_entry(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    team_id: i64,
    direction: Direction,
) -> Result<(), DatabaseError> {
    // A zero is added so that zero has one sign and ties are ties.
    let sign = match direction {
        Direction::LowerIsBetter => "",
        Direction::HigherIsBetter => "-",
    };
    let before: i64 = entries::table
        .filter(entries::phase_id.eq(phase_id))
        .filter(entries::team_id.eq(team_id))
        .count()
        .get_result(connection)?;
    let stands = diesel::sql_query(format!(
        "INSERT INTO entries (phase_id, team_id, submission_id, submission_count, scored_at, \
                              public_score, public_key, private_score, private_key) \
         SELECT phase_id, team_id, id, COUNT(*) OVER (), scored_at, \
                public_score, 0.0 + ({sign}public_score), private_score, 0.0 + ({sign}private_score) \
         FROM submissions \
         WHERE phase_id = $1 AND team_id = $2 AND state = 'scored' \
         ORDER BY 7, scored_at, id LIMIT 1 \
         ON CONFLICT (phase_id, team_id) DO UPDATE SET \
             submission_id = excluded.submission_id, submission_count = excluded.submission_count, \
             scored_at = excluded.scored_at, public_score = excluded.public_score, \
             public_key = excluded.public_key, private_score = excluded.private_score, \
             private_key = excluded.private_key"
    ))
    .bind::<BigInt, _>(phase_id)
    .bind::<BigInt, _>(team_id)
    .execute(connection)?;
    if stands == 0 {
        diesel::delete(entries::table.find((phase_id, team_id))).execute(connection)?;
    }
    let change = i64::from(stands > 0) - before;
    if change != 0 {
        diesel::update(phases::table.find(phase_id))
            .set(phases::entry_count.eq(phases::entry_count + change))
            .execute(connection)?;
    }
    Ok(())
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
            scored_at: DateTime::UNIX_EPOCH + TimeDelta::microseconds(1_234_567),
            team_id: 9,
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for damaged in [
            "",
            "1.1.zz.0.1",
            "1.1.7ff8000000000000.0.1",
            "1.1.0.0.1.1",
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
