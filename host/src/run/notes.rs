//! What a reader of the results has to know.

use super::config::RunConfig;
use super::draw::{Draw, Query};
use super::model::OpenModel;
use super::rows::Rows;

/// What restricts the results, as far as it is known before the run.
pub fn before(config: &RunConfig, rows: &Rows, draw: &Draw, model: &OpenModel, queries: &[Query]) -> Vec<String> {
    let mut notes = Vec::new();
    if config.task.data.uses_sample() {
        notes.push("the data are the bundled sample, not the data set".to_owned());
    }
    for split in [&rows.demonstrations, &rows.evaluation] {
        let (record, reasons) = (&split.record, split.skipped.join("; "));
        if record.skipped > 0 {
            let (skipped, all, name) = (record.skipped, record.rows, &record.split);
            notes.push(format!("{skipped} of {all} rows of the {name} split were left out: {reasons}"));
        }
    }
    let all = rows.evaluation.examples.len();
    if draw.evaluation_rows < all {
        notes.push(format!("{} of {all} evaluation rows were drawn at random, as the task asks", draw.evaluation_rows));
    }
    if draw.queries.len() < draw.evaluation_rows {
        let (scored, drawn) = (draw.queries.len(), draw.evaluation_rows);
        notes.push(format!("limited to the first {scored} of {drawn} evaluation rows"));
    }
    let unpreceded = queries.iter().filter(|query| query.tokens.starts_with_span()).count();
    if unpreceded > 0 && model.tokenizer.bos().is_none() {
        notes.push(format!(
            "zero-shot: in {unpreceded} queries nothing stands before the scored span's first token, which is left out"
        ));
    }
    notes.extend_from_slice(model.notes());
    notes
}
