//! Which rows become demonstrations and which are scored, chosen as the authors' code chooses them.
//!
//! One [`PythonRandom`] stream, seeded with the run's seed, first draws the evaluation rows (where a task uses only some
//! of them) and then the demonstrations, so that a seed gives the authors' rows.

use super::python_random::PythonRandom;

/// The rows that demonstrations are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demonstrations<'a> {
    /// All rows alike: `shots` of them are drawn.
    Alike {
        /// How many rows the split has.
        rows: usize,
    },
    /// Class by class: `shots` rows of every class are drawn.
    Labelled {
        /// The class of every row, in the split's order.
        labels: &'a [usize],
        /// How many classes the task has.
        classes: usize,
    },
}

/// What to choose.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Seeds the stream.
    pub seed: u64,
    /// Demonstrations, for each class where rows have classes; 0 gives none.
    pub shots: usize,
    /// The rows that demonstrations are drawn from.
    pub demonstrations: Demonstrations<'a>,
    /// How many rows the evaluation split has.
    pub evaluation_rows: usize,
    /// To score only so many rows, drawn at random. A split with fewer rows is scored whole, in its own order.
    pub evaluation_sample: Option<usize>,
}

/// Row numbers, in the order in which the rows are to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Rows of the demonstration split.
    pub demonstrations: Vec<usize>,
    /// Rows of the evaluation split.
    pub evaluation: Vec<usize>,
}

/// Why a selection is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplingError {
    /// The demonstration split is too small.
    #[error("expected {needed} rows or more to draw demonstrations from, got {rows}")]
    TooFewRows {
        /// How many demonstrations were asked for, in all.
        needed: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// The demonstration split has too few rows of one class.
    #[error("expected {needed} rows or more of class {label} to draw demonstrations from, got {rows}")]
    TooFewOfClass {
        /// The class, from 0.
        label: usize,
        /// How many of its rows were asked for.
        needed: usize,
        /// How many there are.
        rows: usize,
    },
}

/// Chooses the rows.
///
/// # Errors
/// If the demonstration split has fewer rows, or fewer of some class, than the shots need.
pub fn select(request: &Request) -> Result<Selection, SamplingError> {
    let mut random = PythonRandom::new(request.seed);
    let rows = request.evaluation_rows;
    let evaluation = request.evaluation_sample.and_then(|count| random.sample(rows, count));
    let evaluation = evaluation.unwrap_or_else(|| (0..rows).collect());
    let demonstrations = match request.demonstrations {
        Demonstrations::Alike { rows } => {
            let too_few = SamplingError::TooFewRows { needed: request.shots, rows };
            random.sample(rows, request.shots).ok_or(too_few)?
        }
        Demonstrations::Labelled { labels, classes } => stratified(&mut random, request.shots, labels, classes)?,
    };
    Ok(Selection { demonstrations, evaluation })
}

/// `shots` times `classes` rows in all: equally many of every class that occurs, drawn class by class in the order of
/// first appearance; what does not divide evenly (a class that does not occur leaves such a remainder) from all
/// rows not drawn yet; then all of them shuffled.
fn stratified(
    random: &mut PythonRandom,
    shots: usize,
    labels: &[usize],
    classes: usize,
) -> Result<Vec<usize>, SamplingError> {
    let needed = shots.saturating_mul(classes);
    if needed > labels.len() {
        return Err(SamplingError::TooFewRows { needed, rows: labels.len() });
    }
    let rows_of = rows_by_class(labels);
    // Without rows nothing is needed either, by the check above.
    let of_each = needed.checked_div(rows_of.len()).unwrap_or(0);
    let mut chosen = Vec::with_capacity(needed);
    for (label, rows) in &rows_of {
        let too_few = SamplingError::TooFewOfClass { label: *label, needed: of_each, rows: rows.len() };
        let drawn = random.sample(rows.len(), of_each).ok_or(too_few)?;
        chosen.extend(drawn.into_iter().map(|at| rows[at]));
    }
    let mut taken = vec![false; labels.len()];
    chosen.iter().for_each(|&row| taken[row] = true);
    let left: Vec<usize> = (0..labels.len()).filter(|&row| !taken[row]).collect();
    let too_few = SamplingError::TooFewRows { needed, rows: labels.len() };
    let remainder = random.sample(left.len(), needed - chosen.len()).ok_or(too_few)?;
    chosen.extend(remainder.into_iter().map(|at| left[at]));
    random.shuffle(&mut chosen);
    Ok(chosen)
}

/// The classes in the order of their first rows, each with its rows in order.
fn rows_by_class(labels: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let mut classes: Vec<(usize, Vec<usize>)> = Vec::new();
    for (row, &label) in labels.iter().enumerate() {
        match classes.iter_mut().find(|(known, _)| *known == label) {
            Some((_, rows)) => rows.push(row),
            None => classes.push((label, vec![row])),
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(shots: usize, demonstrations: Demonstrations<'_>) -> Request<'_> {
        Request { seed: 7, shots, demonstrations, evaluation_rows: 5, evaluation_sample: None }
    }

    #[test]
    fn every_class_gets_its_shots() {
        let labels: Vec<usize> = (0..60).map(|row| row * row % 3 % 2).collect();
        let selection = select(&request(4, Demonstrations::Labelled { labels: &labels, classes: 2 })).unwrap();
        let mut rows = selection.demonstrations.clone();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 8, "no row twice");
        assert_eq!(rows.iter().filter(|&&row| labels[row] == 1).count(), 4);
        assert_eq!(selection.evaluation, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_class_that_does_not_occur_leaves_a_remainder_for_the_others() {
        let labels = [2, 0, 2, 0, 0, 2, 2, 0];
        let selection = select(&request(1, Demonstrations::Labelled { labels: &labels, classes: 3 })).unwrap();
        assert_eq!(selection.demonstrations.len(), 3);
        let of_class = |label| selection.demonstrations.iter().filter(|&&row| labels[row] == label).count();
        assert!(of_class(0) >= 1 && of_class(2) >= 1);
    }

    #[test]
    fn no_shots_are_no_demonstrations() {
        for demonstrations in [Demonstrations::Alike { rows: 0 }, Demonstrations::Labelled { labels: &[], classes: 2 }]
        {
            assert!(select(&request(0, demonstrations)).unwrap().demonstrations.is_empty());
        }
    }

    #[test]
    fn too_few_rows_are_counted_in_the_error() {
        let alike = select(&request(4, Demonstrations::Alike { rows: 3 }));
        assert_eq!(alike, Err(SamplingError::TooFewRows { needed: 4, rows: 3 }));
        let labelled = select(&request(2, Demonstrations::Labelled { labels: &[0, 1, 0], classes: 2 }));
        assert_eq!(labelled, Err(SamplingError::TooFewRows { needed: 4, rows: 3 }));
        let uneven = select(&request(2, Demonstrations::Labelled { labels: &[0, 1, 0, 0], classes: 2 }));
        assert_eq!(uneven, Err(SamplingError::TooFewOfClass { label: 1, needed: 2, rows: 1 }));
        let absurd = select(&request(usize::MAX, Demonstrations::Labelled { labels: &[0, 1], classes: 2 }));
        assert_eq!(absurd, Err(SamplingError::TooFewRows { needed: usize::MAX, rows: 2 }));
    }

    #[test]
    fn a_small_evaluation_split_is_scored_whole() {
        let mut request = request(1, Demonstrations::Alike { rows: 3 });
        request.evaluation_sample = Some(6);
        assert_eq!(select(&request).unwrap().evaluation, [0, 1, 2, 3, 4]);
        request.evaluation_sample = Some(3);
        assert_eq!(select(&request).unwrap().evaluation.len(), 3);
    }
}
