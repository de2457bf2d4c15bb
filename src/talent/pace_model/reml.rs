//! Restricted maximum likelihood by average information.
//!
//! The likelihood is climbed in the logarithms of the variances (so that none turns negative) with
//! the average information matrix (Gilmour, Thompson & Cullis, *Biometrics* 51, 1995), damped where a
//! full step would not climb (Levenberg-Marquardt).

use nalgebra::{Cholesky, DMatrix, DVector};

use super::FitError;
use super::design::{Component, Design, PerComponent, Stint};
use super::equations::{Equations, Inverse, PerStint};

const MOST_ITERATIONS: usize = 200;
/// A step that gains less than this in −2 log likelihood ends the climb.
const SMALLEST_GAIN: f64 = 1e-7;
/// A step changes no variance by a factor of more than e² = 7.4.
const LARGEST_STEP: f64 = 2.0;
/// A standard deviation of 0.0001 % is none.
const SMALLEST_VARIANCE: f64 = 1e-12;
const MOST_DAMPING: f64 = 1e10;

/// The fitted model.
pub(super) struct Maximum {
    pub variances: PerComponent,
    /// The best linear unbiased predictions of the global columns, and their standard errors.
    pub effects: Vec<f64>,
    pub errors: Vec<f64>,
    pub iterations: usize,
}

pub(super) fn maximize(design: &Design<'_>) -> Result<Maximum, FitError> {
    let mut variances = starting_variances(design);
    let mut equations = Equations::new(design, variances).ok_or(FitError::Singular)?;
    let mut damping = 1e-3;
    for iterations in 1..=MOST_ITERATIONS {
        let slope = equations.slope();
        let gain = loop {
            let candidate = slope.step(design, variances, damping);
            let next = Equations::new(design, candidate);
            if let Some(next) = next.filter(|next| next.deviance <= equations.deviance) {
                let gain = equations.deviance - next.deviance;
                (variances, equations) = (candidate, next);
                damping = (damping / 10.0).max(1e-6);
                break gain;
            }
            damping *= 10.0;
            if damping > MOST_DAMPING {
                break 0.0;
            }
        };
        if gain < SMALLEST_GAIN {
            return Ok(Maximum {
                variances,
                errors: equations.global_errors(),
                effects: equations.solution.global.iter().copied().collect(),
                iterations,
            });
        }
    }
    Err(FitError::NotSettled {
        iterations: MOST_ITERATIONS,
    })
}

/// Divides the variance between stints among the components roughly as real laps do.
fn starting_variances(design: &Design<'_>) -> PerComponent {
    let residual = design.squares_within / design.degrees_within;
    let mut squares = 0.0;
    let mut stints = 0.0;
    for event in &design.events {
        let count = event.stints.len() as f64;
        let mean = event.stints.iter().map(|stint| stint.mean).sum::<f64>() / count;
        let deviations = event.stints.iter().map(|stint| stint.mean - mean);
        squares += deviations.map(|d| d * d).sum::<f64>();
        stints += count;
    }
    let between = (squares / stints).max(residual);
    Component::ALL.map(|component| match component {
        Component::Residual => residual,
        present if !design.has(present) => 0.0,
        Component::Driver => 0.5 * between,
        Component::Wet | Component::Kart => 0.2 * between,
        Component::DriverEvent => 0.1 * between,
        Component::Stint => 0.3 * between,
    })
}

/// Which way the likelihood climbs, in the logarithms of the variances.
struct Slope {
    /// −½ of the deviance's derivatives.
    gradient: PerComponent,
    /// Average information.
    information: [PerComponent; 6],
}

impl Equations<'_, '_> {
    fn slope(&self) -> Slope {
        let directions = self.directions();
        let explained: Vec<_> = directions
            .iter()
            .map(|values| self.factor.unexplained(values, &self.factor.solve(values)))
            .collect();
        let mut information = [[0.0; 6]; 6];
        for i in 0..6 {
            for j in 0..6 {
                information[i][j] = 0.5
                    * self.factor.variances[i]
                    * self.factor.variances[j]
                    * self.factor.weighted_products(&directions[i], &explained[j]);
            }
        }
        let residual = Component::Residual as usize;
        information[residual][residual] += 0.5 * self.factor.design.degrees_within;
        Slope {
            gradient: self.gradient(),
            information,
        }
    }

    /// For each component, the derivative of the variance of the stints' means, times P·y: the
    /// working variates of average information.
    fn directions(&self) -> [PerStint; 6] {
        Component::ALL.map(|component| {
            let variance = self.factor.variances[component as usize];
            self.factor
                .design
                .events
                .iter()
                .enumerate()
                .map(|(e, event)| {
                    let of_stint = |(stint, error): (&Stint, &f64)| match component {
                        _ if !self.factor.design.has(component) => 0.0,
                        Component::Stint => error / stint.variance(&self.factor.variances),
                        Component::Residual => {
                            error / stint.variance(&self.factor.variances) / stint.laps
                        }
                        Component::Driver | Component::Wet => {
                            let columns = stint.global.iter().map(|&i| event.global[i]);
                            columns
                                .filter(|&c| self.factor.design.component_of_global(c) == component)
                                .map(|c| self.solution.global[c] / variance)
                                .sum()
                        }
                        Component::Kart | Component::DriverEvent => {
                            let columns = stint.local.iter();
                            columns
                                .filter(|&&c| event.local[c] == Some(component))
                                .map(|&c| self.solution.local[e][c] / variance)
                                .sum()
                        }
                    };
                    event
                        .stints
                        .iter()
                        .zip(&self.errors[e])
                        .map(of_stint)
                        .collect()
                })
                .collect()
        })
    }

    fn gradient(&self) -> PerComponent {
        // The deviance's derivatives by the logarithm of each variance.
        let mut derivatives = [0.0; 6];
        let mut add_effect = |component: Component, effect: f64, error: f64| {
            let variance = self.factor.variances[component as usize];
            derivatives[component as usize] += 1.0 - (effect * effect + error) / variance;
        };
        let global_inverse = self.factor.schur.inverse();
        for column in 0..self.factor.design.global_columns {
            add_effect(
                self.factor.design.component_of_global(column),
                self.solution.global[column],
                global_inverse[(column, column)],
            );
        }
        let mut by_stint = 0.0;
        let mut by_residual = 0.0;
        for (e, (event, block)) in self
            .factor
            .design
            .events
            .iter()
            .zip(&self.factor.blocks)
            .enumerate()
        {
            let inverse = Inverse::new(event, block, &global_inverse);
            for (column, component) in event.local.iter().enumerate() {
                if let Some(component) = *component {
                    let effect = self.solution.local[e][column];
                    add_effect(component, effect, inverse.local[(column, column)]);
                }
            }
            for (stint, error) in event.stints.iter().zip(&self.errors[e]) {
                let variance = stint.variance(&self.factor.variances);
                let left = (1.0 - (inverse.quadratic(stint) + error * error) / variance) / variance;
                by_stint += left;
                by_residual += left / stint.laps;
            }
        }
        let [stint, residual] = [Component::Stint, Component::Residual].map(|c| c as usize);
        derivatives[stint] = self.factor.variances[stint] * by_stint;
        derivatives[residual] = self.factor.variances[residual] * by_residual
            + self.factor.design.degrees_within
            - self.factor.design.squares_within / self.factor.variances[residual];
        derivatives.map(|derivative| -0.5 * derivative)
    }
}

impl Slope {
    /// The variances after a step, damped the more the larger `damping` is.
    fn step(&self, design: &Design<'_>, variances: PerComponent, damping: f64) -> PerComponent {
        let active: Vec<usize> = Component::ALL
            .into_iter()
            .filter(|&component| design.has(component))
            .map(|component| component as usize)
            .collect();
        let size = active.len();
        let mut matrix =
            DMatrix::from_fn(size, size, |i, j| self.information[active[i]][active[j]]);
        for i in 0..size {
            // The second term keeps a variance near zero, which tells nothing, from blocking the rest.
            matrix[(i, i)] += damping * matrix[(i, i)] + 1e-9;
        }
        let gradient = DVector::from_fn(size, |i, _| self.gradient[active[i]]);
        let Some(step) = Cholesky::new(matrix).map(|factor| factor.solve(&gradient)) else {
            return variances;
        };
        let mut next = variances;
        for (&component, step) in active.iter().zip(step.iter()) {
            let factor = step.clamp(-LARGEST_STEP, LARGEST_STEP).exp();
            next[component] = (variances[component] * factor).max(SMALLEST_VARIANCE);
        }
        next
    }
}
