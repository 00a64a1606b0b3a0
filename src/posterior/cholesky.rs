//! The Cholesky factor of a small dense covariance or precision matrix.

/// The lower triangular L with L·Lᵀ = the matrix.
pub(super) struct Cholesky(Vec<Vec<f64>>);

impl Cholesky {
    /// The factor of a symmetric positive semi-definite matrix; only the lower triangle is read. What rounding leaves of a
    /// direction without variance counts as a vanishing one, so no pivot is ever 0.
    pub(super) fn of(matrix: &[Vec<f64>]) -> Self {
        let mut factor: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
        for (i, row) in matrix.iter().enumerate() {
            let mut next: Vec<f64> = Vec::with_capacity(i + 1);
            for (j, before) in factor.iter().enumerate() {
                next.push((row[j] - dot(&next, before)) / before[j]);
            }
            let rest = row[i] - dot(&next, &next);
            let least = (1e-14 * row[i]).max(f64::MIN_POSITIVE);
            next.push(rest.max(least).sqrt());
            factor.push(next);
        }
        Self(factor)
    }

    /// The rows of L, each up to its diagonal.
    pub(super) fn rows(&self) -> &[Vec<f64>] {
        &self.0
    }

    /// The logarithm of the matrix's determinant.
    pub(super) fn log_determinant(&self) -> f64 {
        let diagonal = self.0.iter().filter_map(|row| row.last());
        2.0 * diagonal.map(|pivot| pivot.ln()).sum::<f64>()
    }

    /// The x with matrix · x = `right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(right.len());
        for (row, right) in self.0.iter().zip(right) {
            let known = dot(&x, row);
            x.push((right - known) / row[x.len()]);
        }
        for i in (0..x.len()).rev() {
            let below = self.0.iter().zip(&x).skip(i + 1);
            let known: f64 = below.map(|(row, x)| row[i] * x).sum();
            x[i] = (x[i] - known) / self.0[i][i];
        }
        x
    }

    /// The inverse of the matrix, symmetric to the last bit.
    pub(super) fn inverse(&self) -> Vec<Vec<f64>> {
        let size = self.0.len();
        let column = |at: usize| {
            let unit: Vec<f64> = (0..size).map(|i| f64::from(u8::from(i == at))).collect();
            self.solve(&unit)
        };
        let columns: Vec<Vec<f64>> = (0..size).map(column).collect();
        let mean = |i: usize, j: usize| f64::midpoint(columns[i][j], columns[j][i]);
        let row = |i| (0..size).map(|j| mean(i, j)).collect();
        (0..size).map(row).collect()
    }
}

/// Over as many as the shorter has.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_inverts() {
        let matrix = [
            vec![4.0, 2.0, 0.6],
            vec![2.0, 5.0, -1.0],
            vec![0.6, -1.0, 3.0],
        ];
        let factor = Cholesky::of(&matrix);
        let x = factor.solve(&[1.0, 2.0, 3.0]);
        for (row, right) in matrix.iter().zip([1.0, 2.0, 3.0]) {
            assert!((dot(row, &x) - right).abs() < 1e-14);
        }
        let inverse = factor.inverse();
        for (i, row) in matrix.iter().enumerate() {
            for (j, column) in inverse.iter().enumerate() {
                let unit = f64::from(u8::from(i == j));
                assert!((dot(row, column) - unit).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_singular_matrix_has_a_factor_all_the_same() {
        let factor = Cholesky::of(&[vec![1.0, 1.0], vec![1.0, 1.0]]);
        assert!(factor.rows()[1][1] > 0.0 && factor.rows()[1][1] < 1e-6);
        let nothing = Cholesky::of(&[vec![0.0]]);
        assert!(nothing.rows()[0][0] > 0.0);
    }
}
