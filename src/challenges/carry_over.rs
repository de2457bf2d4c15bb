//! Taking submissions over into the next phase, where they are scored on that phase's own task: the peers'
//! defect was to score them on the one before (codabench#2239).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};

use super::draft::CarryOver;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::phases;

/// Takes over what is due: for each phase that has begun and carries over, once. Returns for how many
/// submissions there is a new run. Call it in a write transaction.
pub fn carry_over_due(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
) -> Result<usize, DatabaseError> {
    let due: Vec<(i64, i64, i32, CarryOver)> = phases::table
        .filter(phases::carry_over.ne(CarryOver::None))
        .filter(phases::carried_at.is_null())
        .filter(phases::starts_at.le(now.naive_utc()))
        .order(phases::id)
        .limit(20)
        .select((
            phases::id,
            phases::challenge_id,
            phases::position,
            phases::carry_over,
        ))
        .load(connection)?;
    let mut carried = 0;
    for (phase_id, challenge_id, position, which) in due {
        // Taken and marked at once: of two servers that look at the same time one carries over.
        let marked = diesel::update(
            phases::table
                .find(phase_id)
                .filter(phases::carried_at.is_null()),
        )
        .set(phases::carried_at.eq(now.naive_utc()))
        .execute(connection)?;
        let before: Option<i64> = phases::table
            .filter(phases::challenge_id.eq(challenge_id))
            .filter(phases::position.eq(position - 1))
            .select(phases::id)
            .first(connection)
            .optional()?;
        if let (1, Some(before)) = (marked, before) {
            carried += carry_over(connection, now, before, phase_id, which)?;
        }
    }
    Ok(carried)
}

/// Whether a phase has begun whose submissions were not taken over yet: a look that takes no lock.
pub fn is_any_due(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
) -> Result<bool, DatabaseError> {
    let due: Option<i64> = phases::table
        .filter(phases::carry_over.ne(CarryOver::None))
        .filter(phases::carried_at.is_null())
        .filter(phases::starts_at.le(now.naive_utc()))
        .select(phases::id)
        .first(connection)
        .optional()?;
    Ok(due.is_some())
}

fn carry_over(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    from: i64,
    to: i64,
    which: CarryOver,
) -> Result<usize, DatabaseError> {
    // What a team chose; where it chose nothing, what stands for it on the public board.
    let chosen = match which {
        CarryOver::None => return Ok(0),
        CarryOver::All => "",
        CarryOver::Best => {
            "AND (sent.selected OR (sent.id = (SELECT entries.submission_id FROM entries \
                   WHERE entries.phase_id = sent.phase_id AND entries.team_id = sent.team_id) \
              AND NOT EXISTS (SELECT 1 FROM submissions AS other WHERE other.phase_id = sent.phase_id \
                   AND other.team_id = sent.team_id AND other.selected)))"
        }
    };
    // They take no place of the new phase's limits. SQLite numbers parameters as they appear.
    let carried = diesel::sql_query(format!(
        "INSERT INTO submissions (challenge_id, phase_id, team_id, user_id, state, counts, description, \
             file_name, format, storage_key, sha256, bytes, received_at, kind, carried_from) \
         SELECT sent.challenge_id, $1, sent.team_id, sent.user_id, 'queued', FALSE, sent.description, \
             sent.file_name, sent.format, sent.storage_key, sent.sha256, sent.bytes, $2, sent.kind, sent.id \
         FROM submissions AS sent JOIN teams ON teams.id = sent.team_id \
         WHERE sent.phase_id = $3 AND sent.state = 'scored' AND sent.late = FALSE \
             AND sent.withdrawn_at IS NULL AND teams.disqualified_at IS NULL {chosen} \
         ORDER BY sent.id"
    ))
    .bind::<BigInt, _>(to)
    .bind::<Timestamp, _>(now.naive_utc())
    .bind::<BigInt, _>(from)
    .execute(connection)?;
    diesel::sql_query(
        "INSERT INTO runs (submission_id, state, queued_at, kind, needs_sandbox, memory_bytes) \
         SELECT taken.id, 'queued', $1, before.kind, before.needs_sandbox, before.memory_bytes \
         FROM submissions AS taken JOIN runs AS before ON before.id = \
              (SELECT MAX(runs.id) FROM runs WHERE runs.submission_id = taken.carried_from) \
         WHERE taken.phase_id = $2 AND taken.carried_from IS NOT NULL AND taken.state = 'queued'",
    )
    .bind::<Timestamp, _>(now.naive_utc())
    .bind::<BigInt, _>(to)
    .execute(connection)?;
    Ok(carried)
}
