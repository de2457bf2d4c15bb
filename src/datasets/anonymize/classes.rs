//! Classes of subjects that look alike in their quasi-identifiers (Sweeney 2002), counted in people.
//!
//! A pseudonym links the rows that carry it, so what an attacker sees of a subject is not one
//! combination of quasi-identifiers but all that occur under the pseudonym: four places together
//! identify most people, though each place is crowded. A class therefore gathers the *sets* of
//! combinations that are equal. Where no subject is published nothing links the rows, and a class is
//! one combination.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::policy::SmallClasses;
use super::transforms::SubjectNumber;

/// Combinations of quasi-identifiers and who has them.
#[derive(Default)]
pub(super) struct Classes {
    combinations: HashMap<Vec<u8>, usize>,
    /// What is seen under each published subject, ascending: most show one combination, and a set would
    /// take several times the memory.
    units: BTreeMap<String, (SubjectNumber, Vec<usize>)>,
    /// Who is seen with each combination, where no subject is published.
    unlinked: BTreeMap<usize, HashSet<SubjectNumber>>,
}

/// Which rows cannot show their quasi-identifiers, and what that leaves.
#[derive(Default)]
pub(super) struct Resolution {
    hidden_units: HashSet<String>,
    hidden_combinations: HashSet<Vec<u8>>,
    /// Classes that are published, the hidden one among them where it keeps its rows.
    pub(super) classes: u64,
    /// Subjects in the least of them; nothing when no class is left.
    pub(super) smallest: Option<u64>,
    /// Classes found too small, or given up to fill the hidden one.
    pub(super) hidden_classes: u64,
    /// Subjects in those classes.
    pub(super) hidden_subjects: u64,
}

impl Classes {
    /// Takes in a row: the subject, its published name where there is one, and the published cells of
    /// its quasi-identifiers.
    pub(super) fn add(
        &mut self,
        subject: SubjectNumber,
        unit: Option<String>,
        combination: Vec<u8>,
    ) {
        let next = self.combinations.len();
        let combination = *self.combinations.entry(combination).or_insert(next);
        match unit {
            Some(unit) => {
                let unit = self.units.entry(unit);
                let (_, seen) = unit.or_insert_with(|| (subject, Vec::with_capacity(1)));
                if let Err(place) = seen.binary_search(&combination) {
                    seen.insert(place, combination);
                }
            }
            None => {
                self.unlinked
                    .entry(combination)
                    .or_default()
                    .insert(subject);
            }
        }
    }

    /// Finds the classes of fewer than `k` subjects. Hidden rows look alike too, so together they
    /// must be `k` subjects again: as many of the next smallest classes join them as that takes.
    pub(super) fn resolve(self, k: u64, small_classes: SmallClasses) -> Resolution {
        self.resolve_by(k, small_classes, |_| true)
    }

    /// As [`Classes::resolve`], where a class must also fulfil something besides its size: one that does
    /// not counts as too small, and the hidden one takes in classes until it does.
    pub(super) fn resolve_by(
        self,
        k: u64,
        small_classes: SmallClasses,
        fulfils: impl Fn(&HashSet<SubjectNumber>) -> bool,
    ) -> Resolution {
        type Members = (HashSet<SubjectNumber>, Vec<String>);
        let mut classes: BTreeMap<Vec<usize>, Members> = BTreeMap::new();
        for (unit, (subject, seen)) in self.units {
            let class = classes.entry(seen).or_default();
            class.0.insert(subject);
            class.1.push(unit);
        }
        for (combination, subjects) in self.unlinked {
            classes.entry(vec![combination]).or_default().0 = subjects;
        }
        let is_small =
            |subjects: &HashSet<SubjectNumber>| (subjects.len() as u64) < k || !fulfils(subjects);
        let mut by_size: Vec<_> = classes.into_iter().collect();
        // Stable, so that equal sizes stay in the order of their combinations' first rows.
        by_size.sort_by_cached_key(|(_, (subjects, _))| (!is_small(subjects), subjects.len()));

        let mut resolution = Resolution::default();
        let mut hidden: HashSet<SubjectNumber> = HashSet::new();
        let mut hidden_combinations = HashSet::new();
        for (seen, (subjects, units)) in by_size {
            let fills = small_classes == SmallClasses::Generalise
                && !hidden.is_empty()
                && is_small(&hidden);
            if fills || is_small(&subjects) {
                resolution.hidden_classes += 1;
                hidden.extend(subjects);
                if units.is_empty() {
                    hidden_combinations.extend(seen);
                }
                resolution.hidden_units.extend(units);
            } else {
                resolution.classes += 1;
                let size = subjects.len() as u64;
                resolution.smallest = Some(resolution.smallest.map_or(size, |s| s.min(size)));
            }
        }
        resolution.hidden_subjects = hidden.len() as u64;
        if small_classes == SmallClasses::Generalise && !hidden.is_empty() {
            let size = resolution.hidden_subjects;
            resolution.classes += 1;
            resolution.smallest = Some(resolution.smallest.map_or(size, |s| s.min(size)));
        }
        resolution.hidden_combinations = self
            .combinations
            .into_iter()
            .filter(|(_, number)| hidden_combinations.contains(number))
            .map(|(cells, _)| cells)
            .collect();
        resolution
    }
}

impl Resolution {
    /// Whether the row's quasi-identifiers are hidden.
    pub(super) fn hides(&self, unit: Option<&str>, combination: &[u8]) -> bool {
        match unit {
            Some(unit) => self.hidden_units.contains(unit),
            None => self.hidden_combinations.contains(combination),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(rows: &[(u32, &str)]) -> Classes {
        let mut classes = Classes::default();
        for (subject, age) in rows {
            classes.add(
                *subject,
                Some(format!("D-{subject}")),
                age.as_bytes().to_vec(),
            );
        }
        classes
    }

    #[test]
    fn two_crowded_combinations_can_single_a_subject_out_together() {
        // Both ages have three drivers; only driver 1 was seen with both.
        let rows = [
            (1, "14"),
            (1, "15"),
            (2, "14"),
            (3, "14"),
            (4, "15"),
            (5, "15"),
        ];
        let resolution = classes(&rows).resolve(2, SmallClasses::Drop);
        assert!(resolution.hides(Some("D-1"), b"14"));
        assert!(!resolution.hides(Some("D-2"), b"14"));
        assert_eq!((resolution.classes, resolution.smallest), (2, Some(2)));
        assert_eq!(
            (resolution.hidden_classes, resolution.hidden_subjects),
            (1, 1)
        );
    }

    #[test]
    fn the_hidden_ones_are_a_crowd_themselves() {
        let rows = [
            (1, "9"),
            (2, "12"),
            (3, "12"),
            (4, "14"),
            (5, "14"),
            (6, "14"),
        ];
        let resolution = classes(&rows).resolve(2, SmallClasses::Generalise);
        // Driver 1 hidden alone would be known by being hidden, so the smallest class joins.
        assert!(resolution.hides(Some("D-1"), b"9") && resolution.hides(Some("D-3"), b"12"));
        assert!(!resolution.hides(Some("D-4"), b"14"));
        assert_eq!((resolution.classes, resolution.smallest), (2, Some(3)));
    }

    #[test]
    fn rows_that_nothing_links_are_judged_one_by_one() {
        let mut classes = Classes::default();
        for (subject, age) in [(1, "14"), (2, "14"), (1, "15"), (1, "15")] {
            classes.add(subject, None, age.as_bytes().to_vec());
        }
        let resolution = classes.resolve(2, SmallClasses::Drop);
        // Two rows of age 15, but one person.
        assert!(resolution.hides(None, b"15") && !resolution.hides(None, b"14"));
    }
}
