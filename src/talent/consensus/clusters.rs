//! Near-duplicates: submissions that say the same share one vote.

use super::panel::Submission;
use super::ranks::correlation;

/// Submissions whose scores correlate by more than this say the same thing twice.
const DUPLICATE: f64 = 0.98;

/// Submissions that say the same, and the share of the cluster's vote that each has: first every team
/// an equal one, then every submission of it an equal part of that.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cluster {
    /// (submission, share); the shares sum up to 1.
    pub members: Vec<(usize, f64)>,
}

impl Cluster {
    fn of(members: &[usize], submissions: &[Submission]) -> Self {
        let team = |member: usize| submissions[member].team.as_str();
        let mut teams: Vec<&str> = members.iter().map(|&member| team(member)).collect();
        teams.sort_unstable();
        teams.dedup();
        let share = |&member: &usize| {
            let of_team = members.iter().filter(|&&m| team(m) == team(member)).count();
            (member, 1.0 / (teams.len() * of_team) as f64)
        };
        Self {
            members: members.iter().map(share).collect(),
        }
    }

    /// The cluster without a submission; `None` if nobody is left.
    pub fn without(&self, submission: usize, submissions: &[Submission]) -> Option<Self> {
        let left: Vec<usize> = self
            .members
            .iter()
            .map(|(member, _)| *member)
            .filter(|&member| member != submission)
            .collect();
        (!left.is_empty()).then(|| Self::of(&left, submissions))
    }
}

/// Clusters in which every two submissions say the same (complete linkage, so that a chain of small
/// steps does not join opposites), found in the order of the submissions' names: who came first does
/// not matter. O(submissions² · rows).
pub(super) fn clusters(submissions: &[Submission], scores: &[Vec<f64>]) -> Vec<Cluster> {
    let mut order: Vec<usize> = (0..submissions.len()).collect();
    order.sort_by(|&one, &other| submissions[one].id.cmp(&submissions[other].id));
    let is_constant = |member: usize| scores[member].iter().all(|score| *score == 0.0);
    let is_same = |one: usize, other: usize| match correlation(&scores[one], &scores[other]) {
        Some(correlation) => correlation > DUPLICATE,
        // To say nothing twice is also to say the same.
        None => is_constant(one) && is_constant(other),
    };
    let mut found: Vec<Vec<usize>> = Vec::new();
    for submission in order {
        let joined = found
            .iter_mut()
            .find(|members| members.iter().all(|&member| is_same(member, submission)));
        match joined {
            Some(members) => members.push(submission),
            None => found.push(vec![submission]),
        }
    }
    found
        .iter()
        .map(|members| Cluster::of(members, submissions))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submissions(teams: &[&str]) -> Vec<Submission> {
        let submission = |(number, team): (usize, &&str)| Submission {
            id: number.to_string(),
            team: (*team).to_owned(),
            ratings: Vec::new(),
        };
        teams.iter().enumerate().map(submission).collect()
    }

    #[test]
    fn copies_share_one_vote_and_a_team_with_many_copies_gets_no_more_of_it() {
        let original = vec![1.0, -1.0, 0.5, -0.5];
        let other = vec![-1.0, 1.0, 0.5, -0.5];
        let scores = [
            original.clone(),
            original.clone(),
            original.clone(),
            original,
            other,
        ];
        let found = clusters(&submissions(&["a", "a", "a", "b", "c"]), &scores);
        let sixth = 1.0 / 6.0;
        assert_eq!(
            found[0].members,
            [(0, sixth), (1, sixth), (2, sixth), (3, 0.5)]
        );
        assert_eq!(found[1].members, [(4, 1.0)]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn submissions_that_say_nothing_are_one_and_opposites_are_two() {
        let nothing = vec![0.0; 4];
        let up = vec![-1.0, -0.5, 0.5, 1.0];
        let down = vec![1.0, 0.5, -0.5, -1.0];
        let scores = [nothing.clone(), up, down, nothing];
        let found = clusters(&submissions(&["a", "b", "c", "d"]), &scores);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].members, [(0, 0.5), (3, 0.5)]);
    }

    #[test]
    fn a_cluster_without_its_only_member_is_none() {
        let of = submissions(&["a", "b"]);
        let scores = [vec![1.0, -1.0], vec![1.0, -1.0]];
        let cluster = &clusters(&of, &scores)[0];
        let left = cluster.without(0, &of).unwrap();
        assert_eq!(left.members, [(1, 1.0)]);
        assert_eq!(left.without(1, &of), None);
    }
}
