//! Whether a file's own names for classes agree with what the task takes the numbers for.
//!
//! A Parquet file may say that class 0 is `positive`, and a task may take 0 for `negative`: then every answer is
//! inverted, and nothing else shows it. A column is held to the answers that the plugin gave for its rows, not to the
//! numbers: whatever the plugin does with the column, rows that the file calls `positive` have to have the answer
//! `positive`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use ft_engine::task::example::Example;
use ft_store::table::{ClassColumn, TableReader};

/// Names that a message lists; the rest is counted.
const LISTED: usize = 10;

/// Names, and labels, beyond which they are not held to each other by how they begin.
const MOST_STEMS: usize = 1000;

/// Letters and digits below which a word that begins as another does not stand for it.
const SHORTEST_STEM: usize = 3;

/// A file's names for the classes of a column, and the classes that rows have there.
struct NamedColumn {
    /// What messages call the first file that has these names.
    file: String,
    names: ClassColumn,
    /// The number of each row, from 0, with its class.
    rows: Vec<(usize, usize)>,
}

/// Columns with names that are looked at, and classes of rows that are kept of all of them: a file of some megabytes may
/// have a thousand such columns and millions of rows.
const MOST_COLUMNS: usize = 64;
const MOST_NOTED: usize = 1 << 22;

/// The columns with names of one split, collected as its rows are handed over.
#[derive(Default)]
pub(super) struct NamedColumns {
    columns: Vec<NamedColumn>,
    /// Which of them the table has that rows come from now, by its name.
    of_table: (String, Vec<usize>),
    noted: usize,
}

/// A column whose classes the file calls otherwise than the task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherClasses {
    /// What messages call the file.
    pub file: String,
    /// The column that has classes by their numbers.
    pub column: String,
    /// What the names would have to be, in words.
    pub expected: String,
    /// What they are.
    pub got: String,
}

impl std::fmt::Display for OtherClasses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, column, expected, got } = self;
        write!(f, "{file}: expected the classes {expected} in this order in column `{column}`, got {got}")
    }
}

/// What comes of comparing names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The names contradict the task.
    Other(OtherClasses),
    /// Nobody but a reader can tell whether the names contradict the task: none of them is one of its labels, or it is not known
    /// which rows its answers are of. In words.
    Unlike(String),
}

impl NamedColumns {
    /// Takes note of a table's columns, and of the row that is handed over, with its number. What is no whole number
    /// names no class.
    pub fn note(&mut self, table: &TableReader, row: Option<(usize, &str)>) {
        let named = table.classes();
        if named.is_empty() {
            return;
        }
        if self.of_table.0 != table.name() || self.of_table.1.is_empty() {
            self.of_table = (table.name().to_owned(), self.places(table.name(), named));
        }
        let Some((number, text)) = row.filter(|_| self.noted < MOST_NOTED) else { return };
        let row = serde_json::from_str::<Value>(text).unwrap_or_default();
        for place in &self.of_table.1 {
            let column = &mut self.columns[*place];
            if let Some(class) = row[&column.names.column].as_u64().and_then(|class| usize::try_from(class).ok()) {
                column.rows.push((number, class));
                self.noted += 1;
            }
        }
    }

    /// The places of a table's columns, which are added where they are new.
    fn places(&mut self, file: &str, named: &[ClassColumn]) -> Vec<usize> {
        let place = |names: &ClassColumn| {
            self.columns.iter().position(|column| column.names == *names).unwrap_or_else(|| {
                self.columns.push(NamedColumn { file: file.to_owned(), names: names.clone(), rows: Vec::new() });
                self.columns.len() - 1
            })
        };
        named.iter().take(MOST_COLUMNS).map(place).collect()
    }

    /// Holds the names to the task's labels. `given` is the number of rows that the plugin was given, `rejected` those
    /// of them that made no example.
    pub fn compare(
        &self,
        labels: &[String],
        examples: &[Example],
        given: usize,
        rejected: impl Iterator<Item = u64>,
    ) -> Vec<Finding> {
        if self.columns.is_empty() || labels.is_empty() {
            return Vec::new();
        }
        let rejected: BTreeSet<u64> = rejected.collect();
        let mut left = examples.iter();
        // Examples come in the order of their rows. Where they are not one for each, no one knows which row is whose.
        let answers: Option<Vec<Option<usize>>> = (examples.len() + rejected.len() == given).then(|| {
            let answer = |row: usize| match rejected.contains(&(row as u64)) {
                true => None,
                false => left.next().map(|example| example.answer),
            };
            (0..given).map(answer).collect()
        });
        // Where the names of one column are what the plugin answered, the others are about something else.
        if answers.as_ref().is_some_and(|answers| self.columns.iter().any(|column| column.agrees(labels, answers))) {
            return Vec::new();
        }
        self.columns.iter().filter_map(|column| column.finding(labels, answers.as_deref())).collect()
    }
}

impl NamedColumn {
    fn finding(&self, labels: &[String], answers: Option<&[Option<usize>]>) -> Option<Finding> {
        let names = &self.names.names;
        let meanings = meanings(names, labels);
        let Some(answers) = answers else {
            let all: BTreeSet<usize> = meanings.iter().flatten().copied().collect();
            let same_words = all.len() == labels.len() && names.len() == labels.len();
            let in_order = meanings.iter().enumerate().all(|(class, label)| *label == Some(class));
            // Which column the plugin goes by is not known.
            return (same_words && !in_order).then(|| Finding::Unlike(self.other(listed(labels)).to_string()));
        };
        let taken = self.taken_as(answers)?;
        let contradicted = |(class, answer): (&usize, &usize)| {
            meanings.get(*class).copied().flatten().is_some_and(|label| label != *answer)
        };
        if taken.iter().any(contradicted) {
            let as_they_are = taken.iter().all(|(class, answer)| class == answer);
            let expected = (0..names.len()).map(|class| match taken.get(&class) {
                Some(answer) => labels.get(*answer).unwrap_or(&names[class]),
                None if as_they_are => labels.get(class).unwrap_or(&names[class]),
                None => &names[class],
            });
            return Some(Finding::Other(self.other(listed(expected))));
        }
        let speaks = names.iter().any(|name| name.chars().any(char::is_alphabetic));
        let different: BTreeSet<&usize> = taken.values().collect();
        if !speaks || meanings.iter().any(Option::is_some) || taken.len() < 2 || different.len() < taken.len() {
            return None;
        }
        let column = &self.names.column;
        let called = taken.iter().filter_map(|(class, answer)| Some((names.get(*class)?, labels.get(*answer)?)));
        let called = called.map(|(name, label)| format!("`{name}` as `{label}`")).take(LISTED);
        let called = called.collect::<Vec<_>>().join(", ");
        Some(Finding::Unlike(format!("the task takes the classes of {}, column `{column}`: {called}", self.file)))
    }

    /// Whether every class that has rows is called what the plugin answered for them.
    fn agrees(&self, labels: &[String], answers: &[Option<usize>]) -> bool {
        let meanings = meanings(&self.names.names, labels);
        let is_called = |(class, answer): (&usize, &usize)| meanings.get(*class) == Some(&Some(*answer));
        self.taken_as(answers).is_some_and(|taken| !taken.is_empty() && taken.iter().all(is_called))
    }

    /// Which answer the rows of each class have; `None` where rows of one class have several, so that the answers come
    /// from elsewhere.
    fn taken_as(&self, answers: &[Option<usize>]) -> Option<BTreeMap<usize, usize>> {
        let mut taken = BTreeMap::new();
        for (row, class) in &self.rows {
            if let Some(answer) = answers.get(*row).copied().flatten()
                && *taken.entry(*class).or_insert(answer) != answer
            {
                return None;
            }
        }
        Some(taken)
    }

    fn other(&self, expected: String) -> OtherClasses {
        let column = self.names.column.clone();
        OtherClasses { file: self.file.clone(), column, expected, got: listed(&self.names.names) }
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(LISTED);
    let told = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{told} and {more} more") } else { told }
}

/// Which label each name stands for: the same word, or the only one that begins as it does (`pos`, `positive`).
fn meanings(names: &[String], labels: &[String]) -> Vec<Option<usize>> {
    let (names, labels): (Vec<String>, Vec<String>) =
        (names.iter().map(|name| word(name)).collect(), labels.iter().map(|label| word(label)).collect());
    // Which label a word is; none where it is several.
    let mut places: HashMap<&str, Option<usize>> = HashMap::new();
    for (label, word) in labels.iter().enumerate() {
        places.entry(word).and_modify(|place| *place = None).or_insert(Some(label));
    }
    let same = |name: &String| places.get(name.as_str()).copied().flatten().filter(|_| !name.is_empty());
    let exact: Vec<Option<usize>> = names.iter().map(same).collect();
    // Each name is held to each label and each other name: with many of them, that would take long.
    if names.len().max(labels.len()) > MOST_STEMS {
        return exact;
    }
    let begins = |name: &String, label: &String| {
        let shorter = name.chars().count().min(label.chars().count());
        shorter >= SHORTEST_STEM && (name.starts_with(label.as_str()) || label.starts_with(name.as_str()))
    };
    let stem = |name: &String| {
        let mut found = labels.iter().enumerate().filter(|(_, label)| begins(name, label));
        let (label, word) = found.next().filter(|_| found.next().is_none())?;
        let is_only = names.iter().filter(|other| begins(other, word)).count() == 1;
        is_only.then_some(label)
    };
    names.iter().zip(exact).map(|(name, exact)| exact.or_else(|| stem(name))).collect()
}

/// A name without case, blanks and punctuation.
fn word(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn column(names: &[&str], classes: &[usize]) -> NamedColumns {
        let names = ClassColumn { column: "label".into(), names: texts(names) };
        let rows = classes.iter().copied().enumerate().collect();
        let columns = vec![NamedColumn { file: "`x.parquet`".into(), names, rows }];
        NamedColumns { columns, ..NamedColumns::default() }
    }

    fn answered(answers: &[usize]) -> Vec<Example> {
        let example = |(id, answer): (usize, &usize)| Example {
            id: id.to_string(),
            query: String::new().into(),
            choices: Vec::new(),
            answer: *answer,
            fields: Vec::new(),
        };
        answers.iter().enumerate().map(example).collect()
    }

    /// What is found of a column's names where the task gives its rows these answers.
    fn found(names: &[&str], labels: &[&str], classes: &[usize], answers: &[usize]) -> Option<String> {
        let columns = column(names, classes);
        let found = columns.compare(&texts(labels), &answered(answers), classes.len(), std::iter::empty());
        found.into_iter().next().map(|finding| match finding {
            Finding::Other(other) => other.to_string(),
            Finding::Unlike(note) => note,
        })
    }

    const SST2: [&str; 2] = ["negative", "positive"];
    const AG_NEWS: [&str; 4] = ["World", "Sports", "Business", "Technology"];

    #[test]
    fn names_of_the_papers_data_sets_agree_with_its_tasks() {
        let trec = ["Abbreviation", "Entity", "Description", "Person", "Location", "Number"];
        for (names, labels) in [
            (&["negative", "positive"][..], &SST2[..]),
            (&["neg", "pos"], &SST2),
            (&["World", "Sports", "Business", "Sci/Tech"], &AG_NEWS),
            (&["ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"], &trec),
            (&["0", "1"], &SST2),
        ] {
            let all: Vec<usize> = (0..names.len()).collect();
            assert_eq!(found(names, labels, &all, &all), None, "{names:?}");
        }
    }

    #[test]
    fn the_same_words_in_another_order_are_refused() {
        let reversed = "`x.parquet`: expected the classes `negative`, `positive` in this order in column `label`, got ";
        for (names, got) in [(["Positive", " negative"], "`Positive`, ` negative`"), (["pos", "neg"], "`pos`, `neg`")] {
            assert_eq!(found(&names, &SST2, &[0, 1, 0], &[0, 1, 0]), Some(format!("{reversed}{got}")));
        }
        // Words that only some of them share, and rows of one class alone.
        let sorted = ["Business", "Sci/Tech", "Sports", "World"];
        let message = found(&sorted, &AG_NEWS, &[3, 3], &[3, 3]).unwrap();
        assert!(message.contains("`World`, `Sports`, `Business`, `Technology` in this order"), "{message}");
    }

    #[test]
    fn what_the_task_makes_of_the_numbers_is_what_counts() {
        // It maps them itself, rightly and wrongly.
        assert_eq!(found(&["positive", "negative"], &SST2, &[0, 1], &[1, 0]), None);
        let message = found(&SST2, &SST2, &[0, 1], &[1, 0]).unwrap();
        assert!(message.contains("expected the classes `positive`, `negative` in this order"), "{message}");
        // Its answers come from another column.
        assert_eq!(found(&["positive", "negative"], &SST2, &[0, 1, 1], &[0, 0, 1]), None);
        // Rejected rows have no answer, and the others keep their places.
        let columns = column(&["positive", "negative"], &[9, 0, 1]);
        let found = columns.compare(&texts(&SST2), &answered(&[1, 0]), 3, [0].into_iter());
        assert_eq!(found, []);
    }

    #[test]
    fn where_rows_and_examples_do_not_go_together_the_words_are_noted() {
        let of = |names: &[&str]| {
            let columns = column(names, &[0, 1]);
            columns.compare(&texts(&SST2), &answered(&[0, 1, 1]), 2, std::iter::empty())
        };
        // Which column the task goes by cannot be seen.
        assert!(matches!(of(&["positive", "negative"])[..], [Finding::Unlike(_)]));
        for names in [&["negative", "positive"][..], &["positive", "other"], &["positive", "negative", "mixed"]] {
            assert_eq!(of(names), [], "{names:?}");
        }
    }

    #[test]
    fn another_column_is_not_held_to_the_answers_of_one_that_agrees() {
        let other = NamedColumn {
            file: "`x.parquet`".into(),
            names: ClassColumn { column: "polite".into(), names: texts(&["positive", "negative"]) },
            rows: vec![(0, 0), (1, 1)],
        };
        let mut columns = column(&SST2, &[0, 1]);
        let of = |columns: &NamedColumns| columns.compare(&texts(&SST2), &answered(&[0, 1]), 2, std::iter::empty());
        columns.columns.push(other);
        assert_eq!(of(&columns), []);
        columns.columns.remove(0);
        assert!(matches!(of(&columns)[..], [Finding::Other(_)]));
    }

    #[test]
    fn an_answer_beyond_the_labels_is_no_fault_of_the_host() {
        let columns = column(&["positive", "negative", "mixed"], &[0, 1, 2]);
        let found = columns.compare(&texts(&SST2), &answered(&[0, 1, 2]), 3, std::iter::empty());
        assert!(matches!(found[..], [Finding::Other(_)]));
    }

    #[test]
    fn names_that_only_a_reader_can_compare_are_noted() {
        let note = found(&["bad", "good"], &SST2, &[0, 1], &[0, 1]).unwrap();
        assert_eq!(
            note,
            "the task takes the classes of `x.parquet`, column `label`: `bad` as `negative`, `good` as `positive`"
        );
        assert_eq!(found(&["bad", "good"], &SST2, &[0, 0], &[0, 0]), None);
    }

    #[test]
    fn a_word_stands_for_one_label_alone() {
        let of = |names: &[&str], labels: &[&str]| meanings(&texts(names), &texts(labels));
        assert_eq!(of(&["not_entailment", "entailment"], &["entailment", "not entailment"]), [Some(1), Some(0)]);
        assert_eq!(of(&["sports"], &["sport", "sports car"]), [None]);
        assert_eq!(of(&["neg", "negative"], &SST2), [None, Some(0)]);
        assert_eq!(of(&["no", "--"], &["none", "yes"]), [None, None]);
    }
}
