//! What differs between two saved contexts: how far their keys and values are from each other, and where they came from.

use serde::Serialize;

use super::differences::{Difference, differences_but};
use crate::files::context::ContextRecord;
use crate::files::schema::SelectedRecord;
use ft_engine::model::saved_context::ContextDistance;
use ft_engine::text::Untrusted;

/// Parts of a plan, besides options, that say nothing of how a context came about: where things lie, what was scored with it,
/// and what follows from other parts.
const WITHOUT_EFFECT: [&str; 23] = [
    "config.seeds",
    "content_free",
    "data.file",
    "data.further_files.name",
    "demonstration_ids",
    "evaluation_rows",
    "evaluation_split_rows",
    "format_version",
    "further_draws",
    "held_out_rows",
    "host_version",
    "longest_query",
    "memory",
    "model.files.name",
    "model.source",
    "notes",
    "optimizer.file",
    "overlapping_rows",
    "scored_rows",
    "score_steps",
    "task.file",
    "unconditional_rows",
    "unusable_rows",
];

/// A context in a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContextSide {
    /// The context's folder, as it was named.
    pub name: Untrusted,
    /// The seed that drew the demonstrations.
    pub seed: u64,
    /// The step after which the context was taken, from 1.
    pub step: u32,
    /// The number format in which the file has keys and values.
    pub stored_dtype: Untrusted,
}

/// Two contexts compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContextComparison {
    /// The first context, from which distances are relative.
    pub a: ContextSide,
    /// The second context.
    pub b: ContextSide,
    /// How far the second is from the first.
    #[serde(flatten)]
    pub distance: ContextDistance,
    /// In what their plans differ, as far as a context follows from it; the seed and what it drew are among it.
    pub differences: Vec<Difference>,
}

impl ContextComparison {
    /// Compares two contexts by their folders' names, records and distance. `ignored` are the places of options on which no
    /// result depends, like `config.threads`.
    ///
    /// # Errors
    /// If serialization fails.
    pub fn new(
        a: (&str, &ContextRecord),
        b: (&str, &ContextRecord),
        distance: ContextDistance,
        ignored: &[&str],
    ) -> Result<Self, serde_json::Error> {
        let left_out = [&WITHOUT_EFFECT[..], ignored].concat();
        let differences = differences_but(&a.1.plan, &b.1.plan, &left_out)?;
        let side = |(name, record): (&str, &ContextRecord)| {
            let SelectedRecord { seed, step } = record.selected;
            ContextSide { name: name.into(), seed, step, stored_dtype: record.tensors.stored_dtype.clone() }
        };
        Ok(Self { a: side(a), b: side(b), distance, differences })
    }
}

#[cfg(test)]
mod tests {
    use ft_engine::model::saved_context::{Distance, LayerDistance};

    use super::*;
    use crate::files::context::testing::{plan, record};

    #[test]
    fn what_a_context_follows_from_is_told_and_nothing_else() {
        let distance = Distance { relative: Some(0.5), cosine: None };
        let moved =
            ContextDistance { layers: vec![LayerDistance { keys: distance, values: distance }], last_hidden: distance };
        let a = record();
        let mut b = record();
        b.plan = plan().of_seed(7).unwrap();
        b.selected = SelectedRecord { seed: 7, step: 1 };
        b.plan.notes = vec!["a note".into()];
        (b.plan.model.source, b.plan.task.file) = ("/elsewhere".into(), "/elsewhere/t.wasm".into());
        b.plan.config.threads = 8;
        let compared = ContextComparison::new(("a", &a), ("b", &b), moved.clone(), &["config.threads"]).unwrap();
        let mut told: Vec<String> = compared.differences.iter().map(|difference| difference.sentence(" / ")).collect();
        told.sort();
        let expected =
            ["demonstration_rows: [9] / [7]", "demonstrations: \"text of 9\" / \"text of 7\"", "seed: 9 / 7"];
        assert_eq!(told, expected);
        assert_eq!((compared.a.seed, compared.a.step, compared.b.seed, compared.b.step), (9, 3, 7, 1));
        let json = serde_json::to_value(&compared).unwrap();
        assert_eq!(json["layers"][0]["keys"], serde_json::json!({"relative": 0.5, "cosine": null}));
        assert_eq!(json["last_hidden"]["relative"], 0.5);
        let same = ContextComparison::new(("a", &a), ("a", &a), moved, &[]).unwrap();
        assert_eq!(same.differences, []);
    }
}
