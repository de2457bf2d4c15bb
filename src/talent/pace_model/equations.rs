//! Henderson's mixed model equations at given variances.
//!
//! They have a block for each event that touches the rest only through the drivers. The events are
//! eliminated one by one, which leaves a Schur complement as large as the number of drivers; its
//! inverse gives errors and traces on the way back.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::design::{Component, Design, Event, PerComponent, Stint};

/// A number for each stint of each event.
pub(super) type PerStint = Vec<Vec<f64>>;

/// The equations, factorized and solved for the mean lap times of the stints.
pub(super) struct Equations<'d, 'a> {
    pub factor: Factor<'d, 'a>,
    pub solution: Solution,
    /// What the solution leaves of the means.
    pub errors: PerStint,
    /// −2 log restricted likelihood, up to a constant.
    pub deviance: f64,
}

/// The factorized equations.
pub(super) struct Factor<'d, 'a> {
    pub design: &'d Design<'a>,
    pub variances: PerComponent,
    pub blocks: Vec<Block>,
    /// The Schur complement of the global columns.
    pub schur: Cholesky<f64, Dyn>,
    /// Of the variances of stints and effects, and of the equations' matrix.
    log_determinants: f64,
}

/// The eliminated equations of one event.
pub(super) struct Block {
    factor: Cholesky<f64, Dyn>,
    /// Local by global columns: what the global columns take away from the local solution.
    carried: DMatrix<f64>,
}

pub(super) struct Solution {
    pub global: DVector<f64>,
    pub local: Vec<DVector<f64>>,
}

impl<'d, 'a> Equations<'d, 'a> {
    /// `None` if the equations are singular.
    pub fn new(design: &'d Design<'a>, variances: PerComponent) -> Option<Self> {
        let factor = Factor::new(design, variances)?;
        let means: PerStint = design
            .events
            .iter()
            .map(|event| event.stints.iter().map(|stint| stint.mean).collect())
            .collect();
        let solution = factor.solve(&means);
        let errors = factor.unexplained(&means, &solution);
        let residual = variances[Component::Residual as usize];
        let deviance = factor.log_determinants
            + factor.weighted_products(&means, &errors)
            + design.degrees_within * residual.ln()
            + design.squares_within / residual;
        deviance.is_finite().then_some(Self {
            factor,
            solution,
            errors,
            deviance,
        })
    }

    /// The standard errors of the global columns.
    pub fn global_errors(&self) -> Vec<f64> {
        let inverse = self.factor.schur.inverse();
        inverse.diagonal().iter().map(|v| v.sqrt()).collect()
    }
}

impl<'d, 'a> Factor<'d, 'a> {
    fn new(design: &'d Design<'a>, variances: PerComponent) -> Option<Self> {
        let size = design.global_columns;
        let mut schur = DMatrix::zeros(size, size);
        let mut log_determinants = 0.0;
        for column in 0..size {
            let variance = variances[design.component_of_global(column) as usize];
            schur[(column, column)] = 1.0 / variance;
            log_determinants += variance.ln();
        }
        let mut blocks = Vec::with_capacity(design.events.len());
        for event in &design.events {
            let (block, logs) = Block::eliminate(event, &variances, &mut schur)?;
            blocks.push(block);
            log_determinants += logs;
        }
        let schur = Cholesky::new(schur)?;
        log_determinants += schur.ln_determinant();
        Some(Self {
            design,
            variances,
            blocks,
            schur,
            log_determinants,
        })
    }

    /// The effects that best explain `values`, one for each stint of each event.
    pub fn solve(&self, values: &PerStint) -> Solution {
        let mut global = DVector::zeros(self.design.global_columns);
        let mut local = Vec::with_capacity(self.blocks.len());
        for ((event, block), values) in self.design.events.iter().zip(&self.blocks).zip(values) {
            let mut right = DVector::zeros(event.local.len());
            let mut right_global = DVector::zeros(event.global.len());
            for (stint, value) in event.stints.iter().zip(values) {
                let weighted = value / stint.variance(&self.variances);
                stint.local.iter().for_each(|&i| right[i] += weighted);
                stint
                    .global
                    .iter()
                    .for_each(|&i| right_global[i] += weighted);
            }
            right_global -= block.carried.tr_mul(&right);
            for (&column, value) in event.global.iter().zip(right_global.iter()) {
                global[column] += value;
            }
            block.factor.solve_mut(&mut right);
            local.push(right);
        }
        self.schur.solve_mut(&mut global);
        for ((event, block), local) in self.design.events.iter().zip(&self.blocks).zip(&mut local) {
            *local -= &block.carried * event.select(&global);
        }
        Solution { global, local }
    }

    /// What a solution leaves of `values`.
    pub fn unexplained(&self, values: &PerStint, solution: &Solution) -> PerStint {
        let events = self.design.events.iter().zip(&solution.local);
        events
            .zip(values)
            .map(|((event, local), values)| {
                let left = event.stints.iter().zip(values).map(|(stint, value)| {
                    let locals: f64 = stint.local.iter().map(|&i| local[i]).sum();
                    let globals = stint.global.iter().map(|&i| event.global[i]);
                    value - locals - globals.map(|i| solution.global[i]).sum::<f64>()
                });
                left.collect()
            })
            .collect()
    }

    /// Σ a·b / variance over all stints.
    pub fn weighted_products(&self, a: &PerStint, b: &PerStint) -> f64 {
        let events = self.design.events.iter().zip(a).zip(b);
        events
            .flat_map(|((event, a), b)| event.stints.iter().zip(a).zip(b))
            .map(|((stint, a), b)| a * b / stint.variance(&self.variances))
            .sum()
    }
}

impl Block {
    /// Eliminates the local columns of `event`: takes what they explain out of `schur`. Also returns
    /// the event's part of the log determinants.
    fn eliminate(
        event: &Event,
        variances: &PerComponent,
        schur: &mut DMatrix<f64>,
    ) -> Option<(Self, f64)> {
        let (locals, globals) = (event.local.len(), event.global.len());
        let mut matrix = DMatrix::zeros(locals, locals);
        let mut coupling = DMatrix::zeros(locals, globals);
        let mut taken = DMatrix::zeros(globals, globals);
        let mut log_determinants = 0.0;
        for (column, component) in event.local.iter().enumerate() {
            if let Some(component) = component {
                let variance = variances[*component as usize];
                matrix[(column, column)] = 1.0 / variance;
                log_determinants += variance.ln();
            }
        }
        for stint in &event.stints {
            let variance = stint.variance(variances);
            let weight = 1.0 / variance;
            log_determinants += variance.ln();
            for &i in &stint.local {
                stint.local.iter().for_each(|&j| matrix[(i, j)] += weight);
                stint
                    .global
                    .iter()
                    .for_each(|&j| coupling[(i, j)] += weight);
            }
            for &i in &stint.global {
                stint.global.iter().for_each(|&j| taken[(i, j)] -= weight);
            }
        }
        let factor = Cholesky::new(matrix)?;
        log_determinants += factor.ln_determinant();
        let carried = factor.solve(&coupling);
        taken += coupling.tr_mul(&carried);
        for (i, &row) in event.global.iter().enumerate() {
            for (j, &column) in event.global.iter().enumerate() {
                schur[(row, column)] -= taken[(i, j)];
            }
        }
        Some((Self { factor, carried }, log_determinants))
    }
}

impl Event {
    /// The entries of `values` that belong to the event's global columns.
    fn select(&self, values: &DVector<f64>) -> DVector<f64> {
        DVector::from_iterator(
            self.global.len(),
            self.global.iter().map(|&column| values[column]),
        )
    }
}

impl Stint {
    /// The variance of the stint's mean, given its columns.
    pub fn variance(&self, variances: &PerComponent) -> f64 {
        variances[Component::Stint as usize] + variances[Component::Residual as usize] / self.laps
    }
}

/// The part of the inverse of the mixed model equations that belongs to one event.
pub(super) struct Inverse {
    pub local: DMatrix<f64>,
    cross: DMatrix<f64>,
    global: DMatrix<f64>,
}

impl Inverse {
    pub fn new(event: &Event, block: &Block, global_inverse: &DMatrix<f64>) -> Self {
        let size = event.global.len();
        let global = DMatrix::from_fn(size, size, |i, j| {
            global_inverse[(event.global[i], event.global[j])]
        });
        let cross = -(&block.carried * &global);
        let local = block.factor.inverse() - &cross * block.carried.transpose();
        Self {
            local,
            cross,
            global,
        }
    }

    /// The error variance of what the columns of `stint` predict together.
    pub fn quadratic(&self, stint: &Stint) -> f64 {
        let mut sum = 0.0;
        for &i in &stint.local {
            sum += stint.local.iter().map(|&j| self.local[(i, j)]).sum::<f64>();
            sum += 2.0
                * stint
                    .global
                    .iter()
                    .map(|&j| self.cross[(i, j)])
                    .sum::<f64>();
        }
        for &i in &stint.global {
            sum += stint
                .global
                .iter()
                .map(|&j| self.global[(i, j)])
                .sum::<f64>();
        }
        sum
    }
}
