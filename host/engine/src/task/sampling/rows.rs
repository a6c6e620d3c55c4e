//! Rows of a split by their indices.

/// The rows of `0..rows` that are not among `taken`.
pub(super) fn all_but(taken: &[usize], rows: usize) -> Vec<usize> {
    let mut free = vec![true; rows];
    taken.iter().for_each(|&row| free[row] = false);
    (0..rows).filter(|&row| free[row]).collect()
}

/// The classes in the order of their first rows, each with its rows in order.
pub(super) fn rows_by_class(labels: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let mut classes: Vec<(usize, Vec<usize>)> = Vec::new();
    for (row, &label) in labels.iter().enumerate() {
        match classes.iter_mut().find(|(known, _)| *known == label) {
            Some((_, rows)) => rows.push(row),
            None => classes.push((label, vec![row])),
        }
    }
    classes
}
