//! What became of rows without answers, each in its place.

use crate::bindings::dataset;
use crate::task::answer_check::ExampleCheck;
use crate::task::invalid_answer::InvalidAnswer;
use ft_engine::task::example::Question;

/// A row that does not make an example. Texts in it are fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The row's index in the table, from 0.
    pub row: u64,
    /// The column at fault, where there is one.
    pub column: Option<String>,
    /// What was expected and what came.
    pub message: String,
}

/// What a row without an answer becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// A question, whose prompt [`TaskPlugin::render_question`](crate::TaskPlugin::render_question) makes.
    Question(Question),
    /// The task does not take it.
    Rejected(Rejection),
    /// It is none of the task's.
    LeftOut,
}

/// The outcomes of a batch's rows, in the rows' order. Row `first` of the table is the batch's first, and `left` rows are left:
/// the batch is of 1 to `left` rows.
pub(crate) fn outcomes(
    batch: dataset::Batch,
    first: u64,
    left: usize,
    check: &mut ExampleCheck<'_>,
) -> Result<Vec<RowOutcome>, InvalidAnswer> {
    let dataset::Batch { examples, rejected, left_out } = batch;
    let found = examples.len() + rejected.len() + left_out.len();
    if !(1..=left).contains(&found) {
        return Err(InvalidAnswer::Outcomes { first, left, found });
    }
    let mut places: Vec<Option<RowOutcome>> = Vec::new();
    places.resize_with(found, || None);
    let mut put = |row: u64, outcome| {
        let place = row.checked_sub(first).and_then(|place| places.get_mut(usize::try_from(place).ok()?));
        match place {
            Some(place @ None) => {
                *place = Some(outcome);
                Ok(())
            }
            _ => Err(InvalidAnswer::OutcomeRow { first, last: first + found as u64 - 1, row }),
        }
    };
    for row in left_out {
        check.leave_out()?;
        put(row, RowOutcome::LeftOut)?;
    }
    for raw in rejected {
        let rejection = check.rejection(raw)?;
        put(rejection.row, RowOutcome::Rejected(rejection))?;
    }
    // As many places are free as there are examples.
    let mut examples = examples.into_iter();
    let fill = |place| match place {
        Some(outcome) => Some(Ok(outcome)),
        None => examples.next().map(|raw| check.question(raw).map(RowOutcome::Question)),
    };
    places.into_iter().filter_map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::data;
    use crate::limits::Limits;

    fn batch(examples: &[&str], rejected: &[u64], left_out: &[u64]) -> dataset::Batch {
        let example = |id: &&str| data::Example {
            id: (*id).to_owned(),
            query: "q".into(),
            choices: vec!["a".into(), "b".into()],
            answer: None,
            fields: vec![],
        };
        let rejection = |&row: &u64| dataset::Rejection { row, column: None, message: format!("bad {row}") };
        dataset::Batch {
            examples: examples.iter().map(example).collect(),
            rejected: rejected.iter().map(rejection).collect(),
            left_out: left_out.to_vec(),
        }
    }

    /// The outcomes in words, of a batch that may be of rows 100 to 104.
    fn told(batch: dataset::Batch) -> Result<Vec<String>, String> {
        let limits = Limits::default();
        let outcomes = outcomes(batch, 100, 5, &mut ExampleCheck::new(&limits, &[])).map_err(|bad| bad.to_string())?;
        let tell = |outcome| match outcome {
            RowOutcome::Question(question) => question.id,
            RowOutcome::Rejected(Rejection { row, message, .. }) => format!("{row}: {message}"),
            RowOutcome::LeftOut => "-".to_owned(),
        };
        Ok(outcomes.into_iter().map(tell).collect())
    }

    #[test]
    fn every_row_has_its_outcome_in_its_place() {
        assert_eq!(
            told(batch(&["x", "y"], &[103, 101], &[100])).unwrap(),
            ["-", "101: bad 101", "x", "103: bad 103", "y"]
        );
        assert_eq!(told(batch(&["x", "x"], &[], &[])).unwrap(), ["x", "x"]);
        assert_eq!(told(batch(&[], &[100], &[])).unwrap(), ["100: bad 100"]);
    }

    #[test]
    fn a_batch_is_of_rows_that_were_handed_over() {
        let expected = "expected an example, a rejection or an index of a row that is left out for each of 1 to 5 rows from row 100 on";
        assert_eq!(told(batch(&[], &[], &[])).unwrap_err(), format!("{expected}, got 0"));
        assert_eq!(told(batch(&["x"; 4], &[100], &[101])).unwrap_err(), format!("{expected}, got 6"));
        let expected = "expected each of the rows 100 to 101 to be rejected or left out at most once, got row";
        for (rejected, left_out, row) in [
            (&[102, 100][..], &[][..], 102),
            (&[99, 100], &[], 99),
            (&[0, 1], &[], 0),
            (&[100, 100], &[], 100),
            (&[101], &[101], 101),
            (&[100, u64::MAX], &[], u64::MAX),
        ] {
            assert_eq!(told(batch(&[], rejected, left_out)).unwrap_err(), format!("{expected} {row}"));
        }
    }
}
