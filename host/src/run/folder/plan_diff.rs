//! What differs between an earlier run's plan and this one's, as far as results depend on it.

use serde_json::Value;

use crate::options::{Effect, RunOptions};
use ft_engine::text::harmless_within;
use ft_record::analysis::differences::{Difference, differences_but};
use ft_record::files::schema::{DataRecord, PlanRecord};

/// Parts of a plan, besides options, that no result depends on: where things lie, and what is said about them. Plugins,
/// models and data are compared by their digests; content-free queries and the shared start follow from the task, and earlier versions had none.
const WITHOUT_EFFECT: [&str; 9] = [
    "content_free",
    "shared_start",
    "memory",
    "model.asked",
    "model.source",
    "model.files.name",
    "data.file",
    "data.further_files.name",
    "notes",
];

/// Parts that follow from others: named only where no cause of theirs is.
const CONSEQUENCES: [&str; 13] = [
    "seed",
    "demonstrations",
    "demonstration_ids",
    "demonstration_rows",
    "held_out_rows",
    "overlapping_rows",
    "unusable_rows",
    "scored_rows",
    "further_draws",
    "evaluation_rows",
    "longest_query",
    "score_steps",
    "unconditional_rows",
];

/// Characters of a text that are shown as they are, and of a line of a longer one.
const SHOWN: usize = 48;

/// What differs, each as `name: before -> now`; nothing if one run can go on where the other ended. Of long texts that is the
/// first line in which they differ; parts of the data are named with their split, `data.evaluation.sha256`.
///
/// # Errors
/// If a plan cannot be serialized.
pub fn plan_diff(before: &PlanRecord, now: &PlanRecord) -> Result<Vec<String>, serde_json::Error> {
    let options = RunOptions::recorded_of(&[Effect::Source, Effect::Nothing]);
    let left_out = [&WITHOUT_EFFECT[..], &options].concat();
    let found = match same_splits(before, now) {
        true => by_split(before, now, &left_out)?,
        false => differences_but(before, now, &left_out)?,
    };
    let (causes, consequences): (Vec<Difference>, Vec<Difference>) =
        found.into_iter().partition(|difference| !CONSEQUENCES.contains(&difference.name.raw().as_str()));
    let told = if causes.is_empty() { consequences } else { causes };
    Ok(told.iter().map(sentence).collect())
}

/// Whether both plans have data of the same splits in the same order.
fn same_splits(before: &PlanRecord, now: &PlanRecord) -> bool {
    let splits = |plan: &PlanRecord| plan.data.iter().map(|data| data.split.clone()).collect::<Vec<_>>();
    splits(before) == splits(now)
}

/// What differs, the data split by split.
fn by_split(before: &PlanRecord, now: &PlanRecord, left_out: &[&str]) -> Result<Vec<Difference>, serde_json::Error> {
    let with = |plan: &PlanRecord, data: &[DataRecord]| PlanRecord { data: data.to_vec(), ..plan.clone() };
    let mut found = differences_but(&with(before, &[]), &with(now, &[]), left_out)?;
    for (a, b) in before.data.iter().zip(&now.data) {
        let of_data =
            differences_but(&with(now, std::slice::from_ref(a)), &with(now, std::slice::from_ref(b)), left_out)?;
        found.extend(of_data.into_iter().map(|difference| {
            let part = difference.name.raw().strip_prefix("data").unwrap_or_default();
            Difference { name: format!("data.{}{part}", a.split.raw()).into(), ..difference }
        }));
    }
    Ok(found)
}

/// The place and both values; of two texts of which either is long, the first line that differs.
fn sentence(difference: &Difference) -> String {
    let (Value::String(a), Value::String(b)) = (difference.a.raw(), difference.b.raw()) else {
        return difference.sentence(" -> ");
    };
    let is_long = |text: &str| text.contains('\n') || text.chars().count() > SHOWN;
    // Of digests the beginning is enough.
    if !is_long(a) && !is_long(b) || [a, b].iter().all(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return difference.sentence(" -> ");
    }
    let line = a.split('\n').zip(b.split('\n')).take_while(|(a, b)| a == b).count();
    let (first, second) = (a.split('\n').nth(line), b.split('\n').nth(line));
    let same = same_beginning(first.unwrap_or_default(), second.unwrap_or_default());
    let shown = |text: Option<&str>| text.map_or("no such line".to_owned(), |text| quoted(text, same));
    format!("{}, line {}: {} -> {}", difference.name.harmless(), line + 1, shown(first), shown(second))
}

/// The characters that two lines have in common at their beginnings.
fn same_beginning(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// A line from some characters before the place where it differs from another, which have that many in common.
fn quoted(line: &str, same: usize) -> String {
    let skipped = if same < SHOWN / 2 { 0 } else { same - SHOWN / 4 };
    let rest: String = line.chars().skip(skipped).collect();
    format!("\"{}{}\"", if skipped > 0 { "…" } else { "" }, harmless_within(&rest, SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::text::Untrusted;

    fn told(a: &str, b: &str) -> String {
        sentence(&Difference {
            name: "options.task.definition".into(),
            a: Untrusted::new(Value::from(a)),
            b: Untrusted::new(Value::from(b)),
        })
    }

    /// A plan without data.
    const PLAN: &str = include_str!("../first_plan.json");

    fn plan(splits: &[(&str, &str, &str)]) -> PlanRecord {
        let data = |(split, file, examples): &(&str, &str, &str)| -> DataRecord {
            let record = serde_json::json!({
                "split": split, "repository": "r", "config": null, "name": split, "file": file,
                "rows": 1, "skipped": 0, "sha256": "", "examples_sha256": examples,
            });
            serde_json::from_value(record).unwrap()
        };
        PlanRecord { data: splits.iter().map(data).collect(), ..serde_json::from_str(PLAN).unwrap() }
    }

    #[test]
    fn data_are_named_with_their_split() {
        let before = plan(&[("demonstrations", "a.csv", "1"), ("evaluation", "b.csv", "2")]);
        // Where a file lies is without effect.
        let now = plan(&[("demonstrations", "a.csv", "3"), ("evaluation", "c.csv", "4")]);
        let expected =
            ["data.demonstrations.examples_sha256: \"1\" -> \"3\"", "data.evaluation.examples_sha256: \"2\" -> \"4\""];
        assert_eq!(plan_diff(&before, &now).unwrap(), expected);
        assert_eq!(plan_diff(&before, &before).unwrap(), [""; 0]);
        // Other parts are told besides, and data of other splits as a whole.
        let now = PlanRecord { labels: vec!["a".into()], ..now };
        assert!(plan_diff(&before, &now).unwrap()[0].starts_with("labels: "));
        let fewer = plan_diff(&before, &plan(&[("evaluation", "b.csv", "2")])).unwrap();
        assert!(fewer.len() == 1 && fewer[0].starts_with("data: "), "{fewer:?}");
    }

    #[test]
    fn of_long_texts_the_line_that_differs_is_told() {
        let text = "task = \"template\"\n[row]\nanswer = \"mood\"\nlabels = [\"annoyed\", \"glad\"]\n";
        let changed = told(text, &text.replace("\"mood\"", "\"label\""));
        assert_eq!(changed, "options.task.definition, line 3: \"answer = \"mood\"\" -> \"answer = \"label\"\"");
        let longer = told(text, &format!("{text}x = 1"));
        assert_eq!(longer, "options.task.definition, line 5: \"\" -> \"x = 1\"");
        let more = told(text, &format!("{text}\n"));
        assert_eq!(more, "options.task.definition, line 6: no such line -> \"\"");
        // One long line is shown from before the place where it differs: 60 of its characters are the same, 12 of them shown.
        let line = "y".repeat(60);
        let far = told(&format!("{line}a"), &format!("{line}b\u{1b}"));
        let before = "y".repeat(12);
        assert_eq!(far, format!("options.task.definition, line 1: \"…{before}a\" -> \"…{before}b\\u{{1b}}\""));
        assert_eq!(told("a", "b"), "options.task.definition: \"a\" -> \"b\"");
        assert!(!told(&"0".repeat(64), &"1".repeat(64)).contains("line"), "a digest is no text");
    }
}
