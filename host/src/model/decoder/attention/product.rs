//! Matrix products over slices with strides: the tensor library's own kernels, without its tensors.
//!
//! The only `unsafe` code of the model: the kernels take pointers. Every call is checked against its slices first.
#![allow(unsafe_code)]

use gemm::{Parallelism, gemm};

/// A matrix within a slice.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    /// Where its elements are.
    pub data: &'a [f32],
    /// Distance between rows.
    pub row_stride: usize,
    /// Distance between columns.
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `row_stride` numbers, of which the first ones count.
    pub fn rows(data: &'a [f32], row_stride: usize) -> Self {
        Self { data, row_stride, column_stride: 1 }
    }

    /// The same matrix with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.data.len()
    }
}

/// `out = factor * left * right`, or with `add` that much more, for `left` `[m, k]` and `right` `[k, n]`, on this thread.
/// `out` has rows of `out_stride` numbers, of which the first `n` are written.
///
/// # Panics
/// If a matrix reaches beyond its slice, or rows of `out` overlap.
pub fn multiply(
    (m, k, n): (usize, usize, usize),
    factor: f32,
    left: Matrix<'_>,
    right: Matrix<'_>,
    out: &mut [f32],
    out_stride: usize,
    add: bool,
) {
    assert!(left.holds(m, k) && right.holds(k, n), "a matrix reaches beyond its slice");
    assert!(m == 0 || n == 0 || (m - 1) * out_stride + n <= out.len(), "the result reaches beyond its slice");
    assert!(n <= out_stride, "rows of the result overlap");
    // SAFETY: by the assertions every element that the kernel reads or writes lies within its slice, and `out` is
    // borrowed mutably, so that it overlaps neither input. Strides of slices fit `isize`.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_strides() {
        // [[1, 2], [3, 4]] within rows of three, times the transpose of [[5, 6], [7, 8]].
        let left = [1., 2., 0., 3., 4., 0.];
        let right = [5., 6., 7., 8.];
        let mut out = [9.0; 6];
        let right = Matrix::rows(&right, 2).transposed();
        multiply((2, 2, 2), 2.0, Matrix::rows(&left, 3), right, &mut out, 3, false);
        assert_eq!(out, [34., 46., 9., 78., 106., 9.]);
        multiply((2, 2, 2), 1.0, Matrix::rows(&left, 3), right, &mut out, 3, true);
        assert_eq!(out, [51., 69., 9., 117., 159., 9.]);
    }

    #[test]
    #[should_panic(expected = "beyond its slice")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let mut out = [0.0; 4];
        multiply((2, 2, 2), 1.0, Matrix::rows(&[0.0; 3], 2), Matrix::rows(&[0.0; 4], 2), &mut out, 2, false);
    }
}
