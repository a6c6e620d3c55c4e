//! Which class was taken for which.

use std::collections::BTreeMap;

/// Counts by class and predicted class. Takes memory for the classes and for the pairs that occur, not for their
/// product: how many classes there are is up to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// How often a class was taken for another, or for itself, where that happened at all.
    counts: BTreeMap<(usize, usize), usize>,
}

impl Confusion {
    /// Nothing counted for `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: BTreeMap::new() }
    }

    /// Counts one more example; one of no class that there is, is not counted.
    pub fn add(&mut self, answer: usize, prediction: usize) {
        if answer < self.classes && prediction < self.classes {
            *self.counts.entry((answer, prediction)).or_default() += 1;
        }
    }

    /// A row for each class, with a column for each class that was predicted; none where there are more than `most`
    /// classes, whose square nobody could read.
    pub fn matrix(&self, most: usize) -> Option<Vec<Vec<usize>>> {
        if self.classes > most {
            return None;
        }
        let mut matrix = vec![vec![0; self.classes]; self.classes];
        for ((answer, prediction), count) in &self.counts {
            matrix[*answer][*prediction] = *count;
        }
        Some(matrix)
    }

    /// The mean of the classes' F1, all of equal weight. A class that neither occurs nor is predicted has 0, as in
    /// scikit-learn's `f1_score(average="macro", labels=all, zero_division=0)`. `None` without classes.
    pub fn macro_f1(&self) -> Option<f64> {
        let mut hits = vec![0_usize; self.classes];
        // As the class, and as what was predicted: a hit is there twice.
        let mut occurs = vec![0_usize; self.classes];
        for ((answer, prediction), count) in &self.counts {
            occurs[*answer] += count;
            occurs[*prediction] += count;
            if answer == prediction {
                hits[*answer] += count;
            }
        }
        let f1 = |(hits, occurs): (&usize, &usize)| match occurs {
            0 => 0.0,
            occurs => 2.0 * *hits as f64 / *occurs as f64,
        };
        (self.classes > 0).then(|| hits.iter().zip(&occurs).map(f1).sum::<f64>() / self.classes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_class_that_never_occurs_counts_as_nothing() {
        let mut confusion = Confusion::new(3);
        [(0, 0), (0, 1), (1, 1)].into_iter().for_each(|(answer, prediction)| confusion.add(answer, prediction));
        assert_eq!(confusion.matrix(3).unwrap(), [vec![1, 1, 0], vec![0, 1, 0], vec![0, 0, 0]]);
        assert_eq!(confusion.matrix(2), None);
        assert!((confusion.macro_f1().unwrap() - (2.0 / 3.0 + 2.0 / 3.0) / 3.0).abs() < 1e-15);
        assert_eq!(Confusion::new(0).macro_f1(), None);
    }

    #[test]
    fn many_classes_take_no_square() {
        let mut confusion = Confusion::new(1 << 20);
        confusion.add(1 << 19, 3);
        confusion.add(7, 7);
        assert_eq!(confusion.macro_f1(), Some(1.0 / f64::from(1 << 20)));
    }

    proptest! {
        #[test]
        fn f1_is_one_exactly_where_all_is_right(pairs in prop::collection::vec((0usize..4, 0usize..4), 1..60)) {
            let mut confusion = Confusion::new(4);
            pairs.iter().for_each(|&(answer, prediction)| confusion.add(answer, prediction));
            let f1 = confusion.macro_f1().unwrap();
            let all_occur = (0..4).all(|class| pairs.iter().any(|&(answer, _)| answer == class));
            let all_right = pairs.iter().all(|(answer, prediction)| answer == prediction);
            prop_assert!((0.0..=1.0).contains(&f1));
            prop_assert_eq!((f1 - 1.0).abs() < 1e-12, all_occur && all_right);
        }
    }
}
