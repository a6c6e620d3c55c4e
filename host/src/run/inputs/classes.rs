//! Whether the rows that a seed scores have the classes of the split that they are from.

use std::collections::HashSet;

use ft_engine::metrics::hypergeometric::{LEVEL, UnusualClass, unusual_classes};
use ft_engine::task::example::Example;
use ft_engine::text::harmless;
use ft_record::present::format::p_value;

/// Classes that are named; the rest is counted.
const NAMED: usize = 4;

/// The names of the classes: the task's labels, or else the choices where all rows have the same. Rows with choices of their
/// own have no classes: which of them is right says where it stands, not what it is.
pub(super) fn of_split<'a>(labels: &'a [String], split: &'a [Example]) -> Vec<&'a str> {
    match split.split_first() {
        _ if !labels.is_empty() => labels.iter().map(String::as_str).collect(),
        Some((first, others)) if others.iter().all(|example| example.choices == first.choices) => {
            first.choices.iter().map(|choice| choice.raw().as_str()).collect()
        }
        _ => Vec::new(),
    }
}

/// The classes that no row of a split has, in words: `class X` or `the classes X, Y`.
pub(super) fn absent(names: &[impl AsRef<str>], split: &[Example]) -> Option<String> {
    let present: HashSet<usize> = split.iter().map(|example| example.answer).collect();
    let absent = names.iter().enumerate().filter(|(class, _)| !present.contains(class));
    let absent: Vec<String> = absent.map(|(_, name)| format!("`{}`", harmless(name.as_ref()))).collect();
    match absent.as_slice() {
        [] => None,
        [one] => Some(format!("class {one}")),
        several => {
            let told = several.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = several.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Some(format!("the classes {told}{more}"))
        }
    }
}

/// What a reader has to know of the classes of the scored rows, if anything; `drawn` says whether they were drawn at random.
pub fn note(labels: &[String], split: &[Example], scored: impl Iterator<Item = usize>, drawn: bool) -> Option<String> {
    let names = of_split(labels, split);
    let counts = |answers: &mut dyn Iterator<Item = usize>| {
        let mut counts = vec![0; names.len()];
        for answer in answers {
            if let Some(count) = counts.get_mut(answer) {
                *count += 1;
            }
        }
        counts
    };
    let all = counts(&mut split.iter().map(|example| example.answer));
    let rows = counts(&mut { scored });
    if rows.iter().sum::<usize>() == 0 {
        return None;
    }
    let found = unusual_classes(&rows, &all);
    let likeliest = found.iter().map(|class| class.p_value).reduce(f64::min)?;
    let (n, split): (usize, usize) = (rows.iter().sum(), all.iter().sum());
    let told = found.iter().take(NAMED).map(|class| of_class(class, names[class.class], (n, split)));
    let mut told = told.collect::<Vec<String>>().join(", ");
    if found.len() > NAMED {
        told += &format!(", and {} more classes", found.len() - NAMED);
    }
    let what = match likeliest < LEVEL {
        true => "the scored rows do not have the classes of their split",
        false => "the scored rows lack classes of their split",
    };
    let likely =
        if likeliest < LEVEL { format!(" (p{} for rows drawn at random)", p_value(likeliest)) } else { String::new() };
    let advice = if drawn { "a larger `--sample` has more of each" } else { "`--sample N` draws rows at random" };
    Some(format!("{what}: {told}{likely}; {advice}"))
}

fn of_class(class: &UnusualClass, name: &str, (n, all): (usize, usize)) -> String {
    format!("`{}` {} of {n} scored and {} of all {all}", harmless(name), class.rows, class.split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(answers: &[usize], choices: &[&str]) -> Vec<Example> {
        let example = |(index, &answer): (usize, &usize)| Example {
            id: index.to_string(),
            query: index.to_string().into(),
            choices: choices.iter().map(|choice| (*choice).into()).collect(),
            answer,
            fields: Vec::new(),
        };
        answers.iter().enumerate().map(example).collect()
    }

    fn of_first(labels: &[&str], split: &[Example], rows: usize, drawn: bool) -> Option<String> {
        let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
        note(&labels, split, split.iter().take(rows).map(|example| example.answer), drawn)
    }

    #[test]
    fn a_sorted_split_names_the_remedy() {
        let sorted = split(&[[1; 50], [0; 50]].concat(), &["bad", "good"]);
        let expected = "the scored rows do not have the classes of their split: `bad` 0 of 20 scored and 50 of all 100, `good` \
            20 of 20 scored and 50 of all 100 (p<0.001 for rows drawn at random)";
        let with = |advice: &str| Some(format!("{expected}; {advice}"));
        let (random, larger) = ("`--sample N` draws rows at random", "a larger `--sample` has more of each");
        assert_eq!(of_first(&["bad", "good"], &sorted, 20, false), with(random));
        assert_eq!(of_first(&["bad", "good"], &sorted, 20, true), with(larger));
        let missing = "the scored rows lack classes of their split: `bad` 0 of 2 scored and 50 of all 100";
        assert_eq!(of_first(&["bad", "good"], &sorted, 2, false), Some(format!("{missing}; {random}")));
        assert_eq!(of_first(&["bad", "good"], &sorted, 100, false), None);
        // A task that does not name its classes has them all the same.
        assert!(of_first(&[], &sorted, 20, false).is_some());
    }

    #[test]
    fn mixed_rows_and_rows_with_choices_of_their_own_are_not_told() {
        let mixed: Vec<usize> = (0..100).map(|row| row % 2).collect();
        assert_eq!(of_first(&[], &split(&mixed, &["bad", "good"]), 20, false), None);
        let mut own = split(&[[1; 50], [0; 50]].concat(), &["a", "b"]);
        own.iter_mut().for_each(|example| example.choices[1] = example.id.as_str().into());
        assert_eq!(of_first(&[], &own, 20, false), None);
    }

    #[test]
    fn classes_without_a_row_are_named() {
        let names: Vec<String> = (0..7).map(|class| format!("c{class}")).collect();
        let of = |answers: &[usize]| absent(&names, &split(answers, &[]));
        assert_eq!(of(&[0, 1, 2, 3, 4, 5, 6]), None);
        assert_eq!(of(&[1, 2, 3, 4, 5, 6]).as_deref(), Some("class `c0`"));
        assert_eq!(of(&[1, 2, 3, 4, 6]).as_deref(), Some("the classes `c0`, `c5`"));
        assert_eq!(of(&[1]).as_deref(), Some("the classes `c0`, `c2`, `c3`, `c4` and 2 more"));
    }

    #[test]
    fn many_classes_are_counted() {
        let names: Vec<String> = (0..9).map(|class| format!("c{class}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let sorted: Vec<usize> = (0..90).map(|row| row / 10).collect();
        let note = of_first(&names, &split(&sorted, &names), 10, false).unwrap();
        assert!(note.contains("`c0` 10 of 10") && note.contains("and 5 more classes"), "{note}");
    }
}
