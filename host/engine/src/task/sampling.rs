//! Which rows become demonstrations and which are scored, chosen as the authors' code chooses them.
//!
//! One stream of Python's generator, seeded with the run's seed, first draws the evaluation rows (where a task uses
//! only some of them), then the demonstrations, then rows to hold out, so that a seed gives the authors' rows.

mod error;
mod mode;
mod rows;
mod stratified;

pub use error::SamplingError;
pub use mode::Sampling;

use super::python_random::PythonRandom;
use rows::all_but;
use stratified::stratified;

/// What to draw, and from what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The seed of the random stream.
    pub seed: u64,
    /// The mode in which demonstrations are drawn.
    pub sampling: Sampling,
    /// How many demonstrations: for each class where they are drawn class by class ([`Sampling::Stratified`], and the
    /// task has classes), in all otherwise. 0 gives none.
    pub shots: usize,
    /// The answer of every row of the demonstration split, in the split's order: its class, where the task has classes.
    pub answers: &'a [usize],
    /// How many classes the task has; 0 where its examples have choices of their own.
    pub classes: usize,
    /// How many demonstrations the plugin has written by hand.
    pub written: usize,
    /// How many rows the evaluation split has.
    pub evaluation_rows: usize,
    /// To score only so many rows, drawn at random. A split with fewer rows is scored whole, in its own order.
    pub evaluation_sample: Option<usize>,
}

/// The demonstrations, in the order in which they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demonstrations {
    /// These rows of the demonstration split.
    Rows(Vec<usize>),
    /// The first so many of those that the plugin has written by hand.
    Written(usize),
}

impl Demonstrations {
    /// The rows of the demonstration split; none where the demonstrations are written by hand.
    pub fn rows(&self) -> &[usize] {
        match self {
            Demonstrations::Rows(rows) => rows,
            Demonstrations::Written(_) => &[],
        }
    }
}

/// The rows that were drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The demonstrations, in the order in which they are shown.
    pub demonstrations: Demonstrations,
    /// Rows of the evaluation split, in the order in which they are scored.
    pub evaluation: Vec<usize>,
    /// How many rows the demonstration split has.
    demonstration_rows: usize,
    /// The stream behind the last draw.
    random: PythonRandom,
}

/// Draws the rows to score and the demonstrations.
///
/// # Errors
/// If there are fewer rows, fewer of some class, or fewer written demonstrations than the shots need.
pub fn select(request: &Request) -> Result<Selection, SamplingError> {
    let Request { shots, answers, classes, .. } = *request;
    let mut random = PythonRandom::new(request.seed);
    let rows = request.evaluation_rows;
    let evaluation = request.evaluation_sample.and_then(|count| random.sample(rows, count));
    let evaluation = evaluation.unwrap_or_else(|| (0..rows).collect());
    let too_few_rows = SamplingError::TooFewRows { needed: shots, rows: answers.len() };
    let demonstrations = match request.sampling {
        Sampling::Stratified if classes > 0 => Demonstrations::Rows(stratified(&mut random, shots, answers, classes)?),
        Sampling::Stratified | Sampling::Random => {
            Demonstrations::Rows(random.sample(answers.len(), shots).ok_or(too_few_rows)?)
        }
        Sampling::First if shots > answers.len() => return Err(too_few_rows),
        Sampling::First => Demonstrations::Rows((0..shots).collect()),
        Sampling::Written if shots > request.written => {
            return Err(SamplingError::TooFewWritten { needed: shots, written: request.written });
        }
        Sampling::Written => Demonstrations::Written(shots),
    };
    Ok(Selection { demonstrations, evaluation, demonstration_rows: answers.len(), random })
}

impl Selection {
    /// `count` rows of the demonstration split that are no demonstrations, in the split's order. They are drawn behind
    /// the demonstrations, so that holding rows out changes nothing of the selection, and are the same ones every time.
    ///
    /// # Errors
    /// If fewer rows are left.
    pub fn held_out(&self, count: usize) -> Result<Vec<usize>, SamplingError> {
        let left = all_but(self.demonstrations.rows(), self.demonstration_rows);
        let drawn = self.random.clone().sample(left.len(), count);
        let drawn = drawn.ok_or(SamplingError::TooFewLeft { needed: count, rows: left.len() })?;
        let mut rows: Vec<usize> = drawn.into_iter().map(|at| left[at]).collect();
        rows.sort_unstable();
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(sampling: Sampling, shots: usize, answers: &[usize], classes: usize) -> Request<'_> {
        let (seed, written, evaluation_rows, evaluation_sample) = (7, 4, 5, None);
        Request { seed, sampling, shots, answers, classes, written, evaluation_rows, evaluation_sample }
    }

    fn stratified(shots: usize, answers: &[usize], classes: usize) -> Result<Selection, SamplingError> {
        select(&request(Sampling::Stratified, shots, answers, classes))
    }

    #[test]
    fn every_class_gets_its_shots() {
        let answers: Vec<usize> = (0..60).map(|row| row * row % 3 % 2).collect();
        let selection = stratified(4, &answers, 2).unwrap();
        let mut rows = selection.demonstrations.rows().to_vec();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 8, "no row twice");
        assert_eq!(rows.iter().filter(|&&row| answers[row] == 1).count(), 4);
        assert_eq!(selection.evaluation, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_class_that_does_not_occur_leaves_a_remainder_for_the_others() {
        let answers = [2, 0, 2, 0, 0, 2, 2, 0];
        let selection = stratified(1, &answers, 3).unwrap();
        let rows = selection.demonstrations.rows();
        assert_eq!(rows.len(), 3);
        let of_class = |class| rows.iter().filter(|&&row| answers[row] == class).count();
        assert!(of_class(0) >= 1 && of_class(2) >= 1);
    }

    #[test]
    fn shots_are_counted_in_all_where_no_class_is_asked_for() {
        let answers = [0, 0, 1, 1, 0, 1];
        let choose = |sampling, classes| select(&request(sampling, 3, &answers, classes)).unwrap().demonstrations;
        assert_eq!(
            choose(Sampling::Random, 2),
            choose(Sampling::Stratified, 0),
            "without classes rows are drawn alike"
        );
        assert_eq!(choose(Sampling::Random, 2).rows().len(), 3);
        assert_eq!(choose(Sampling::First, 2), Demonstrations::Rows(vec![0, 1, 2]));
        assert_eq!(choose(Sampling::Written, 2), Demonstrations::Written(3));
        assert!(choose(Sampling::Written, 2).rows().is_empty());
    }

    #[test]
    fn no_shots_are_no_demonstrations() {
        for sampling in Sampling::ALL {
            for classes in [0, 2] {
                let selection = select(&request(sampling, 0, &[], classes)).unwrap();
                assert!(selection.demonstrations.rows().is_empty(), "{sampling}");
            }
        }
    }

    #[test]
    fn too_few_rows_are_counted_in_the_error() {
        let few = |needed, rows| Err(SamplingError::TooFewRows { needed, rows });
        for sampling in [Sampling::Random, Sampling::First] {
            assert_eq!(select(&request(sampling, 4, &[0, 1, 0], 2)), few(4, 3));
        }
        assert_eq!(stratified(2, &[0, 1, 0], 2), few(4, 3));
        assert_eq!(stratified(usize::MAX, &[0, 1], 2), few(usize::MAX, 2));
        let uneven = stratified(2, &[0, 1, 0, 0], 2);
        assert_eq!(uneven, Err(SamplingError::TooFewOfClass { label: 1, needed: 2, rows: 1 }));
        let written = select(&request(Sampling::Written, 5, &[0; 9], 2)).unwrap_err();
        assert_eq!(written.to_string(), "expected 5 demonstrations written by hand, got 4");
    }

    #[test]
    fn a_small_evaluation_split_is_scored_whole() {
        let mut request = request(Sampling::Random, 1, &[0, 1, 0], 0);
        request.evaluation_sample = Some(6);
        assert_eq!(select(&request).unwrap().evaluation, [0, 1, 2, 3, 4]);
        request.evaluation_sample = Some(3);
        assert_eq!(select(&request).unwrap().evaluation.len(), 3);
    }

    #[test]
    fn the_evaluation_rows_are_drawn_first_whatever_the_demonstrations_are() {
        let evaluation = Sampling::ALL.map(|sampling| {
            let request = Request { evaluation_sample: Some(3), ..request(sampling, 1, &[0, 1, 0, 1], 2) };
            select(&request).unwrap().evaluation
        });
        assert!(evaluation.iter().all(|rows| *rows == evaluation[0]), "{evaluation:?}");
    }

    #[test]
    fn held_out_rows_are_no_demonstrations() {
        let answers: Vec<usize> = (0..40).map(|row| row % 2).collect();
        for sampling in Sampling::ALL {
            let selection = select(&request(sampling, 4, &answers, 2)).unwrap();
            let shown = selection.demonstrations.rows();
            let left = answers.len() - shown.len();
            let some = selection.held_out(10).unwrap();
            assert_eq!(some, selection.held_out(10).unwrap());
            assert!(some.len() == 10 && some.is_sorted() && some.iter().all(|row| !shown.contains(row)), "{sampling}");
            assert_eq!(selection.held_out(left).unwrap(), all_but(shown, 40));
            let too_few = selection.held_out(left + 1);
            assert_eq!(too_few, Err(SamplingError::TooFewLeft { needed: left + 1, rows: left }));
        }
    }
}
