//! Tiers: which entries of a board cannot be told apart, and how probable it is that the one above is truly
//! better. They depend on all of a board, so they are made beside the transaction that stores a score, and
//! the board shows those that it has meanwhile.

use diesel::prelude::*;

use super::challenge::readable;
use super::leaderboard::Board;
use crate::platform::database::{Database, DatabaseConnection, DatabaseError};
use crate::platform::schema::{entries, phases, submission_evidence};
use crate::scoring::intervals::{self, Replicates, Tiers};
use crate::scoring::metrics::Direction;
use crate::scoring::rule::ScoringRule;

/// An entry opens a tier when the leader of the tier before is better with at least this probability.
pub const CONFIDENCE: f64 = 0.95;

/// Entries whose replicates are in memory at once.
const AT_ONCE: i64 = 500;

/// Makes the tiers of phases whose boards have changed; for how many.
///
/// # Errors
/// The database could not be asked; the phases are then looked at again.
pub async fn refresh(database: &Database) -> Result<usize, DatabaseError> {
    let stale: Vec<(i64, String)> = database
        .read(|connection| {
            Ok::<_, DatabaseError>(
                phases::table
                    .filter(phases::standings_stale)
                    .order(phases::id)
                    .limit(50)
                    .select((phases::id, phases::metric))
                    .load(connection)?,
            )
        })
        .await?;
    let count = stale.len();
    for (phase_id, metric) in stale {
        let direction = readable(metric.parse::<ScoringRule>())?.direction();
        // Before the look: what changes meanwhile makes it stale again. Alone, because whoever stores a score
        // takes the phase's row after the entry's.
        mark(database, phase_id, false).await?;
        for board in [Board::Public, Board::Private] {
            if let Err(error) = refresh_board(database, phase_id, board, direction).await {
                mark(database, phase_id, true).await?;
                return Err(error);
            }
        }
    }
    Ok(count)
}

/// An entry as the board has it, with the tier and the lead that were stored.
#[derive(Queryable)]
struct Ranked {
    team_id: i64,
    tier: Option<i32>,
    lead: Option<f64>,
    replicates: Option<String>,
}

/// Goes down the board, remembering the tier's leader and the entry above alone.
struct Descent {
    direction: Direction,
    tiers: Tiers,
    above: Option<Vec<f32>>,
}

impl Descent {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            tiers: Tiers::new(direction, CONFIDENCE),
            above: None,
        }
    }

    /// The tier of the next entry, and how probable it is that the one above is truly better.
    fn next(&mut self, replicates: Option<Vec<f32>>) -> (i32, Option<f64>) {
        let pair = self.above.as_deref().zip(replicates.as_deref());
        let lead =
            pair.map(|(above, this)| intervals::probability_better(above, this, self.direction));
        let tier = self.tiers.next(replicates.as_deref());
        self.above = replicates;
        (tier, lead)
    }
}

async fn mark(database: &Database, phase_id: i64, is_stale: bool) -> Result<(), DatabaseError> {
    database
        .write(move |connection| {
            diesel::update(phases::table.find(phase_id))
                .set(phases::standings_stale.eq(is_stale))
                .execute(connection)?;
            Ok(())
        })
        .await
}

/// What an entry's tier and lead shall be.
type Change = (i64, i32, Option<f64>);

async fn refresh_board(
    database: &Database,
    phase_id: i64,
    board: Board,
    direction: Direction,
) -> Result<(), DatabaseError> {
    let mut changes = database
        .read(move |connection| changes(connection, phase_id, board, direction))
        .await?;
    if changes.is_empty() {
        return Ok(());
    }
    // In the order in which corrections take entries.
    changes.sort_unstable_by_key(|(team_id, ..)| *team_id);
    database
        .write(move |connection| {
            for (team_id, tier, lead) in changes {
                let entry = entries::table.find((phase_id, team_id));
                match board {
                    Board::Public => diesel::update(entry)
                        .set((entries::public_tier.eq(tier), entries::public_lead.eq(lead)))
                        .execute(connection)?,
                    Board::Private => diesel::update(entry)
                        .set((
                            entries::private_tier.eq(tier),
                            entries::private_lead.eq(lead),
                        ))
                        .execute(connection)?,
                };
            }
            Ok(())
        })
        .await
}

fn changes(
    connection: &mut DatabaseConnection,
    phase_id: i64,
    board: Board,
    direction: Direction,
) -> Result<Vec<Change>, DatabaseError> {
    let mut changes = Vec::new();
    let mut descent = Descent::new(direction);
    let mut offset = 0;
    loop {
        macro_rules! rows {
            ($key:ident, $tie:ident, $at:ident, $tier:ident, $lead:ident, $submission:expr) => {
                entries::table
                    .left_join(
                        submission_evidence::table.on(submission_evidence::submission_id
                            .nullable()
                            .eq($submission)),
                    )
                    .filter(entries::phase_id.eq(phase_id))
                    .order((entries::$key, entries::$tie, entries::$at, entries::team_id))
                    .offset(offset)
                    .limit(AT_ONCE)
                    .select((
                        entries::team_id,
                        entries::$tier,
                        entries::$lead,
                        submission_evidence::replicates.nullable(),
                    ))
                    .load::<Ranked>(connection)?
            };
        }
        let rows = match board {
            Board::Public => rows!(
                public_key,
                public_tie,
                scored_at,
                public_tier,
                public_lead,
                entries::submission_id.nullable()
            ),
            Board::Private => rows!(
                private_key,
                private_tie,
                private_scored_at,
                private_tier,
                private_lead,
                entries::private_submission_id
            ),
        };
        let count = rows.len() as i64; // at most AT_ONCE
        for row in rows {
            let replicates = match row.replicates {
                None => None,
                Some(text) => {
                    let both = readable(Replicates::from_text(&text))?;
                    Some(match board {
                        Board::Public => both.public,
                        Board::Private => both.private,
                    })
                }
            };
            let (tier, lead) = descent.next(replicates);
            if (row.tier, row.lead) != (Some(tier), lead) {
                changes.push((row.team_id, tier, lead));
            }
        }
        if count < AT_ONCE {
            return Ok(changes);
        }
        offset += AT_ONCE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_above_is_compared_and_the_leader_makes_the_tier() {
        let mut descent = Descent::new(Direction::LowerIsBetter);
        // Two that cross each other in half of the resamples, one that is worse in all of them.
        let first = vec![1.0, 3.0, 1.0, 3.0];
        let like_it = vec![2.0, 2.0, 2.0, 2.0];
        let worse = vec![9.0, 9.0, 9.0, 9.0];
        assert_eq!(descent.next(Some(first)), (1, None));
        assert_eq!(descent.next(Some(like_it)), (1, Some(0.5)));
        assert_eq!(descent.next(Some(worse)), (2, Some(1.0)));
        assert_eq!(descent.next(None), (2, None));
    }
}
