//! Which class was taken for which.

/// Counts by class and predicted class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// A row for each class, with a column for each class that was predicted.
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Nothing counted for `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { counts: vec![vec![0; classes]; classes] }
    }

    /// Counts one more example; one of no class that there is, is not counted.
    pub fn add(&mut self, answer: usize, prediction: usize) {
        if let Some(count) = self.counts.get_mut(answer).and_then(|row| row.get_mut(prediction)) {
            *count += 1;
        }
    }

    /// Row by row: the class, then what was predicted.
    pub fn counts(&self) -> &[Vec<usize>] {
        &self.counts
    }

    /// The mean of the classes' F1, all of equal weight. A class that neither occurs nor is predicted has 0, as in
    /// scikit-learn's `f1_score(average="macro", labels=all, zero_division=0)`. None without classes.
    pub fn macro_f1(&self) -> Option<f64> {
        let classes = self.counts.len();
        let f1 = |class: usize| {
            let hits = self.counts[class][class];
            let of_class: usize = self.counts[class].iter().sum();
            let predicted: usize = self.counts.iter().map(|row| row[class]).sum();
            if of_class + predicted == 0 { 0.0 } else { 2.0 * hits as f64 / (of_class + predicted) as f64 }
        };
        (classes > 0).then(|| (0..classes).map(f1).sum::<f64>() / classes as f64)
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
        assert_eq!(confusion.counts(), [vec![1, 1, 0], vec![0, 1, 0], vec![0, 0, 0]]);
        assert!((confusion.macro_f1().unwrap() - (2.0 / 3.0 + 2.0 / 3.0) / 3.0).abs() < 1e-15);
        assert_eq!(Confusion::new(0).macro_f1(), None);
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
