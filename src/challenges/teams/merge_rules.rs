//! When two teams may become one: plain rules over plain values.
//!
//! The rule about submissions is Kaggle's: together the teams may have sent no more than one team could
//! have by now, which is a day's places for each day of the phase so far, and never more than the phase
//! allows in all. So nobody gains places by merging.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{Member, Team};
use crate::challenges::challenge::Phase;
use crate::challenges::limits::Limits;

/// Why two teams may not become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefusal {
    /// Teams stay as they are.
    #[error("Teams have been locked since {at}; nobody joins or leaves one any more.")]
    Locked {
        /// Since when.
        at: DateTime<Utc>,
    },
    /// It is one and the same.
    #[error("This is your own team.")]
    SameTeam,
    /// They are too many.
    #[error("Together that would be {members} members; a team here has at most {limit}.")]
    TooLarge {
        /// How many they would be.
        members: usize,
        /// How many they may be.
        limit: u32,
    },
    /// They sent too much.
    #[error(
        "Together the teams sent {sent} submissions in the phase {phase}; one team could have sent {allowed} by now. \
         Wait for another day, as long as the phase's total allows it."
    )]
    TooManySubmissions {
        /// The phase's name.
        phase: String,
        /// What they sent.
        sent: u32,
        /// What one team could have.
        allowed: u32,
    },
    /// One of them is off the boards.
    #[error("The team {team} is disqualified; its members stay with it.")]
    Disqualified {
        /// Its name.
        team: String,
    },
    /// One of them is the organizer's.
    #[error("The team {team} is the organizer's baseline; it merges with nobody.")]
    Baseline {
        /// Its name.
        team: String,
    },
    /// Somebody has not accepted the rules in force.
    #[error("{username} has not accepted the rules in force yet.")]
    RulesNotAccepted {
        /// Who.
        username: String,
    },
}

/// What the rules look at of a team.
#[derive(Debug, Clone, Copy)]
pub struct Party<'a> {
    /// The team.
    pub team: &'a Team,
    /// Its counted submissions in the phase that matters now.
    pub sent: u32,
}

/// What the rules are made of.
#[derive(Debug, Clone, Copy)]
pub struct MergeRules<'a> {
    /// The most members of a team.
    pub max_team_size: u32,
    /// The version of the rules in force.
    pub rules_version: i32,
    /// The name of the phase that matters now.
    pub phase: &'a str,
    /// How many submissions one team could have sent in it by now.
    pub allowed: u32,
}

/// How many submissions one team could have sent in a phase by now: a day's places for each day of the
/// challenge's zone that the phase has touched, today included, within the phase's total.
pub fn allowed_so_far(
    limits: Limits,
    starts_at: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: Tz,
) -> u32 {
    let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    let days = match now < starts_at {
        true => 0,
        false => (day(now) - day(starts_at)).num_days().saturating_add(1),
    };
    let days = u32::try_from(days).unwrap_or_default();
    limits.per_day.saturating_mul(days).min(limits.total)
}

/// Whether two teams may become one.
///
/// # Errors
/// The first rule that is against it.
pub fn check(
    rules: &MergeRules<'_>,
    asking: Party<'_>,
    joining: Party<'_>,
) -> Result<(), MergeRefusal> {
    if asking.team.id == joining.team.id {
        return Err(MergeRefusal::SameTeam);
    }
    for Party { team, .. } in [asking, joining] {
        let name = || team.name.clone();
        if team.is_baseline {
            return Err(MergeRefusal::Baseline { team: name() });
        }
        if team.disqualified.is_some() {
            return Err(MergeRefusal::Disqualified { team: name() });
        }
        let outdated = |member: &&Member| member.rules_version != rules.rules_version;
        if let Some(member) = team.members.iter().find(outdated) {
            return Err(MergeRefusal::RulesNotAccepted {
                username: member.username.clone(),
            });
        }
    }
    let members = asking.team.members.len() + joining.team.members.len();
    check_size(members, rules.max_team_size)?;
    let sent = asking.sent.saturating_add(joining.sent);
    // Who sent nothing brings nothing, whatever a correction of the limits has made of the other's count.
    if sent > rules.allowed && asking.sent > 0 && joining.sent > 0 {
        return Err(MergeRefusal::TooManySubmissions {
            phase: rules.phase.to_owned(),
            sent,
            allowed: rules.allowed,
        });
    }
    Ok(())
}

/// Whether a team may have so many members.
pub(super) fn check_size(members: usize, limit: u32) -> Result<(), MergeRefusal> {
    if u32::try_from(members).is_ok_and(|members| members <= limit) {
        Ok(())
    } else {
        Err(MergeRefusal::TooLarge { members, limit })
    }
}

/// From when teams stay as they are: when the organizer said, and at the latest when the last phase ends.
pub fn locked_from(
    teams_locked_at: Option<DateTime<Utc>>,
    phases: &[Phase],
) -> Option<DateTime<Utc>> {
    let over = phases.last().map(Phase::late_from);
    teams_locked_at.into_iter().chain(over).min()
}

/// Whether teams may still change.
pub(super) fn check_unlocked(
    teams_locked_at: Option<DateTime<Utc>>,
    phases: &[Phase],
    now: DateTime<Utc>,
) -> Result<(), MergeRefusal> {
    match locked_from(teams_locked_at, phases) {
        Some(at) if now >= at => Err(MergeRefusal::Locked { at }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Disqualification;
    use super::*;
    use chrono::TimeZone;

    fn team(id: i64, members: i64) -> Team {
        Team {
            id,
            name: format!("Team {id}"),
            captain_id: None,
            members: (0..members)
                .map(|number| Member {
                    user_id: id * 100 + number,
                    username: format!("driver-{id}-{number}"),
                    rules_version: 2,
                    accepted_at: DateTime::UNIX_EPOCH,
                })
                .collect(),
            is_baseline: false,
            disqualified: None,
        }
    }

    const RULES: MergeRules<'_> = MergeRules {
        max_team_size: 3,
        rules_version: 2,
        phase: "Final",
        allowed: 10,
    };

    fn checked(asking: &Team, sent: u32, joining: &Team, also: u32) -> Result<(), MergeRefusal> {
        let asking = Party { team: asking, sent };
        let joining = Party {
            team: joining,
            sent: also,
        };
        check(&RULES, asking, joining)
    }

    #[test]
    fn teams_that_fit_become_one() {
        assert_eq!(checked(&team(1, 1), 4, &team(2, 2), 6), Ok(()));
        assert_eq!(
            checked(&team(1, 1), 5, &team(2, 2), 6),
            Err(MergeRefusal::TooManySubmissions {
                phase: "Final".into(),
                sent: 11,
                allowed: 10
            })
        );
        assert_eq!(checked(&team(1, 1), 11, &team(2, 2), 0), Ok(()));
        assert_eq!(
            checked(&team(1, 2), 0, &team(2, 2), 0),
            Err(MergeRefusal::TooLarge {
                members: 4,
                limit: 3
            })
        );
        assert_eq!(
            checked(&team(1, 1), 0, &team(1, 1), 0),
            Err(MergeRefusal::SameTeam)
        );
    }

    #[test]
    fn nobody_merges_with_a_baseline_or_out_of_a_disqualification_or_past_the_rules() {
        let baseline = Team {
            is_baseline: true,
            ..team(2, 1)
        };
        let disqualified = Team {
            disqualified: Some(Disqualification {
                at: DateTime::UNIX_EPOCH,
                reason: "two accounts".into(),
            }),
            ..team(2, 1)
        };
        let mut outdated = team(2, 1);
        outdated.members[0].rules_version = 1;
        let name = || "Team 2".to_owned();
        for (other, refusal) in [
            (baseline, MergeRefusal::Baseline { team: name() }),
            (disqualified, MergeRefusal::Disqualified { team: name() }),
            (
                outdated,
                MergeRefusal::RulesNotAccepted {
                    username: "driver-2-0".into(),
                },
            ),
        ] {
            assert_eq!(checked(&team(1, 1), 0, &other, 0), Err(refusal.clone()));
            assert_eq!(checked(&other, 0, &team(1, 1), 0), Err(refusal));
        }
    }

    #[test]
    fn a_days_places_for_each_day_so_far_and_never_more_than_the_total() {
        let limits = Limits {
            per_day: 2,
            total: 7,
        };
        let start = Utc.with_ymd_and_hms(2026, 6, 1, 22, 30, 0).unwrap();
        let at = |day, hour| Utc.with_ymd_and_hms(2026, 6, day, hour, 0, 0).unwrap();
        let in_utc = |now| allowed_so_far(limits, start, now, Tz::UTC);
        assert_eq!(in_utc(at(1, 22)), 0);
        assert_eq!(in_utc(at(1, 23)), 2);
        assert_eq!(in_utc(at(2, 0)), 4);
        assert_eq!(in_utc(at(3, 12)), 6);
        assert_eq!(in_utc(at(4, 12)), 7);
        // In Rome the phase began on the 2nd.
        assert_eq!(
            allowed_so_far(limits, start, at(2, 12), Tz::Europe__Rome),
            2
        );
    }
}
