//! Least squares with intervals.

use nalgebra::{DMatrix, DVector};

use crate::talent::pace_model::{Estimate, student_95};

/// A fitted plane.
pub(super) struct LeastSquares {
    pub coefficients: DVector<f64>,
    /// Standard errors of the coefficients.
    pub errors: DVector<f64>,
    degrees: f64,
}

impl LeastSquares {
    /// A coefficient with its 95 % interval.
    pub fn estimate(&self, column: usize) -> Estimate {
        let (value, error) = (self.coefficients[column], self.errors[column]);
        let width = student_95(self.degrees) * error;
        Estimate {
            value,
            low: value - width,
            high: value + width,
        }
    }
}

/// Least squares; `None` where the columns do not tell their coefficients apart or leave no degree
/// of freedom.
pub(super) fn least_squares(columns: &[Vec<f64>], values: &[f64]) -> Option<LeastSquares> {
    let degrees = values.len() as f64 - columns.len() as f64;
    if degrees < 1.0 {
        return None;
    }
    let matrix = DMatrix::from_fn(values.len(), columns.len(), |row, column| {
        columns[column][row]
    });
    let right = DVector::from_column_slice(values);
    let square = matrix.tr_mul(&matrix);
    // A column that hardly varies would give a slope of rounding errors.
    let scale = square.diagonal();
    let correlation = DMatrix::from_fn(columns.len(), columns.len(), |i, j| {
        square[(i, j)] / (scale[i] * scale[j]).sqrt()
    });
    let determinant = correlation.determinant();
    if determinant.is_nan() || determinant <= 1e-9 {
        return None;
    }
    let inverse = square.try_inverse()?;
    let coefficients = &inverse * matrix.tr_mul(&right);
    let left = &right - &matrix * &coefficients;
    let variance = left.norm_squared() / degrees;
    Some(LeastSquares {
        errors: inverse.diagonal().map(|v| (v * variance).sqrt()),
        coefficients,
        degrees,
    })
}
