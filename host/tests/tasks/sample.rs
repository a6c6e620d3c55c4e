//! The bundled samples, whole, and the demonstrations written by hand.

use std::collections::HashSet;

use ft_engine::task::example::{Example, Split};
use ft_sandbox::TaskPlugin;

use crate::support::{self, TASKS, examples, load};

/// Every choice gets a text of its own that begins with its context; the demonstration is that of the right one.
fn check_rendering(task: &mut TaskPlugin, example: &Example, what: &str) {
    let choices = task.render_query(example).expect("a good example");
    let texts: HashSet<&str> = choices.iter().map(|choice| choice.full.raw().as_str()).collect();
    assert_eq!(texts.len(), example.choices.len(), "{what}");
    for (choice, rendered) in example.choices.iter().zip(&choices) {
        let continuation = rendered.full.raw().strip_prefix(rendered.context.raw()).expect("the context comes first");
        assert!(continuation.contains(choice.raw()), "{what}: {continuation}");
        assert!(!rendered.context.raw().ends_with(' '), "{what}: a blank belongs to the token that follows");
    }
    assert_eq!(task.render_demonstration(example).expect("a good example"), choices[example.answer].full, "{what}");
}

#[test]
fn every_row_of_a_sample_makes_an_example() {
    for name in TASKS {
        let mut task = load(name, &[]);
        let classes = task.labels().expect("good labels").len();
        let mut seen = HashSet::new();
        for split in [Split::Demonstrations, Split::Evaluation] {
            let examples = examples(&mut task, &support::sample(), split);
            assert!(examples.len() >= 60, "{name}: {} rows for {split}", examples.len());
            let ids: HashSet<&str> = examples.iter().map(|example| example.id.as_str()).collect();
            assert_eq!(ids.len(), examples.len(), "{name}, {split}");
            let most = examples.iter().map(|example| example.choices.len()).max().unwrap_or(0);
            for answer in 0..most {
                let right = examples.iter().filter(|example| example.answer == answer).count();
                assert!(right * most * 2 >= examples.len(), "{name}, {split}: answer {answer} is right {right} times");
            }
            assert!(classes == 0 || classes == most, "{name}");
            for example in examples {
                check_rendering(&mut task, &example, &format!("{name}, {split}, {}", example.id));
                assert!(seen.insert((example.query.clone(), example.choices)), "{name}: twice {:?}", example.query);
            }
        }
    }
}

#[test]
fn two_tasks_have_written_demonstrations() {
    for name in TASKS {
        let mut task = load(name, &[]);
        let written = task.written().expect("good examples");
        let expected = match name {
            "qasc" => 5,
            "obqa" => 4,
            _ => 0,
        };
        assert_eq!(written.len(), expected, "{name}");
        let ids: HashSet<&str> = written.iter().map(|example| example.id.as_str()).collect();
        assert_eq!(ids.len(), written.len(), "{name}");
        for example in &written {
            check_rendering(&mut task, example, &format!("{name}, {}", example.id));
        }
    }
}

#[test]
fn winogrande_scores_the_rest_or_the_whole_sentence() {
    let mut sp = load("winogrande", &[]);
    let mut oneline = load("winogrande", &[("prompt", "oneline")]);
    for example in examples(&mut sp, &support::sample(), Split::Evaluation) {
        let rest = sp.render_query(&example).expect("a good example");
        let whole = oneline.render_query(&example).expect("a good example");
        assert!(whole.iter().all(|choice| choice.context.raw().is_empty()));
        assert!(rest.iter().zip(&whole).all(|(rest, whole)| rest.full == whole.full));
    }
}
