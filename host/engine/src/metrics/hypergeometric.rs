//! Whether some rows of a split have its classes as rows drawn at random would have them.

use super::binomial::ln_factorial;

/// The probability below which a composition is told. Of a thousand random draws one is told for nothing; of a sorted
/// split eleven rows of one of two equal classes are enough.
pub const LEVEL: f64 = 0.001;

/// Terms below this part of the sum are taken for 0.
const NEGLIGIBLE: f64 = 1e-17;

/// A class that the rows have in another share than the split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnusualClass {
    /// The index of the class, from 0.
    pub class: usize,
    /// How many of the rows are of it.
    pub rows: usize,
    /// How many rows of the split are of it.
    pub split: usize,
    /// The probability that rows drawn at random have a count of any class as far from the expected one.
    pub p_value: f64,
}

/// The classes of which the rows have none though the split has some, and those whose counts would come of fewer than
/// [`LEVEL`] of all random draws; `rows` and `split` count the rows of each class.
///
/// The test is exact for any counts: a random draw without replacement has a hypergeometric number of rows of a class.
/// It is two-sided, and multiplied by the number of classes that are tested.
pub fn unusual_classes(rows: &[usize], split: &[usize]) -> Vec<UnusualClass> {
    let (drawn, all): (usize, usize) = (rows.iter().sum(), split.iter().sum());
    let tests = match split.iter().filter(|count| **count > 0).count() {
        // One class has what the other has not.
        2 => 1,
        classes => classes,
    };
    let of_class = |(class, (&rows, &split)): (usize, (&usize, &usize))| {
        let p_value = (tests as f64 * two_sided(all, split, drawn, rows)).min(1.0);
        UnusualClass { class, rows, split, p_value }
    };
    let missing = |class: &UnusualClass| class.rows == 0 && class.split > 0 && drawn > 0;
    rows.iter().zip(split).enumerate().map(of_class).filter(|class| missing(class) || class.p_value < LEVEL).collect()
}

/// The probability that, of `drawn` out of `all` things of which `marked` are marked, as few as `found` or fewer are
/// marked, or as many or more, whichever is less likely, times two.
pub fn two_sided(all: usize, marked: usize, drawn: usize, found: usize) -> f64 {
    let unmarked = all - marked;
    let (lowest, highest) = (drawn.saturating_sub(unmarked), marked.min(drawn));
    if !(lowest..=highest).contains(&found) {
        return 0.0;
    }
    let ln_choose = |n: usize, k: usize| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let at = (ln_choose(marked, found) + ln_choose(unmarked, drawn - found) - ln_choose(all, drawn)).exp();
    let ratio_down =
        |k: usize| k as f64 * (unmarked + k - drawn) as f64 / ((marked - k + 1) as f64 * (drawn - k + 1) as f64);
    let ratio_up =
        |k: usize| (marked - k) as f64 * (drawn - k) as f64 / ((k + 1) as f64 * (unmarked + k + 1 - drawn) as f64);
    // Away from the likeliest count terms fall; the other tail is what is left.
    let mode = (drawn + 1) as f64 * (marked + 1) as f64 / (all + 2) as f64;
    let tail = if found as f64 <= mode {
        sum(at, (lowest + 1..=found).rev().map(ratio_down))
    } else {
        sum(at, (found..highest).map(ratio_up))
    };
    (2.0 * tail.min(1.0 - tail + at)).clamp(0.0, 1.0)
}

/// A first term and those that follow from it by their ratios, as long as they matter.
fn sum(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut term) = (first, first);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term < NEGLIGIBLE * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sorted_split_is_told_and_a_mixed_one_is_not() {
        let classes = |rows: &[usize], split: &[usize]| {
            unusual_classes(rows, split).iter().map(|class| class.class).collect::<Vec<_>>()
        };
        assert_eq!(classes(&[100, 0], &[533, 533]), [0, 1]);
        assert_eq!(classes(&[52, 48], &[533, 533]), [0usize; 0]);
        assert_eq!(classes(&[70, 30], &[533, 533]), [0, 1]);
        // A class that is rare is told where it is missing, with its probability.
        let rare = unusual_classes(&[0, 10, 10], &[9, 245, 246]);
        assert_eq!((rare.len(), rare[0].class, rare[0].split), (1, 0, 9));
        assert!(rare[0].p_value > 0.5);
        // The whole split is like itself, and a class without rows is missing nowhere.
        assert_eq!(classes(&[4, 0, 5], &[4, 0, 5]), [0usize; 0]);
        assert_eq!(classes(&[7], &[9]), [0usize; 0]);
        assert_eq!(classes(&[0, 0], &[4, 5]), [0usize; 0]);
    }

    #[test]
    fn eleven_rows_of_one_class_are_enough() {
        let told = |rows| unusual_classes(&[rows, 0], &[500, 500])[0].p_value < LEVEL;
        assert!(told(11) && told(12) && !told(10));
    }

    proptest! {
        #[test]
        fn a_probability_is_one(all in 1usize..400, marked in 0.0..=1.0f64, drawn in 0.0..=1.0f64, found in 0.0..=1.0f64) {
            let of = |part: f64, whole: usize| (part * whole as f64).round() as usize;
            let (marked, drawn) = (of(marked, all), of(drawn, all));
            let lowest = drawn.saturating_sub(all - marked);
            let found = lowest + of(found, marked.min(drawn) - lowest);
            let p = two_sided(all, marked, drawn, found);
            prop_assert!(p > 0.0 && p <= 1.0, "{p}");
            // What is marked and what is not are one thing.
            let other = two_sided(all, all - marked, drawn, drawn - found);
            prop_assert!((p - other).abs() < 1e-9 * p, "{p} {other}");
        }
    }
}
