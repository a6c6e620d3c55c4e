//! What is printed fits the terminal, and a file or a pipe gets all of it as it is.
#![cfg(unix)]

use std::process::Command;

use crate::support::*;

/// The lines that stay on a terminal: without escape sequences, and of a line that was drawn again the last state.
fn lines(text: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        let sequence = after.strip_prefix('[').expect("only sequences of this form are written");
        rest = &sequence[sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap() + 1..];
    }
    plain.push_str(rest);
    plain.split('\n').flat_map(|line| line.split('\r')).map(str::to_owned).collect()
}

/// Columns of a line; all that is written here has one for each character.
fn columns(line: &str) -> usize {
    line.chars().count()
}

/// Numbers and names, in any order.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

#[test]
fn every_table_fits_the_terminal_and_loses_no_number() {
    let place = Place::with_model();
    place.sst2(&["--steps", "2", "--limit", "8", "--seeds", "0..2", "--out", "seeds"]).good();
    place.sst2(&["--steps", "2", "--limit", "8", "--out", "one"]).good();
    let (task, rule) = (guest("sst2"), guest("momentum"));
    let source = ["run", "--task", &task, "--model", "model", "--data", "sample", "--device", "cpu"];
    let run = [&source[..], &["--steps", "2", "--select", "last"]].concat();
    let commands: [&[&str]; 9] = [
        &["report", "one"],
        &["report", "seeds"],
        &["report", "one", "seeds"],
        &["compare", "one", "seeds", "--step-b", "1"],
        &["plugin", "inspect", &task],
        &["plugin", "inspect", &rule],
        &["plugin", "validate", &rule],
        &["model", "list"],
        &["data", "head", "--task", &task, "--data", "sample"],
    ];
    for command in commands {
        let piped = Command::output(&mut place.command(command)).unwrap();
        let expected = words(&String::from_utf8(piped.stdout).unwrap());
        for size in [(40, 24), (60, 24), (80, 24), (40, 0)] {
            let (status, text) = place.in_terminal(size, command, |_| ());
            assert_eq!(status, piped.status.code(), "{command:?}: {text}");
            for line in lines(&text) {
                assert!(columns(&line) <= size.0.into(), "{command:?} {size:?}: {line:?} in\n{text}");
            }
            // Words that are longer than a line are cut; the rest is there whole.
            let shown = words(&lines(&text).join("\n"));
            let short = expected.iter().filter(|word| columns(word) <= 20 && !word.starts_with("---"));
            for word in short {
                assert!(shown.contains(word), "{command:?} {size:?}: no {word:?} in\n{text}");
            }
        }
        let (_, text) = place.in_terminal((0, 0), command, |_| ());
        let wide = words(&lines(&text).join("\n"));
        assert!(expected.iter().all(|word| wide.contains(word)), "a terminal of no size gets what a pipe gets: {text}");
    }
    for size in [(40, 24), (60, 24), (80, 24), (40, 0)] {
        let out = format!("out-{}-{}", size.0, size.1);
        let (status, text) =
            place.in_terminal(size, &[&run[..], &["--show-usage", "--limit", "4", "--out", &out]].concat(), |_| ());
        assert_eq!(status, Some(0), "{text}");
        for line in lines(&text) {
            assert!(columns(&line) <= size.0.into(), "{size:?}: {line:?} in\n{text}");
        }
        let (_, plan) = place.in_terminal(size, &[&run[..], &["--dry-run"]].concat(), |_| ());
        for line in lines(&plan) {
            assert!(columns(&line) <= size.0.into(), "{size:?}: {line:?} in\n{plan}");
        }
        for word in ["fuel", "zero-shot", "in-context", "results"] {
            assert!(text.contains(word), "no {word}: {text}");
        }
    }
}

#[test]
fn a_pipe_gets_whole_lines_whatever_the_variables_say() {
    let place = Place::with_model();
    place.sst2(&["--steps", "1", "--limit", "4"]).good();
    let plain = place.host(&["report", "out"]).good().stdout;
    let mut command = place.command(&["report", "out"]);
    let narrow = Done::of(command.env("COLUMNS", "20").env("TERM", "xterm").output().unwrap()).good();
    assert_eq!(narrow.stdout, plain);
    // On a terminal the variable wins over its size.
    let (_, text) = place.in_terminal((100, 24), &["report", "out"], |command| {
        command.env("COLUMNS", "50");
    });
    assert!(lines(&text).iter().all(|line| columns(line) <= 50), "{text}");
    for columns in ["0", "", "wide"] {
        let (_, text) = place.in_terminal((100, 24), &["report", "out"], |command| {
            command.env("COLUMNS", columns);
        });
        assert!(text.contains("95 % Wilson  per token  per character"), "{columns:?}: {text}");
    }
}

#[test]
fn colour_needs_a_terminal_and_no_objection() {
    let place = Place::with_model();
    place.sst2(&["--steps", "1", "--limit", "4"]).good();
    let message = "error: there is no file `none.wasm`";
    let in_terminal = |variables: &[(&str, Option<&str>)]| {
        let change = |command: &mut Command| {
            for (name, value) in variables {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
        };
        let (status, error) = place.in_terminal((80, 24), &["run", "--task", "none.wasm"], change);
        assert_eq!(status, Some(2));
        let run = ["run", "--task", &guest("sst2"), "--model", "model", "--data", "sample", "--device", "cpu"];
        let out =
            format!("out-{}", variables.iter().map(|(name, value)| format!("{name}{value:?}")).collect::<String>());
        let (status, table) =
            place.in_terminal((80, 24), &[&run[..], &["--steps", "1", "--limit", "4", "--out", &out]].concat(), change);
        assert_eq!(status, Some(0), "{table}");
        let (_, help) = place.in_terminal((80, 24), &["--help"], change);
        (error, table + &help)
    };
    for variables in [&[][..], &[("NO_COLOR", Some(""))], &[("CLICOLOR", Some("1"))]] {
        let (error, table) = in_terminal(variables);
        assert!(error.contains("\u{1b}[1;31merror:\u{1b}[0m there is no file `none.wasm`"), "{variables:?}: {error:?}");
        assert!(table.contains("\u{1b}[1m"), "{variables:?}: {table:?}");
    }
    for variables in [&[("TERM", Some("dumb"))][..], &[("TERM", None)], &[("TERM", Some("dumb")), ("CI", Some("true"))]]
    {
        // Progress is drawn by escape sequences too.
        let (error, table) = in_terminal(variables);
        assert!(error.contains(message), "{variables:?}: {error:?}");
        assert!(!error.contains('\u{1b}') && !table.contains('\u{1b}'), "{variables:?}: {error:?} {table:?}");
    }
    for variables in [[("NO_COLOR", Some("1"))], [("CLICOLOR", Some("0"))]] {
        let (error, table) = in_terminal(&variables);
        assert!(error.contains(message) && !error.contains('\u{1b}'), "{variables:?}: {error:?}");
        assert!(!table.contains("\u{1b}[1m"), "{variables:?}: {table:?}");
    }
    place.host(&["run", "--task", "none.wasm"]).failed(2, &[message]);
    let forced = |variables: &[(&str, &str)]| {
        let output = place.command(&["report", "out"]).envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains('\u{1b}')
    };
    assert!(forced(&[("CLICOLOR_FORCE", "1")]));
    assert!(!forced(&[("CLICOLOR_FORCE", "0")]));
    assert!(!forced(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}
