//! The optimum over the lattice of levels (full-domain generalisation, Samarati 2001; LeFevre et al.
//! 2005).
//!
//! Each node of the lattice gives every quasi-identifier one level. Three facts keep the search
//! from counting classes at all of them, and none gives up the optimum:
//! - Publishing every row at a node loses the sum of what its columns lose, known without
//!   counting; suppression only adds. So nodes are taken in that order, and the search ends where
//!   this alone reaches the best loss found.
//! - A class that is large enough stays so at coarser levels. So what a node must suppress, all
//!   finer nodes must, and it costs them no less. A node that must suppress more than allowed rules
//!   out all finer ones.
//! - Hence what a coarser node rules out grows towards the finer ones, and the coarsest node that
//!   rules out the one at hand is found by bisection on a path upwards (as in Flash, Kohlmayer et al.
//!   2012).

use rustc_hash::FxHashMap;

use super::cells::{Cells, Packed, Suppression};
use super::solution::Solution;
use super::{Input, KAnonymityError, Requirements};

/// Nodes of the lattice that a search takes at most: eight columns of five levels are 390,625.
const MOST_NODES: usize = 1_000_000;

/// Cells that are kept to derive coarser nodes from, besides the input's.
const KEPT_CELLS: usize = 1 << 20;

/// Finds the levels that lose least by the normalised certainty penalty (NCP): the sum over cells of
/// (leaves under the published value − 1)/(leaves of the hierarchy − 1), 1 for each cell of a
/// suppressed row, over the number of cells. Rows that are suppressed are left out of the release;
/// published as `*` they would be a class of their own, which nothing here judges.
///
/// The same input gives the same answer, whatever the machine.
///
/// # Errors
/// [`KAnonymityError`]: requirements out of range, an input too large, or no answer.
pub fn search<'a>(
    input: &'a Input,
    requirements: &Requirements,
) -> Result<Solution<'a>, KAnonymityError> {
    requirements.check()?;
    let lattice = Lattice::new(input)?;
    let packed = Packed::new(input, requirements)?;
    let mut search = Search {
        packed: &packed,
        lattice: &lattice,
        judged: FxHashMap::default(),
        barriers: Vec::new(),
        kept: Vec::new(),
        kept_cells: 0,
        best: None,
    };
    search.run();
    let best = search.best.take();
    match best {
        Some(best) => Ok(Solution::at_levels(packed, input, best.levels)),
        None => Err(KAnonymityError::Unattainable { rows: input.rows }),
    }
}

impl Requirements {
    fn check(&self) -> Result<(), KAnonymityError> {
        if self.k < 2 {
            return Err(KAnonymityError::Requirement {
                name: "k",
                value: self.k.to_string(),
                expected: "at least 2: a class of one singles a person out",
            });
        }
        if !(0.0..=1.0).contains(&self.suppression_limit) {
            return Err(KAnonymityError::Requirement {
                name: "the suppression limit",
                value: self.suppression_limit.to_string(),
                expected: "a share of the rows, from 0 to 1",
            });
        }
        let mut criteria = self.criteria.iter();
        criteria.try_for_each(|(_, criterion)| criterion.check())
    }
}

/// All combinations of levels, numbered.
struct Lattice {
    levels: Vec<usize>,
    nodes: usize,
}

impl Lattice {
    fn new(input: &Input) -> Result<Lattice, KAnonymityError> {
        let columns = input.quasi_identifiers.iter();
        let levels: Vec<_> = columns.map(|column| column.hierarchy.levels()).collect();
        let nodes = levels.iter().fold(1_u128, |nodes, levels| {
            nodes.saturating_mul(*levels as u128)
        });
        match usize::try_from(nodes) {
            Ok(nodes) if nodes <= MOST_NODES => Ok(Lattice { levels, nodes }),
            _ => Err(KAnonymityError::TooManyCombinations {
                levels: nodes,
                most: MOST_NODES,
            }),
        }
    }

    fn levels(&self, mut node: usize) -> Vec<usize> {
        let level = |count: &usize| {
            let level = node % count;
            node /= count;
            level
        };
        self.levels.iter().map(level).collect()
    }

    fn node(&self, levels: &[usize]) -> usize {
        let columns = levels.iter().zip(&self.levels).rev();
        columns.fold(0, |node, (level, count)| node * count + level)
    }
}

/// Whether no level of `levels` is above that of `others`.
fn is_finer(levels: &[usize], others: &[usize]) -> bool {
    let mut columns = levels.iter().zip(others);
    columns.all(|(level, other)| level <= other)
}

struct Best {
    levels: Vec<usize>,
    /// In cells of the table.
    loss: f64,
}

/// What a judged node tells of all finer ones.
struct Barrier {
    levels: Vec<usize>,
    /// What suppression adds at least, in cells of the table; infinite where too many rows go.
    least: f64,
}

struct Search<'s, 'a> {
    packed: &'s Packed<'a>,
    lattice: &'s Lattice,
    judged: FxHashMap<usize, f64>,
    barriers: Vec<Barrier>,
    kept: Vec<Cells>,
    kept_cells: usize,
    best: Option<Best>,
}

impl Search<'_, '_> {
    fn run(&mut self) {
        let loss = |node| self.packed.loss(&self.lattice.levels(node));
        let mut order: Vec<_> = (0..self.lattice.nodes)
            .map(|node| (loss(node), node))
            .collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (loss, node) in order {
            if loss >= self.limit() {
                return;
            }
            let levels = self.lattice.levels(node);
            if !self.is_ruled_out(&levels, loss) {
                self.bisect(levels, loss);
            }
        }
    }

    /// The loss to fall below.
    fn limit(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.loss)
    }

    fn is_ruled_out(&self, levels: &[usize], loss: f64) -> bool {
        let limit = self.limit();
        let mut barriers = self.barriers.iter();
        barriers.any(|barrier| loss + barrier.least >= limit && is_finer(levels, &barrier.levels))
    }

    /// Judges nodes on a path upwards until it is known whether the node at its foot is the best yet.
    fn bisect(&mut self, foot: Vec<usize>, loss: f64) {
        let path = self.path(foot);
        // The node at `ruled` rules the foot out (all below do), the one at `open` does not.
        let (mut ruled, mut open) = (None, path.len());
        while ruled.map_or(0, |ruled: usize| ruled + 1) < open {
            let low = ruled.map_or(0, |ruled| ruled + 1);
            let middle = low + (open - low) / 2;
            if loss + self.judge(&path[middle]) >= self.limit() {
                ruled = Some(middle);
            } else {
                open = middle;
            }
        }
    }

    /// From a node up to the top, each step where it costs least.
    fn path(&self, foot: Vec<usize>) -> Vec<Vec<usize>> {
        let mut path = vec![foot];
        while let Some(last) = path.last() {
            let step = (0..last.len())
                .filter(|column| last[*column] + 1 < self.lattice.levels[*column])
                .map(|column| {
                    let mut next = last.clone();
                    next[column] += 1;
                    (self.packed.loss(&next), next)
                })
                .min_by(|a, b| a.0.total_cmp(&b.0));
            match step {
                Some((_, next)) => path.push(next),
                None => break,
            }
        }
        path
    }

    /// Counts the classes of a node, takes it as the best if it is, and returns what it tells of the
    /// finer ones.
    fn judge(&mut self, levels: &[usize]) -> f64 {
        let node = self.lattice.node(levels);
        if let Some(least) = self.judged.get(&node) {
            return *least;
        }
        let kept = self.kept.iter();
        let kept = kept
            .filter(|cells| is_finer(&cells.levels, levels))
            .min_by_key(|cells| cells.keys.len());
        let from = kept.unwrap_or(&self.packed.cells);
        let cells = self.packed.raise(from, levels);
        let Suppression {
            rows,
            loss,
            inherited_rows,
            inherited_loss,
        } = self.packed.suppression(&cells);
        let loss = self.packed.loss(levels) + loss;
        if rows <= self.packed.allowed && loss < self.limit() {
            self.best = Some(Best {
                levels: levels.to_vec(),
                loss,
            });
        }
        let least = if inherited_rows > self.packed.allowed {
            f64::INFINITY
        } else {
            inherited_loss
        };
        if least > 0.0 {
            // What the finer ones tell may be told by this one too.
            self.barriers
                .retain(|barrier| barrier.least > least || !is_finer(&barrier.levels, levels));
            self.barriers.push(Barrier {
                levels: levels.to_vec(),
                least,
            });
        }
        self.judged.insert(node, least);
        if cells.keys.len() * 2 <= from.keys.len() && self.kept_cells < KEPT_CELLS {
            self.kept_cells += cells.keys.len();
            self.kept.push(cells);
        }
        least
    }
}
