//! Experts among each other: by gold, then silver, then bronze medals, then by how many challenges ranked
//! them. Those who are level share a rank.

use std::fmt;
use std::str::FromStr;

use diesel::prelude::*;

use crate::accounts::users::Role;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::{expert_profiles, users};

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpertLine {
    /// The place; those who are level share it.
    pub rank: i64,
    /// Their name.
    pub username: String,
    /// Who they are, in a line.
    pub headline: String,
    /// Gold, silver and bronze medals.
    pub medals: [i64; 3],
    /// How many challenges that everybody could join have ranked them.
    pub results: i64,
}

/// Where a page ends and the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertCursor {
    /// Gold, silver, bronze, results.
    tally: [i64; 4],
    user_id: i64,
}

impl fmt::Display for ExpertCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [gold, silver, bronze, results] = self.tally;
        write!(
            formatter,
            "{gold}.{silver}.{bronze}.{results}.{}",
            self.user_id
        )
    }
}

impl FromStr for ExpertCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| -> Option<i64> {
            let plain = part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| plain)
        };
        let numbers: Option<Vec<i64>> = text.split('.').map(number).collect();
        match numbers.as_deref() {
            Some(&[gold, silver, bronze, results, user_id]) => Ok(Self {
                tally: [gold, silver, bronze, results],
                user_id,
            }),
            _ => Err("this page's address is damaged; start at the top of the list"),
        }
    }
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpertPage {
    /// The best first.
    pub experts: Vec<ExpertLine>,
    /// Where the next page begins; none on the last.
    pub next: Option<ExpertCursor>,
}

/// Those who are listed, as a query.
macro_rules! listed {
    () => {
        expert_profiles::table
            .inner_join(users::table)
            .filter(users::role.eq(Role::Expert))
            .filter(expert_profiles::is_public)
            .filter(expert_profiles::results.gt(0))
    };
}

/// Those who come before a tally in the list, as a condition.
macro_rules! better_than {
    ($tally:expr) => {{
        let [gold, silver, bronze, results] = $tally;
        expert_profiles::gold
            .gt(gold)
            .or(expert_profiles::gold.eq(gold).and(
                expert_profiles::silver
                    .gt(silver)
                    .or(expert_profiles::silver.eq(silver).and(
                        expert_profiles::bronze
                            .gt(bronze)
                            .or(expert_profiles::bronze
                                .eq(bronze)
                                .and(expert_profiles::results.gt(results))),
                    )),
            ))
    }};
}

/// And those after it.
macro_rules! after {
    ($cursor:expr) => {{
        let [gold, silver, bronze, results] = $cursor.tally;
        expert_profiles::gold
            .lt(gold)
            .or(expert_profiles::gold.eq(gold).and(
                expert_profiles::silver
                    .lt(silver)
                    .or(expert_profiles::silver.eq(silver).and(
                        expert_profiles::bronze
                            .lt(bronze)
                            .or(expert_profiles::bronze.eq(bronze).and(
                                expert_profiles::results
                                    .lt(results)
                                    .or(expert_profiles::results
                                        .eq(results)
                                        .and(expert_profiles::user_id.gt($cursor.user_id))),
                            )),
                    )),
            ))
    }};
}

/// The place of a tally of gold, silver, bronze and results: one more than are better.
pub fn rank_of(connection: &mut DatabaseConnection, tally: [i64; 4]) -> Result<i64, DatabaseError> {
    let better: i64 = listed!()
        .filter(better_than!(tally))
        .count()
        .get_result(connection)?;
    Ok(better + 1)
}

/// Up to `limit` experts after the cursor: those with public profiles whom a challenge that everybody could
/// join has ranked.
pub fn page(
    connection: &mut DatabaseConnection,
    cursor: Option<ExpertCursor>,
    limit: i64,
) -> Result<ExpertPage, DatabaseError> {
    let mut query = listed!()
        .order((
            expert_profiles::gold.desc(),
            expert_profiles::silver.desc(),
            expert_profiles::bronze.desc(),
            expert_profiles::results.desc(),
            expert_profiles::user_id,
        ))
        .limit(limit + 1)
        .select((
            users::id,
            users::username,
            expert_profiles::headline,
            (
                expert_profiles::gold,
                expert_profiles::silver,
                expert_profiles::bronze,
                expert_profiles::results,
            ),
        ))
        .into_boxed::<MultiBackend>();
    if let Some(cursor) = cursor {
        query = query.filter(after!(cursor));
    }
    type Row = (i64, String, String, (i64, i64, i64, i64));
    let mut rows: Vec<Row> = query.load(connection)?;
    let shown = usize::try_from(limit).unwrap_or_default();
    let more = rows.len() > shown;
    rows.truncate(shown);
    // Those on the pages before, and the rank of the last of them.
    let (before, mut last) = match cursor {
        None => (0, None),
        Some(cursor) => {
            let before: i64 = listed!()
                .filter(diesel::dsl::not(after!(cursor)))
                .count()
                .get_result(connection)?;
            let rank = rank_of(connection, cursor.tally)?;
            (before, Some((cursor, rank)))
        }
    };
    let mut experts = Vec::with_capacity(rows.len());
    for (place, (user_id, username, headline, tally)) in (before + 1..).zip(rows) {
        let (gold, silver, bronze, results) = tally;
        let tally = [gold, silver, bronze, results];
        let rank = match last {
            Some((above, rank)) if above.tally == tally => rank,
            _ => place,
        };
        last = Some((ExpertCursor { tally, user_id }, rank));
        experts.push(ExpertLine {
            rank,
            username,
            headline,
            medals: [gold, silver, bronze],
            results,
        });
    }
    Ok(ExpertPage {
        experts,
        next: last.map(|(cursor, _)| cursor).filter(|_| more),
    })
}
