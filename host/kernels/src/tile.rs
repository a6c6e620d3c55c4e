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

/// A function for one tile of so many rows: two registers of columns from column `first` on.
///
/// Every row's sums are a variable of their own, named by the list, and no loop goes over them: an array of sums is only held in
/// registers if the compiler unrolls its loops before it parts arrays into variables, which not every pipeline does (without
/// ThinLTO the tile took three times as long).
macro_rules! tile {
    ($name:ident, $($sums:ident = $index:literal),+) => {
        /// # Safety
        /// The task's pointers are good for what it says, and the processor has the instructions of `L`.
        #[inline(always)]
        unsafe fn $name<L: Lanes>(task: &Task<L::Element>, row: usize, first: usize) {
            // SAFETY: all that is read and written lies within these rows and columns `first ..` of the task.
            unsafe {
                let left = task.left.add(row * task.left_stride);
                let right = task.right.add(first);
                let (left_stride, right_stride) = (task.left_stride, task.right_stride);
                let start = [L::sums(task.start.add(first)), L::sums(task.start.add(first + L::COUNT))];
                $(let mut $sums = start;)+
                for step in 0..task.steps {
                    let at = right.add(step * right_stride);
                    let factors = [L::load(at), L::load(at.add(L::COUNT))];
                    $(
                        let element = L::broadcast(left.add($index * left_stride + step));
                        $sums[0] = L::multiply_add(element, factors[0], $sums[0]);
                        $sums[1] = L::multiply_add(element, factors[1], $sums[1]);
                    )+
                }
                $(store::<L>(task, row + $index, first, $sums);)+
            }
        }
    };
}

tile!(tile1, a = 0);
tile!(tile2, a = 0, b = 1);
tile!(tile3, a = 0, b = 1, c = 2);
tile!(tile4, a = 0, b = 1, c = 2, d = 3);
tile!(tile5, a = 0, b = 1, c = 2, d = 3, e = 4);
tile!(tile6, a = 0, b = 1, c = 2, d = 3, e = 4, f = 5);
tile!(tile7, a = 0, b = 1, c = 2, d = 3, e = 4, f = 5, g = 6);
tile!(tile8, a = 0, b = 1, c = 2, d = 3, e = 4, f = 5, g = 6, h = 7);
tile!(tile9, a = 0, b = 1, c = 2, d = 3, e = 4, f = 5, g = 6, h = 7, i = 8);
tile!(tile10, a = 0, b = 1, c = 2, d = 3, e = 4, f = 5, g = 6, h = 7, i = 8, j = 9);
tile!(tile11, a = 0, b = 1, c = 2, d = 3, e = 4, f = 5, g = 6, h = 7, i = 8, j = 9, k = 10);
tile!(tile12, a = 0, b = 1, c = 2, d = 3, e = 4, f = 5, g = 6, h = 7, i = 8, j = 9, k = 10, l = 11);

/// Writes or adds a row's finished sums.
///
/// # Safety
/// The row and the columns from `first` on are the task's, and the processor has the instructions of `L`.
#[inline(always)]
unsafe fn store<L: Lanes>(task: &Task<L::Element>, row: usize, first: usize, sums: [L::Sum; 2]) {
    // SAFETY: no column beyond the task's is touched, and `whole` has `WIDTH` numbers.
    unsafe {
        let out = task.out.add(row * task.out_stride + first);
        // With `add` the finished sum is added to what is there, in one rounding: the sums do not start from it.
        let columns = task.columns.saturating_sub(first).min(2 * L::COUNT);
        if columns == 2 * L::COUNT {
            for (vector, sum) in sums.into_iter().enumerate() {
                let out = out.add(vector * L::COUNT);
                L::store(if task.add { L::plus(sum, L::sums(out)) } else { sum }, out);
            }
        } else {
            // The last strip's columns beyond the matrix were computed with weights of 0, and have no place in `out`.
            let mut whole = [0f32; WIDTH];
            for (vector, sum) in sums.into_iter().enumerate() {
                L::store(sum, whole.as_mut_ptr().add(vector * L::COUNT));
            }
            for (column, sum) in whole.iter().enumerate().take(columns) {
                let out = out.add(column);
                *out = if task.add { *out + sum } else { *sum };
            }
        }
    }
}

/// All rows of a task, `$most` at a time, with the instructions of one set.
macro_rules! tiles {
    ($(#[$meta:meta])* $name:ident, $features:literal, $lanes:ty, $most:literal: $all:ident, [$($rows:literal: $tile:ident)*]) => {
        $(#[$meta])*
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(task: &Task<<$lanes as Lanes>::Element>) {
            // All rows over a tile's columns before the next columns: these of `right` stay in the second cache.
            for first in (0..task.columns).step_by(2 * <$lanes as Lanes>::COUNT) {
                let mut row = 0;
                while row < task.rows {
                    // SAFETY: the caller's promise, and no more rows than are left.
                    unsafe {
                        // The rows that are left make a smaller tile of their own kind, not a loop over rows: registers
                        // have no index.
                        match task.rows - row {
                            $($rows => $tile::<$lanes>(task, row, first),)*
                            _ => $all::<$lanes>(task, row, first),
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
    avx512, "avx512f", super::lanes::Avx512, 12: tile12,
    [1: tile1 2: tile2 3: tile3 4: tile4 5: tile5 6: tile6 7: tile7 8: tile8 9: tile9 10: tile10 11: tile11]
);
tiles!(
    /// # Safety
    /// The task's pointers are good for what it says, and there is AVX512-BF16.
    bf16, "avx512f,avx512bf16", super::lanes::Bf16, 12: tile12,
    [1: tile1 2: tile2 3: tile3 4: tile4 5: tile5 6: tile6 7: tile7 8: tile8 9: tile9 10: tile10 11: tile11]
);
tiles!(
    /// # Safety
    /// The task's pointers are good for what it says, and there are AVX2 and FMA.
    avx2, "avx2,fma", super::lanes::Avx2, 6: tile6, [1: tile1 2: tile2 3: tile3 4: tile4 5: tile5]
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
