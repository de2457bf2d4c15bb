//! Which ranks win a medal: plain rules over a rank and the number of ranked teams, published as they stand
//! here.
//!
//! How many medals there are grows with the number of teams, and no team ever loses one because another
//! joined. With few teams a podium of three is awarded, and none below [`FEWEST_TEAMS`]. From ten teams on
//! the shares are those that Kaggle's progression system made customary for competitions, so that a medal
//! here and one there can be compared.

use std::fmt;

crate::text_enum! {
    /// A medal.
    pub enum Medal {
        /// The first.
        Gold = "gold",
        /// The second.
        Silver = "silver",
        /// The third.
        Bronze = "bronze",
    }
}

/// The last rank that wins a medal: a number of ranks and a share of the teams, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRank {
    /// Ranks.
    pub ranks: i64,
    /// And as many more as this share of the teams, in thousandths.
    pub per_mille: i64,
}

const fn first(ranks: i64) -> LastRank {
    LastRank {
        ranks,
        per_mille: 0,
    }
}

const fn share(per_mille: i64) -> LastRank {
    LastRank {
        ranks: 0,
        per_mille,
    }
}

impl LastRank {
    /// The rank among so many teams.
    pub fn among(self, teams: i64) -> i64 {
        // By thousands, so that no number of teams overflows.
        let (whole, rest) = (teams / 1000, teams % 1000);
        self.ranks
            .saturating_add(whole.saturating_mul(self.per_mille))
            .saturating_add(rest * self.per_mille / 1000)
    }
}

impl fmt::Display for LastRank {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, tenth) = (self.per_mille / 10, self.per_mille % 10);
        let share = match tenth {
            0 => format!("{whole} %"),
            tenth => format!("{whole}.{tenth} %"),
        };
        match (self.ranks, self.per_mille) {
            (ranks, 0) => write!(formatter, "rank {ranks}"),
            (0, _) => write!(formatter, "{share} of the teams"),
            (ranks, _) => write!(formatter, "rank {ranks}, and {share} of the teams more"),
        }
    }
}

/// What holds from a number of teams on, until the next band begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// The fewest ranked teams.
    pub from_teams: i64,
    /// Up to where there is gold.
    pub gold: LastRank,
    /// From there up to where there is silver.
    pub silver: LastRank,
    /// And bronze.
    pub bronze: LastRank,
}

/// The rules, fewest teams first.
pub const BANDS: [Band; 5] = [
    Band {
        from_teams: 5,
        gold: first(1),
        silver: first(2),
        bronze: first(3),
    },
    Band {
        from_teams: 10,
        gold: share(100),
        silver: share(200),
        bronze: share(400),
    },
    Band {
        from_teams: 100,
        gold: first(10),
        silver: share(200),
        bronze: share(400),
    },
    Band {
        from_teams: 250,
        gold: LastRank {
            ranks: 10,
            per_mille: 2,
        },
        silver: first(50),
        bronze: first(100),
    },
    Band {
        from_teams: 1000,
        gold: LastRank {
            ranks: 10,
            per_mille: 2,
        },
        silver: share(50),
        bronze: share(100),
    },
];

/// With fewer ranked teams there are no medals: a rank among them says too little.
pub const FEWEST_TEAMS: i64 = BANDS[0].from_teams;

/// The last ranks that win gold, silver and bronze among so many ranked teams; none where there are too few.
pub fn last_ranks(teams: i64) -> Option<[(Medal, i64); 3]> {
    let band = BANDS.iter().rev().find(|band| teams >= band.from_teams)?;
    Some([
        (Medal::Gold, band.gold.among(teams)),
        (Medal::Silver, band.silver.among(teams)),
        (Medal::Bronze, band.bronze.among(teams)),
    ])
}

/// The medal of a rank among so many ranked teams. Tied teams share a rank and so the medal.
pub fn medal(rank: i64, teams: i64) -> Option<Medal> {
    let of_rank = |(_, last): &(Medal, i64)| (1..=*last).contains(&rank);
    last_ranks(teams)?
        .into_iter()
        .find(of_rank)
        .map(|(medal, _)| medal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(teams: i64) -> Option<[i64; 3]> {
        last_ranks(teams).map(|last| last.map(|(_, rank)| rank))
    }

    #[test]
    fn few_teams_have_a_podium_and_fewer_have_nothing() {
        assert_eq!(counts(FEWEST_TEAMS - 1), None);
        assert_eq!(medal(1, FEWEST_TEAMS - 1), None);
        assert_eq!(counts(5), Some([1, 2, 3]));
        assert_eq!(counts(10), Some([1, 2, 4]));
        assert_eq!(counts(99), Some([9, 19, 39]));
        assert_eq!(counts(100), Some([10, 20, 40]));
        assert_eq!(counts(250), Some([10, 50, 100]));
        assert_eq!(counts(1000), Some([12, 50, 100]));
        assert_eq!(counts(5000), Some([20, 250, 500]));
    }

    #[test]
    fn a_rank_wins_the_best_medal_that_it_reaches() {
        use Medal::{Bronze, Gold, Silver};
        let won: Vec<_> = (0..=5).map(|rank| medal(rank, 10)).collect();
        let expected = [
            None,
            Some(Gold),
            Some(Silver),
            Some(Bronze),
            Some(Bronze),
            None,
        ];
        assert_eq!(won, expected);
    }

    #[test]
    fn nobody_loses_a_medal_because_another_team_joined() {
        let mut before = [0; 3];
        for teams in 0..20_000 {
            let now = counts(teams).unwrap_or_default();
            assert!(now[0] <= now[1] && now[1] <= now[2] && now[2] <= teams);
            assert!(
                now.iter().zip(&before).all(|(now, before)| now >= before),
                "{teams} teams: {now:?} after {before:?}"
            );
            before = now;
        }
        assert!(counts(i64::MAX).is_some());
    }

    #[test]
    fn the_rules_are_told_in_words() {
        assert_eq!(BANDS[0].gold.to_string(), "rank 1");
        assert_eq!(BANDS[1].silver.to_string(), "20 % of the teams");
        let gold = "rank 10, and 0.2 % of the teams more";
        assert_eq!(BANDS[3].gold.to_string(), gold);
    }
}
