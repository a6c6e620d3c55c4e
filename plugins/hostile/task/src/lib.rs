//! A task that misbehaves on request. Rows are those of SST-2: `sentence` and `label`.

use std::hint::black_box;

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task, log};

const ATTACKS: [&str; 18] = [
    "none",
    "error-in-configure",
    "loop-in-read",
    "memory-in-read",
    "recursion-in-read",
    "panic-in-read",
    "log-flood-in-read",
    "escapes-in-log",
    "escapes-in-names",
    "answer-out-of-range",
    "duplicate-ids",
    "one-choice",
    "loop-in-demonstration",
    "loop-in-query",
    "panic-in-query",
    "error-in-query",
    "huge-prompt-in-query",
    "too-few-choices-in-query",
];

/// A line break, a terminal's "clear the screen", its bell, and a change of the writing direction.
const ESCAPES: &str = "one\ntwo\r\u{1b}[2J\u{7}\u{202e}three";

struct Hostile {
    attack: String,
}

impl Task for Hostile {
    fn describe() -> Description {
        Description::new("hostile-task", env!("CARGO_PKG_VERSION"), "misbehaves on request").choice(
            "attack",
            "none",
            &ATTACKS,
            "what to do to the host",
        )
    }

    fn new(options: &Options) -> Result<Self, Error> {
        match options.text("attack")? {
            "error-in-configure" => Err(Error::invalid_option("no such luck")),
            attack => Ok(Self { attack: attack.into() }),
        }
    }

    fn sources(&self) -> Vec<Source> {
        let source = |split, name| Source::new(split, "nyu-mll/glue", name, "sst2").with_config("sst2");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn labels(&self) -> Vec<String> {
        match self.attack.as_str() {
            "escapes-in-names" => vec![ESCAPES.into(), "positive".into()],
            "one-choice" => vec!["negative".into()],
            _ => vec!["negative".into(), "positive".into()],
        }
    }

    fn example(&self, _: Split, row: &Row) -> Result<Example, RowError> {
        match self.attack.as_str() {
            "loop-in-read" => spin(),
            "memory-in-read" => hog_memory(),
            "recursion-in-read" => log::info(dig(0).to_string()),
            "panic-in-read" => panic!("a panic in `read`, at row {}", row.index()),
            "log-flood-in-read" => loop {
                log::info("glug ".repeat(20));
            },
            "escapes-in-log" => log::info(ESCAPES),
            _ => {}
        }
        let example = Example::new(row.text("sentence")?.trim(), self.labels(), row.class("label", 2)?);
        Ok(match self.attack.as_str() {
            "escapes-in-names" => example.with_id(format!("{ESCAPES} {}", row.index())),
            "duplicate-ids" => example.with_id("twin"),
            "answer-out-of-range" => Example { answer: 99, ..example },
            "one-choice" => Example { answer: 0, ..example },
            _ => example,
        })
    }

    fn demonstration(&self, example: &Example) -> Result<String, Error> {
        if self.attack == "loop-in-demonstration" {
            spin();
        }
        Ok(format!("{}: {}", example.query, example.right_choice()?))
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        let context = format!("{}:", example.query);
        let choices = example.choices.iter().map(|choice| Choice::new(&context, &format!(" {choice}")));
        match self.attack.as_str() {
            "loop-in-query" => spin(),
            "panic-in-query" => panic!("a panic in `render-query`, at example {}", example.id),
            "error-in-query" => Err(Error::failed(format!("no text for example {}", example.id))),
            "huge-prompt-in-query" => {
                Ok(choices.map(|choice| Choice::new(&"x".repeat(100 << 20), &choice.full)).collect())
            }
            "too-few-choices-in-query" => Ok(choices.take(1).collect()),
            _ => Ok(choices.collect()),
        }
    }
}

fn spin() -> ! {
    loop {
        black_box(0);
    }
}

fn hog_memory() -> ! {
    loop {
        std::mem::forget(black_box(vec![1u8; 1 << 20]));
    }
}

/// Calls itself far deeper than any stack.
fn dig(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX { 0 } else { black_box(dig(depth + 1)) + 1 }
}

ft_plugin::export_task!(Hostile);
