//! A few rows times a strip of columns, held in registers from the first step to the last.
//!
//! ```text
//!                     right: a strip, WIDTH columns
//!                     . . . . . . . . | . . . . . . . .   step 0
//!                     . . . . . . . . | . . . . . . . .   step 1
//!     left                                                ...
//!     x x x x ...     s s s s s s s s | s s s s s s s s   row
//!     x x x x ...     s s s s s s s s | s s s s s s s s   row + 1
//! ```
//!
//! A step loads one row of the strip into `VECTORS` registers, and for each of `ROWS` rows broadcasts one element of `left`
//! into another and multiplies it in. With AVX-512 a tile is 12 rows of 2 registers: 24 sums, 2 factors and a broadcast
//! element are 27 of the 32 registers. With AVX2 it is 6 rows of 2: 15 of 16.
//!
//! Every sum adds its terms step by step, each by one instruction, however many rows the tile has. So a row's result does not
//! depend on the rows beside it, which is what makes results independent of how queries are batched and of the number of
//! threads; the portable kernel is the tensor library's, and has an order of its own. Two sums for one element, or another order of steps, would change recorded results.

use super::lanes::Lanes;

/// Columns of a strip: outputs of a packed matrix whose weights lie side by side.
pub const WIDTH: usize = 32;

/// Some rows times a strip: `out = start + left * right`, or with `add` that much more.
#[derive(Clone, Copy)]
pub(super) struct Task<E> {
    /// Rows of `left` and `out`.
    pub rows: usize,
    /// Steps: columns of `left`, rows of `right`.
    pub steps: usize,
    /// Columns of `out`, at most [`WIDTH`]; `right` has [`WIDTH`] whatever that is.
    pub columns: usize,
    pub left: *const E,
    pub left_stride: usize,
    pub right: *const E,
    pub right_stride: usize,
    /// [`WIDTH`] numbers that the sums start from.
    pub start: *const f32,
    pub out: *mut f32,
    pub out_stride: usize,
    pub add: bool,
}

/// One tile: `ROWS` rows, and `VECTORS` registers of columns from column `first` on.
///
/// # Safety
/// The task's pointers are good for what it says, and the processor has the instructions of `L`.
#[inline(always)]
#[allow(
    clippy::needless_range_loop,
    reason = "iterators over the sums keep the compiler from holding them in registers"
)]
pub(super) unsafe fn tile<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    task: &Task<L::Element>,
    row: usize,
    first: usize,
) {
    // SAFETY: all that is read and written lies within rows `row .. row + ROWS` and columns `first ..` of the task.
    unsafe {
        let left = task.left.add(row * task.left_stride);
        let right = task.right.add(first);
        let (left_stride, right_stride) = (task.left_stride, task.right_stride);
        // An array of registers has to be made of one of them; those of the other columns are set one by one.
        let mut sums = [[L::sums(task.start.add(first)); VECTORS]; ROWS];
        for row in 0..ROWS {
            for vector in 1..VECTORS {
                sums[row][vector] = L::sums(task.start.add(first + vector * L::COUNT));
            }
        }
        for step in 0..task.steps {
            let at = right.add(step * right_stride);
            let mut factors = [L::load(at); VECTORS];
            for vector in 1..VECTORS {
                factors[vector] = L::load(at.add(vector * L::COUNT));
            }
            for row in 0..ROWS {
                let element = L::broadcast(left.add(row * left_stride + step));
                for vector in 0..VECTORS {
                    sums[row][vector] = L::multiply_add(element, factors[vector], sums[row][vector]);
                }
            }
        }
        // With `add` the finished sum is added to what is there, in one rounding: the sums do not start from it.
        let columns = task.columns.saturating_sub(first).min(VECTORS * L::COUNT);
        for (index, sums) in sums.iter().enumerate() {
            let out = task.out.add((row + index) * task.out_stride + first);
            if columns == VECTORS * L::COUNT {
                for (vector, sum) in sums.iter().enumerate() {
                    let out = out.add(vector * L::COUNT);
                    L::store(if task.add { L::plus(*sum, L::sums(out)) } else { *sum }, out);
                }
            } else {
                // The last strip's columns beyond the matrix were computed with weights of 0, and have no place in `out`.
                let mut whole = [0f32; WIDTH];
                for (vector, sum) in sums.iter().enumerate() {
                    L::store(*sum, whole.as_mut_ptr().add(vector * L::COUNT));
                }
                for (column, sum) in whole.iter().enumerate().take(columns) {
                    let out = out.add(column);
                    *out = if task.add { *out + sum } else { *sum };
                }
            }
        }
    }
}

/// All rows of a task, `$most` at a time, with the instructions of one set.
macro_rules! tiles {
    ($(#[$meta:meta])* $name:ident, $features:literal, $lanes:ty, $vectors:literal, $most:literal, [$($rows:literal)*]) => {
        $(#[$meta])*
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(task: &Task<<$lanes as Lanes>::Element>) {
            // All rows over a tile's columns before the next columns: these of `right` stay in the second cache.
            for first in (0..task.columns).step_by($vectors * <$lanes as Lanes>::COUNT) {
                let mut row = 0;
                while row < task.rows {
                    // SAFETY: the caller's promise, and no more rows than are left.
                    unsafe {
                        // The rows that are left make a smaller tile of their own kind, not a loop over rows: registers
                        // have no index.
                        match task.rows - row {
                            $($rows => tile::<$lanes, $rows, $vectors>(task, row, first),)*
                            _ => tile::<$lanes, $most, $vectors>(task, row, first),
                        }
                    }
                    row += $most;
                }
            }
        }
    };
}

tiles!(
    /// # Safety
    /// The task's pointers are good for what it says, and there is AVX-512.
    avx512, "avx512f", super::lanes::Avx512, 2, 12, [1 2 3 4 5 6 7 8 9 10 11]
);
tiles!(
    /// # Safety
    /// The task's pointers are good for what it says, and there is AVX512-BF16.
    bf16, "avx512f,avx512bf16", super::lanes::Bf16, 2, 12, [1 2 3 4 5 6 7 8 9 10 11]
);
tiles!(
    /// # Safety
    /// The task's pointers are good for what it says, and there are AVX2 and FMA.
    avx2, "avx2,fma", super::lanes::Avx2, 2, 6, [1 2 3 4 5]
);

/// A whole task by the tensor library's kernel, for processors without these instructions.
///
/// # Safety
/// The task's pointers are good for what it says.
pub(super) unsafe fn portable(task: &Task<f32>) {
    // SAFETY: the caller's promise; the kernel reads and writes within the same bounds, of `right` fewer columns.
    unsafe {
        for row in 0..task.rows {
            for column in 0..task.columns {
                let (start, out) = (*task.start.add(column), task.out.add(row * task.out_stride + column));
                *out = if task.add { *out + start } else { start };
            }
        }
        gemm::gemm(
            task.rows,
            task.columns,
            task.steps,
            task.out,
            1,
            task.out_stride as isize,
            true,
            task.left,
            1,
            task.left_stride as isize,
            task.right,
            1,
            task.right_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
