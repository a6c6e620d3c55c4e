//! Drawing of demonstrations class by class.

use super::error::SamplingError;
use super::rows::{all_but, rows_by_class};
use crate::task::python_random::PythonRandom;

/// `shots` times `classes` rows in all: equally many of every class that occurs, drawn class by class in the order of
/// first appearance; what does not divide evenly (a class that does not occur leaves such a remainder) from all
/// rows not drawn yet; then all of them shuffled.
pub(super) fn stratified(
    random: &mut PythonRandom,
    shots: usize,
    labels: &[usize],
    classes: usize,
) -> Result<Vec<usize>, SamplingError> {
    let needed = shots.saturating_mul(classes);
    if needed > labels.len() {
        return Err(SamplingError::TooFewRows { needed, rows: labels.len() });
    }
    // The order of the draws is part of what a seed means: the same draws in another order give other rows.
    let rows_of = rows_by_class(labels);
    // Without rows nothing is needed either, by the check above.
    let of_each = needed.checked_div(rows_of.len()).unwrap_or(0);
    let mut chosen = Vec::with_capacity(needed);
    for (label, rows) in &rows_of {
        let too_few = SamplingError::TooFewOfClass { label: *label, needed: of_each, rows: rows.len() };
        let drawn = random.sample(rows.len(), of_each).ok_or(too_few)?;
        chosen.extend(drawn.into_iter().map(|at| rows[at]));
    }
    let left = all_but(&chosen, labels.len());
    let too_few = SamplingError::TooFewRows { needed, rows: labels.len() };
    let remainder = random.sample(left.len(), needed - chosen.len()).ok_or(too_few)?;
    chosen.extend(remainder.into_iter().map(|at| left[at]));
    random.shuffle(&mut chosen);
    Ok(chosen)
}
