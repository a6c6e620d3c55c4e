//! Products of rows of states with packed weights, over all threads.
//!
//! `out` is divided into strips of [`WIDTH`] columns, and those into parts of `height` rows where there are fewer strips
//! than threads can share. A thread takes a part of a strip at a time, over all inputs, [`DEPTH`] of them after the other:
//!
//! ```text
//!          strip 0      strip 1            x: rows of inputs       weights: a strip
//!         +--------+   +--------+          0 .. DEPTH | DEPTH ..   0 .. DEPTH
//!  part 0 | 0      |   | 2      |          ---------- | --------   ----------
//!         +--------+   +--------+                     |            DEPTH ..
//!  part 1 | 1      |   | 3      |                     |            --------
//!         +--------+   +--------+
//! ```
//!
//! The order in which an output's terms are added follows from [`DEPTH`] and the kernel alone: bias, the first inputs, then each further
//! part's own sum. Neither the number of threads nor `height` is in it; recorded results depend on that.

use std::ops::Range;

use rayon::prelude::*;

use super::Instructions;
use super::bf16::to_pairs;
use super::panels::{Format, Panels, Part, Scratch};
use super::rows::{Rows, RowsMut, padded};
use super::tile::{self, Task, WIDTH};

/// Inputs that are added up before the sums go to memory: what a strip has of them stays in a processor's second cache.
/// A whole number of blocks of 8-bit weights.
const DEPTH: usize = 2048;
/// Rows below which a strip is not divided between threads: less would read weights again for little.
const ROWS: usize = 48;
/// What sums start from where there is no bias.
static ZEROS: [f32; WIDTH] = [0.0; WIDTH];

/// A pointer that threads share, each for columns and rows of its own.
#[derive(Clone, Copy)]
pub(super) struct Shared(*mut f32);

// SAFETY: it is only used to write disjoint parts of a matrix that the caller has borrowed for writing.
unsafe impl Send for Shared {}
// SAFETY: as for `Send`: what is written through it is disjoint.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(pointer: *mut f32) -> Self {
        Self(pointer)
    }

    pub(super) fn pointer(self) -> *mut f32 {
        self.0
    }
}

/// `out = x W^T + bias`, or with `add` that much more, for weights `W` `[outputs, inputs]`. A row's result does not depend on
/// the rows beside it.
///
/// # Panics
/// If `x` is not as wide as `W` has inputs, or `out` or `bias` as it has outputs.
pub fn product(x: Rows<'_>, weights: &Panels, bias: Option<&[f32]>, out: RowsMut<'_>, add: bool) {
    product_with(Instructions::detected(), x, (weights, 0..weights.outputs()), bias, out, add);
}

/// [`product`] for some of the outputs, from a multiple of [`WIDTH`] on: `out` `[rows, outputs.len()]` and `bias`
/// `[outputs.len()]` are of those alone.
///
/// # Panics
/// If `x` is not as wide as `W` has inputs, `out` or `bias` not as there are `outputs`, or if there are no such outputs.
pub fn product_of(x: Rows<'_>, weights: &Panels, outputs: Range<usize>, bias: Option<&[f32]>, out: RowsMut<'_>) {
    product_with(Instructions::detected(), x, (weights, outputs), bias, out, false);
}

/// Bytes that a product takes besides its factors and its result: `rows` rows of `inputs` inputs as pairs of bfloat16,
/// where this processor multiplies those, and every thread's part of a strip.
pub fn product_bytes(format: Format, rows: usize, inputs: usize) -> u64 {
    let in_pairs = Instructions::detected() == Instructions::Avx512Bf16 && format.is_coarse();
    let pairs = if in_pairs { Pairs::bytes(rows, inputs) } else { 0 };
    let scratch = Scratch::bytes(format, inputs.min(DEPTH), in_pairs);
    pairs.saturating_add(scratch.saturating_mul(rayon::current_num_threads() as u64))
}

fn product_with(
    instructions: Instructions,
    x: Rows<'_>,
    (weights, wanted): (&Panels, Range<usize>),
    bias: Option<&[f32]>,
    mut out: RowsMut<'_>,
    add: bool,
) {
    let (rows, outputs, inputs) = (x.count(), wanted.len(), weights.inputs());
    assert!(wanted.start.is_multiple_of(WIDTH) && wanted.end <= weights.outputs(), "outputs {wanted:?}");
    let first_strip = wanted.start / WIDTH;
    assert_eq!(x.width(), inputs, "states and inputs of weights");
    assert_eq!((out.count(), out.width()), (rows, outputs), "the result's shape");
    assert!(bias.is_none_or(|bias| bias.len() == outputs), "biases and outputs");
    // SAFETY: the processor has them.
    let pairs =
        (instructions == Instructions::Avx512Bf16 && weights.format().is_coarse()).then(|| unsafe { Pairs::of(x) });
    let strips = outputs.div_ceil(WIDTH);
    let (height, parts) = parts_of(rows, strips, ROWS);
    let (target, stride) = (Shared::new(out.as_mut_ptr()), out.stride());
    // Parts of one strip follow each other: a thread that takes several finds the weights in its cache.
    (0..strips * parts).into_par_iter().for_each_init(Scratch::default, |scratch, index| {
        let (strip, first) = (index / parts, index % parts * height);
        let (first_column, count) = (strip * WIDTH, height.min(rows - first));
        let columns = WIDTH.min(outputs - first_column);
        let mut start = [0f32; WIDTH];
        if let Some(bias) = bias {
            start[..columns].copy_from_slice(&bias[first_column..][..columns]);
        }
        // Once even without inputs: the bias is to be written.
        for from in (0..inputs.max(1)).step_by(DEPTH) {
            let to = inputs.min(from + DEPTH);
            let part = weights.part(first_strip + strip, from..to, pairs.is_some(), scratch);
            // The bias counts once. From the second part of the inputs on, sums are added to what the first has written.
            let start = if from == 0 { start } else { [0.0; WIDTH] };
            // SAFETY: rows `first .. first + count` and these columns lie within `out`, as its type guarantees, and no
            // other index has them.
            let out = unsafe { target.pointer().add(first * stride + first_column) };
            let (out_stride, add) = (stride, add || from > 0);
            match (part, &pairs) {
                (Part::Pairs(right), Some(pairs)) => {
                    let steps = (to - from).div_ceil(2);
                    assert!(right.len() >= steps * WIDTH, "a strip is shorter than its inputs");
                    let left = pairs.data[first * pairs.stride + from / 2..].as_ptr();
                    let task = Task {
                        rows: count,
                        steps,
                        columns,
                        left,
                        left_stride: pairs.stride,
                        right: right.as_ptr(),
                        right_stride: WIDTH,
                        start: start.as_ptr(),
                        out,
                        out_stride,
                        add,
                    };
                    // SAFETY: `pairs` has as many rows as `x`, wide enough; there are pairs only with these instructions.
                    unsafe { multiply_pairs(&task) };
                }
                (Part::Floats(right), _) => {
                    assert!(right.len() >= (to - from) * WIDTH, "a strip is shorter than its inputs");
                    let task = Task {
                        rows: count,
                        steps: to - from,
                        columns,
                        // SAFETY: within row `first` of `x`, or at its end where there are no inputs.
                        left: unsafe { x.as_ptr().add(first * x.stride() + from) },
                        left_stride: x.stride(),
                        right: right.as_ptr(),
                        right_stride: WIDTH,
                        start: start.as_ptr(),
                        out,
                        out_stride,
                        add,
                    };
                    // SAFETY: rows of `x`, the strip and `out` are as large as the task says.
                    unsafe { multiply(instructions, &task) };
                }
                (Part::Pairs(_), None) => unreachable!("pairs are not asked for without pairs"),
            }
        }
    });
}

/// The height of the parts into which a strip's rows are divided, and how many there are, for so many strips and at least so
/// many rows to a part: four parts for each thread, so that none waits long for the last; but each part reads its strip's
/// weights anew. Whole tiles of 12 rows (two of AVX2's 6), so that only the last part has a smaller one.
pub(super) fn parts_of(rows: usize, strips: usize, least: usize) -> (usize, usize) {
    let wanted = (4 * rayon::current_num_threads()).div_ceil(strips.max(1));
    let height = rows.div_ceil(wanted.clamp(1, rows.div_ceil(least).max(1))).next_multiple_of(12);
    (height, rows.div_ceil(height.max(1)))
}

/// States in bfloat16, two in one element.
struct Pairs {
    data: Vec<u32>,
    stride: usize,
}

impl Pairs {
    fn bytes(rows: usize, inputs: usize) -> u64 {
        (rows as u64).saturating_mul((padded(inputs.div_ceil(2)) * size_of::<u32>()) as u64)
    }

    /// # Safety
    /// The processor has AVX512-BF16.
    unsafe fn of(x: Rows<'_>) -> Self {
        let stride = padded(x.width().div_ceil(2));
        let mut data = vec![0u32; x.count() * stride];
        let rows = data.par_chunks_mut(stride.max(1)).enumerate().with_min_len(16);
        // SAFETY: the caller has looked for the instructions.
        rows.for_each(|(index, pairs)| unsafe { to_pairs(x.row(index), &mut pairs[..x.width().div_ceil(2)]) });
        Self { data, stride }
    }
}

/// One strip on this thread: the first `columns` columns of `out = a b`, or with `add` that much more, for `b` of as many rows
/// as `a` has columns, each of [`WIDTH`] numbers and `b_stride` from the next.
///
/// # Panics
/// If `b` or `out` is shorter than that.
pub fn strip(a: Rows<'_>, b: &[f32], b_stride: usize, columns: usize, out: &mut [f32], out_stride: usize, add: bool) {
    let (rows, steps) = (a.count(), a.width());
    assert!(columns <= WIDTH && columns <= out_stride, "a strip of {columns} columns");
    assert!(steps == 0 || (steps - 1) * b_stride + WIDTH <= b.len(), "a strip is shorter than its inputs");
    assert!(rows == 0 || (rows - 1) * out_stride + columns <= out.len(), "the result reaches beyond its slice");
    let task = Task {
        rows,
        steps,
        columns,
        left: a.as_ptr(),
        left_stride: a.stride(),
        right: b.as_ptr(),
        right_stride: b_stride,
        start: ZEROS.as_ptr(),
        out: out.as_mut_ptr(),
        out_stride,
        add,
    };
    // SAFETY: by the assertions, and what the type of `a` guarantees.
    unsafe { multiply(Instructions::detected(), &task) };
}

/// # Safety
/// The task's pointers are good for what it says, and the processor has the instructions.
pub(super) unsafe fn multiply(instructions: Instructions, task: &Task<f32>) {
    // SAFETY: the caller's promise.
    unsafe {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 | Instructions::Avx512Bf16 => tile::avx512(task),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => tile::avx2(task),
            _ => tile::portable(task),
        }
    }
}

/// # Safety
/// The task's pointers are good for what it says, and the processor has AVX512-BF16.
unsafe fn multiply_pairs(task: &Task<u32>) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise.
    unsafe {
        tile::bf16(task);
    }
    #[cfg(not(target_arch = "x86_64"))]
    unreachable!("no other processor is known to have these instructions: {} rows", task.rows);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::panels::Format;
    use super::*;

    /// Everything that this processor has.
    fn all() -> impl Iterator<Item = Instructions> {
        use Instructions::{Avx2, Avx512, Avx512Bf16, Portable};
        [Portable, Avx2, Avx512, Avx512Bf16].into_iter().filter(|set| *set <= Instructions::detected())
    }

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| (((i + seed) * 2_654_435_761 % 1999) as f32 - 999.0) / 1000.0).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn products_are_sums_of_products(
            (rows, outputs) in (1usize..40, 1usize..100),
            inputs in prop_oneof![1usize..70, Just(2048), Just(2080), Just(4128)],
            format in prop_oneof![Just(Format::F32), Just(Format::F16), Just(Format::Bf16), Just(Format::Q8)],
            biased in any::<bool>(),
            add in any::<bool>(),
            pad in 0usize..5,
        ) {
            let inputs = if format == Format::Q8 { inputs.next_multiple_of(32) } else { inputs };
            let weights = numbers(outputs * inputs, 1);
            let panels = Panels::new(format, outputs, inputs, |output, row| {
                row.copy_from_slice(&weights[output * inputs..][..inputs]);
            });
            let (x, before) = (numbers(rows * (inputs + pad), 7), numbers(rows * (outputs + pad), 3));
            let bias = biased.then(|| numbers(outputs, 5));
            let states = Rows::new(&x, rows, inputs, inputs + pad);
            let mut weight = vec![0.0; inputs];
            for set in all() {
                let mut out = before.clone();
                product_with(set, states, (&panels, 0..outputs), bias.as_deref(),
                    RowsMut::new(&mut out, rows, outputs, outputs + pad), add);
                for (index, found) in out.iter().enumerate() {
                    let (row, column) = (index / (outputs + pad), index % (outputs + pad));
                    if column >= outputs {
                        prop_assert_eq!(*found, before[index], "what is between rows is left alone");
                        continue;
                    }
                    panels.row(column, &mut weight);
                    let sum: f64 =
                        states.row(row).iter().zip(&weight).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let more = if add { f64::from(before[index]) } else { 0.0 };
                    let expected = sum + more + bias.as_ref().map_or(0.0, |bias| f64::from(bias[column]));
                    // Rounding to bfloat16 is half of 2^-8 at most, of both factors.
                    let coarse = set == Instructions::Avx512Bf16 && panels.format().is_coarse();
                    let size: f64 =
                        states.row(row).iter().zip(&weight).map(|(a, b)| f64::from((a * b).abs())).sum();
                    let bound = if coarse { size / 128.0 + 1e-5 } else { 4e-6 * size + 1e-5 };
                    prop_assert!((f64::from(*found) - expected).abs() < bound, "{:?}: {} {}", set, found, expected);
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_beside_it() {
        let (rows, outputs, inputs) = (31, 70, 96);
        let weights = numbers(outputs * inputs, 1);
        let x = numbers(rows * inputs, 7);
        for format in [Format::F32, Format::Bf16, Format::Q8] {
            let panels = Panels::new(format, outputs, inputs, |output, row| {
                row.copy_from_slice(&weights[output * inputs..][..inputs]);
            });
            for set in all().filter(|set| *set != Instructions::Portable) {
                let of = |first: usize, rows: usize| {
                    let mut out = vec![0.0; rows * outputs];
                    let x = Rows::new(&x[first * inputs..], rows, inputs, inputs);
                    product_with(
                        set,
                        x,
                        (&panels, 0..outputs),
                        None,
                        RowsMut::new(&mut out, rows, outputs, outputs),
                        false,
                    );
                    out
                };
                let together = of(0, rows);
                for row in 0..rows {
                    assert_eq!(of(row, 1), together[row * outputs..][..outputs], "{set:?} {format:?} row {row}");
                }
            }
        }
    }

    #[test]
    fn some_outputs_are_those_of_the_whole() {
        let (rows, outputs, inputs) = (5, 90, 20);
        let (weights, x, bias) = (numbers(outputs * inputs, 1), numbers(rows * inputs, 7), numbers(outputs, 5));
        let panels = Panels::new(Format::F32, outputs, inputs, |output, row| {
            row.copy_from_slice(&weights[output * inputs..][..inputs]);
        });
        let x = Rows::new(&x, rows, inputs, inputs);
        let mut whole = vec![0.0; rows * outputs];
        product(x, &panels, Some(&bias), RowsMut::new(&mut whole, rows, outputs, outputs), false);
        let mut part = vec![0.0; rows * 58];
        product_of(x, &panels, 32..90, Some(&bias[32..]), RowsMut::new(&mut part, rows, 58, 58));
        for row in 0..rows {
            assert_eq!(part[row * 58..][..58], whole[row * outputs + 32..][..58]);
        }
    }

    #[test]
    fn one_strip_within_larger_matrices() {
        // Two rows of three within rows of five, times three rows of 32 within rows of 40.
        let a: Vec<f32> = (0..10).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..120).map(|i| (i % 40) as f32 + (i / 40) as f32 * 100.0).collect();
        let mut out = [1.0; 2 * 9];
        strip(Rows::new(&a, 2, 3, 5), &b, 40, 7, &mut out, 9, true);
        for (index, found) in out.iter().enumerate() {
            let (row, column) = (index / 9, index % 9);
            let sum: f32 = (0..3).map(|k| a[row * 5 + k] * b[k * 40 + column]).sum();
            assert_eq!(*found, if column < 7 { sum + 1.0 } else { 1.0 });
        }
    }

    #[test]
    #[should_panic(expected = "beyond its slice")]
    fn a_result_beyond_its_slice_is_refused() {
        strip(Rows::new(&[0.0; 4], 2, 2, 2), &[0.0; 64], 32, 5, &mut [0.0; 9], 5, false);
    }
}
