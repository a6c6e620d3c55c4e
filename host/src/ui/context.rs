//! Saved contexts on a terminal: what one is, and how two differ.

use super::screen::{Page, Screen};
use super::table;
use ft_engine::text::{Untrusted, size};
use ft_record::analysis::contexts::{ContextComparison, ContextSide};
use ft_record::analysis::differences::Difference;
use ft_record::files::context::ContextRecord;
use ft_record::files::trace::TraceRecord;
use ft_record::present::table_model::{Row, RowKind, TableModel};
use ft_record::present::{contexts, facts};

/// Lines of the demonstrations that are shown.
const DEMONSTRATION_LINES: usize = 8;

/// Stands in the place of a number that there is not.
const NONE: &str = "-";

/// What a context is and where it came from: step, tensors, what was measured, the run's facts, the first lines of its
/// demonstrations, how far each step moved it, notes. `name` is its folder.
pub fn describe(name: &str, record: &ContextRecord, screen: Screen) -> Page {
    let mut page = screen.headed(name, "", 0);
    let line = |name: &str, value: &str| screen.line(&format!("  {name:10} {value}"), 13);
    page += line("context", &contexts::step(record));
    page += line("tensors", &contexts::tensors(&record.tensors));
    page +=
        line("file", &format!("{}, sha256 {}", size(record.tensors.file.bytes), record.tensors.file.sha256.harmless()));
    page += line("measured", &contexts::measured(record.scores.as_ref()));
    for (name, value) in facts::of_plan(&record.plan) {
        page += line(name, &value);
    }
    for file in &record.plan.model.files {
        page += line("model file", &format!("{}, sha256 {}", file.name.harmless(), file.sha256.harmless()));
    }
    if !record.plan.labels.is_empty() {
        let labels: Vec<String> = record.plan.labels.iter().map(Untrusted::harmless).collect();
        page += line("classes", &labels.join(", "));
    }
    let draw = &record.plan.draw;
    let rows: Vec<String> = draw.demonstration_rows.iter().map(usize::to_string).collect();
    if !rows.is_empty() {
        page += line("rows", &rows.join(", "));
    }
    page += Page::blank() + screen.headed("demonstrations", "", 0);
    page += screen.head(draw.demonstrations.raw(), DEMONSTRATION_LINES);
    if !record.trace.is_empty() {
        page += Page::blank() + screen.headed("steps", "", 0) + table::render(&trace(&record.trace), screen);
    }
    page + record.plan.notes.iter().map(|note| screen.note(&note.harmless())).collect::<Page>()
}

/// That a context was saved: where, of which step, how large, and what to do with it.
pub(crate) fn saved(name: &str, record: &ContextRecord, screen: Screen) -> Page {
    let line = |name: &str, value: &str| screen.line(&format!("  {name:10} {value}"), 13);
    let mut page = screen.headed(name, "", 0) + line("context", &contexts::step(record));
    page += line("tensors", &contexts::tensors(&record.tensors)) + line("file", &size(record.tensors.file.bytes));
    page + line("use", &format!("ft-host predict {name} --data FILE"))
}

/// How far each step moved the whole cache.
fn trace(rows: &[TraceRecord]) -> TableModel {
    let number = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.4}"));
    let row = |row: &TraceRecord| Row {
        cells: vec![
            row.step.to_string(),
            number(Some(row.pseudo_gradient_norm())),
            number(Some(row.update_norm())),
            number(row.loss),
            row.accepted.map_or_else(|| NONE.to_owned(), |accepted| if accepted { "yes" } else { "no" }.to_owned()),
        ],
        kind: RowKind::Plain,
    };
    let headings = ["step", "pseudo-gradient", "update", "loss", "accepted"].map(str::to_owned).to_vec();
    let legend = vec!["norms over the whole cache".to_owned()];
    TableModel { title: String::new(), headings, rows: rows.iter().map(row).collect(), legend }
}

/// How far the second context is from the first, layer by layer, and in what their plans differ.
pub fn comparison(comparison: &ContextComparison, screen: Screen) -> Page {
    let ContextComparison { a, b, distance, differences } = comparison;
    let side = |letter: &str, side: &ContextSide| {
        let rest = format!(", step {} of seed {}, {}", side.step, side.seed, side.stored_dtype.harmless());
        screen.headed(&format!("{letter}: {}", side.name.harmless()), &rest, 2)
    };
    let mut page = side("a", a) + side("b", b) + Page::blank();
    page += table::render(&contexts::distances(distance), screen);
    if differences.is_empty() {
        return page + screen.line("the plans do not differ", 2);
    }
    page += screen.line("the plans differ (a / b):", 2);
    let line = |difference: &Difference| screen.line(&format!("  {}", difference.sentence(" / ")), 4);
    page + differences.iter().map(line).collect::<Page>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ContextFolder;
    use crate::context::testing::{context, decoder, new_context, plan};
    use ft_engine::model::saved_context::ContextToSave;
    use ft_engine::text::is_harmless;

    /// Two contexts of 5 tokens, the second with an evil text in its plan.
    fn opened(folder: &std::path::Path, evil: &str) -> [ContextFolder; 2] {
        let decoder = decoder();
        [([5, 17, 3, 42, 8], "", "a"), ([5, 17, 3, 42, 9], evil, "b")].map(|(tokens, text, name)| {
            let context = context(&decoder, &tokens);
            let mut plan = plan();
            plan.notes = vec![text.into()];
            plan.labels = vec![text.into()];
            plan.task.name = text.into();
            plan.draw.demonstrations = format!("a good film{text}\n").into();
            let to_save = ContextToSave::new(&context, None).unwrap();
            ContextFolder::write(&folder.join(name), new_context(&plan, 2), &to_save).unwrap();
            ContextFolder::open(&folder.join(name)).unwrap()
        })
    }

    #[test]
    fn a_context_is_described_with_what_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let [plain, _] = opened(folder.path(), "");
        let page = describe("c", plain.record(), Screen::PLAIN);
        for line in [
            "c",
            "  context    step 2 of seed 0, selected by last",
            "  tensors    2 layers, 2 key/value heads of 8, 5 positions, next position 5, f32",
            "  measured   not scored",
            "a good film",
        ] {
            assert!(page.as_str().lines().any(|found| found == line), "{line}: {}", page.as_str());
        }
        // Norms over two layers: the roots of 2 * 9 and of 2 / 4.
        let row = page.as_str().lines().find(|line| line.contains("4.2426")).expect("the step is shown");
        assert!(row.contains("0.7071") && row.contains("0.2500"), "{row}");
    }

    #[test]
    fn two_contexts_are_compared_layer_by_layer() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = opened(folder.path(), "x");
        let compared = |a: &ContextFolder, b: &ContextFolder| {
            let distance = a.distance_to(b).unwrap();
            ContextComparison::new(("a", a.record()), ("b", b.record()), distance, &[]).unwrap()
        };
        let page = comparison(&compared(&a, &a), Screen::PLAIN);
        let zeros = page.as_str().lines().filter(|line| line.contains("0.0000") && line.contains("1.000000"));
        assert_eq!(zeros.count(), 3, "two layers and the hidden state: {}", page.as_str());
        assert!(page.as_str().ends_with("the plans do not differ\n"));
        let page = comparison(&compared(&a, &b), Screen::PLAIN);
        assert!(page.as_str().contains("  task.name: \"\" / \"x\"\n"), "{}", page.as_str());
        // The last token is another one: the hidden state is not the same.
        let last = page.as_str().lines().find(|line| line.contains("last hidden state")).expect("it is shown");
        assert!(!last.contains("1.000000"), "{last}");
    }

    #[test]
    fn what_others_wrote_is_harmless() {
        let evil = "x\u{1b}[2J\u{202e}y\nerror: z";
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = opened(folder.path(), evil);
        let distance = a.distance_to(&b).unwrap();
        let compared = ContextComparison::new((evil, a.record()), ("b", b.record()), distance, &[]).unwrap();
        for page in [describe(evil, b.record(), Screen::PLAIN), comparison(&compared, Screen::PLAIN)] {
            assert!(is_harmless(&page.as_str().replace('\n', "")) && page.as_str().contains("\\u{202e}"));
        }
    }
}
