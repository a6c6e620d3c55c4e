//! The least-squares problem of a step, over nothing but dot products.

/// Residuals that differ by less than the root of this share of their length do so by rounding: single precision has 24 bits.
const ROUNDING: f64 = 1e-12;

/// The weights `w` of the earlier residuals that make `|r - sum of w_i * (r - r_i)|^2 + penalty * |w|^2` least, where
/// `r` is the newest residual and the penalty is `regularization` times the mean of `|r - r_i|^2`.
///
/// `products` has the dot products of all residuals, the newest last, row by row up to the diagonal. Where the residuals
/// do not differ, or so little that rounding has the last word, the weights are zero: a plain step.
pub fn weights(products: &[Vec<f64>], regularization: f64) -> Vec<f64> {
    let Some((newest, earlier)) = products.split_last() else { return Vec::new() };
    let count = earlier.len();
    let Some(own) = newest.get(count) else { return Vec::new() };
    // The differences' dot products: `(r - r_i) . (r - r_j)` for the matrix, `(r - r_i) . r` for the right-hand side.
    let mut matrix: Vec<Vec<f64>> = (0..count)
        .map(|row| (0..=row).map(|column| own - newest[row] - newest[column] + earlier[row][column]).collect())
        .collect();
    let right: Vec<f64> = newest[..count].iter().map(|product| own - product).collect();
    let mean = matrix.iter().enumerate().map(|(row, values)| values[row]).sum::<f64>() / count.max(1) as f64;
    for (row, values) in matrix.iter_mut().enumerate() {
        values[row] += regularization * mean;
    }
    let solved = if mean > ROUNDING * own { solve(matrix, right) } else { None };
    solved.unwrap_or_else(|| vec![0.0; count])
}

/// Solves a symmetric positive definite system, given by its rows up to the diagonal, by Cholesky's decomposition.
/// None if it is not positive definite.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let count = right.len();
    for row in 0..count {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let rest = matrix[row][column] - known;
            matrix[row][column] = if column < row {
                rest / matrix[column][column]
            } else if rest > 0.0 && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    for row in 0..count {
        let known: f64 = (0..row).map(|k| matrix[row][k] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    for row in (0..count).rev() {
        let known: f64 = (row + 1..count).map(|k| matrix[k][row] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_by_hand() {
        // ((4, 2, 0), (2, 5, 2), (0, 2, 5)) * (1, -1, 2) = (2, 1, 8).
        let matrix = vec![vec![4.0], vec![2.0, 5.0], vec![0.0, 2.0, 5.0]];
        let found = solve(matrix, vec![2.0, 1.0, 8.0]).unwrap();
        assert!(found.iter().zip([1.0, -1.0, 2.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(solve(vec![vec![1.0], vec![2.0, 4.0]], vec![1.0, 1.0]), None, "not positive definite");
        assert_eq!(solve(vec![vec![f64::NAN]], vec![1.0]), None, "not a number");
    }

    #[test]
    fn weights_by_hand() {
        assert_eq!(weights(&[vec![4.0]], 0.5), [0.0; 0], "nothing earlier");
        // r_1 = (2, 0), r_2 = (1, 1): r_2 - r_1 = (-1, 1) is at a right angle to r_2.
        assert_eq!(weights(&[vec![4.0], vec![2.0, 2.0]], 0.5), [0.0]);
        // r_1 = 6, r_2 = 4: the difference is -2, its square 4, its product with r_2 -8; a penalty of 12 leaves -8 / 16.
        assert_eq!(weights(&[vec![36.0], vec![24.0, 16.0]], 3.0), [-0.5]);
        assert_eq!(weights(&[vec![4.0], vec![4.0, 4.0]], 0.5), [0.0], "no difference");
        assert_eq!(weights(&[vec![4.0], vec![4.0, 4.0 + 4e-15]], 1e-12), [0.0], "none but rounding");
        assert_eq!(weights(&[vec![f64::INFINITY], vec![1.0, 1.0]], 0.5), [0.0], "no number");
    }
}
