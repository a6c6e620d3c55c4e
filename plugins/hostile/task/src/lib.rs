//! A task that misbehaves on request. Rows are those of SST-2: `sentence` and `label`.

use std::cell::Cell;
use std::hint::black_box;

use ft_plugin::{Choice, Description, Error, Example, Options, Row, RowError, Source, Split, Task, log};

const ATTACKS: [&str; 47] = [
    "none",
    "error-in-configure",
    "loop-in-configure",
    "loop-in-sources",
    "loop-in-labels",
    "loop-in-read",
    "loop-in-written",
    "loop-in-separator",
    "memory-in-read",
    "recursion-in-read",
    "panic-in-read",
    "panic-amid-rows",
    "error-on-every-row",
    "loop-of-long-messages-in-read",
    "loop-of-long-messages-in-query",
    "log-flood-in-read",
    "escapes-in-log",
    "escapes-in-names",
    "escapes-in-ids",
    "escapes-in-sources",
    "escapes-in-row-errors",
    "escapes-in-errors",
    "huge-log",
    "huge-error",
    "huge-row-errors",
    "huge-labels",
    "huge-ids",
    "huge-choices",
    "huge-separator-text",
    "huge-demonstration-text",
    "huge-context-text",
    "huge-choice-text",
    "thousands-of-labels",
    "thousands-of-choices",
    "answer-out-of-range",
    "no-answer",
    "duplicate-ids",
    "one-choice",
    "loop-in-demonstration",
    "loop-in-query",
    "slow-query",
    "panic-in-query",
    "error-in-query",
    "huge-prompt-in-query",
    "unsteady-query",
    "too-few-choices-in-query",
    "strange-full-text",
];

/// A line break, a terminal's "clear the screen", its bell, and a change of the writing direction.
const ESCAPES: &str = "one\ntwo\r\u{1b}[2J\u{7}\u{202e}three";

struct Hostile {
    attack: String,
    /// How often `query` was called.
    asked: Cell<u32>,
}

impl Hostile {
    /// Loops for ever if the attack is this one.
    fn spin_if(&self, attack: &str) {
        if self.attack == attack {
            spin();
        }
    }
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
            "loop-in-configure" => spin(),
            attack => Ok(Self { attack: attack.into(), asked: Cell::new(0) }),
        }
    }

    fn sources(&self) -> Vec<Source> {
        self.spin_if("loop-in-sources");
        let folder = if self.attack == "escapes-in-sources" { ESCAPES } else { "sst2" };
        let source = |split, name| Source::new(split, "nyu-mll/glue", name, folder).with_config("sst2");
        vec![source(Split::Demonstrations, "train"), source(Split::Evaluation, "validation")]
    }

    fn labels(&self) -> Vec<String> {
        self.spin_if("loop-in-labels");
        match self.attack.as_str() {
            "huge-labels" => vec![huge(), "positive".into()],
            "escapes-in-names" => vec![ESCAPES.into(), "positive".into()],
            "one-choice" => vec!["negative".into()],
            "thousands-of-labels" => numbered(20_000),
            // Each example brings its own.
            "thousands-of-choices" => Vec::new(),
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
            "loop-of-long-messages-in-read" => send_long_messages(),
            "panic-amid-rows" if row.index() == 2 => panic!("a panic at row 2"),
            "error-on-every-row" => return Err(RowError::row(format!("row {} is not to my taste", row.index()))),
            "escapes-in-row-errors" => return Err(RowError::row(ESCAPES)),
            "huge-row-errors" if row.index() == 0 => return Err(RowError::row(huge())),
            "huge-log" if row.index() == 0 => log::info(huge()),
            "escapes-in-log" => log::info(ESCAPES),
            _ => {}
        }
        let choices = if self.attack == "thousands-of-choices" { numbered(100_000) } else { self.labels() };
        let example = Example::new(row.text("sentence")?.trim(), choices, row.answer(|row| row.class("label", 2))?);
        Ok(match self.attack.as_str() {
            "huge-choices" if row.index() == 0 => Example { choices: vec![String::new(); 4 << 20], ..example },
            "duplicate-ids" => example.with_id("twin"),
            "answer-out-of-range" => Example { answer: Some(99), ..example },
            "no-answer" => Example { answer: None, ..example },
            "one-choice" => Example { answer: Some(0), ..example },
            _ => example,
        })
    }

    fn demonstration(&self, example: &Example) -> Result<String, Error> {
        if self.attack == "loop-in-demonstration" {
            spin();
        }
        if self.attack == "huge-demonstration-text" {
            return Ok(text(20 << 20));
        }
        Ok(format!("{}: {}", example.query, example.right_choice()?))
    }

    fn written(&self) -> Vec<Example> {
        self.spin_if("loop-in-written");
        let id = match self.attack.as_str() {
            // The SDK rejects rows with such ids; what a plugin has written itself it leaves to the host.
            "escapes-in-ids" => format!("{ESCAPES} 0"),
            "huge-ids" => huge(),
            _ => return Vec::new(),
        };
        vec![Example::new("a query", self.labels(), 0).with_id(id)]
    }

    fn separator(&self) -> String {
        self.spin_if("loop-in-separator");
        if self.attack == "huge-separator-text" { text(20 << 20) } else { "\n".into() }
    }

    /// None: by default they are what `query` takes, and attacks there would be attacks here.
    fn content_free(&self) -> Vec<Example> {
        Vec::new()
    }

    fn query(&self, example: &Example) -> Result<Vec<Choice>, Error> {
        let context = format!("{}:", example.query);
        let choices = example.choices.iter().map(|choice| Choice::new(&context, &format!(" {choice}")));
        match self.attack.as_str() {
            "loop-in-query" => spin(),
            "loop-of-long-messages-in-query" => send_long_messages(),
            "slow-query" => {
                log::info("a slow query");
                for turn in 0..SLOW {
                    black_box(turn);
                }
                Ok(choices.collect())
            }
            // Twice for each choice: once alone, and once with the choice behind it.
            "huge-context-text" => Ok(example.choices_after(&text(12 << 20))),
            "huge-choice-text" => {
                let long = text(12 << 20);
                Ok(choices.map(|choice| Choice::new(&context, &format!("{long}{}", choice.full))).collect())
            }
            "panic-in-query" => panic!("a panic in `render-query`, at example {}", example.id),
            "escapes-in-errors" => Err(Error::failed(ESCAPES)),
            "huge-error" => Err(Error::failed(huge())),
            "unsteady-query" => {
                let asked = self.asked.replace(self.asked.get() + 1);
                Ok(example.choices_after(&format!("question {asked}: {context}")))
            }
            "error-in-query" => Err(Error::failed(format!("no text for example {}", example.id))),
            "huge-prompt-in-query" => {
                Ok(choices.map(|choice| Choice::new(&"x".repeat(100 << 20), &choice.full)).collect())
            }
            "strange-full-text" => Ok(choices.map(|choice| Choice { full: "another text".into(), ..choice }).collect()),
            "too-few-choices-in-query" => Ok(choices.take(1).collect()),
            _ => Ok(choices.collect()),
        }
    }
}

/// Turns that take about half a second, and many times the fuel of most tests.
const SLOW: u64 = 1 << 29;

/// More than any text: 100 MB.
fn huge() -> String {
    "x".repeat(100 << 20)
}

/// A text that a call may move, of so many bytes.
fn text(bytes: usize) -> String {
    "word ".repeat(bytes / 5)
}

/// So many different choices.
fn numbered(count: u32) -> Vec<String> {
    (0..count).map(|index| format!("c{index}")).collect()
}

/// Messages that take long to move each, without end.
fn send_long_messages() -> ! {
    let message = "x".repeat(30 << 20);
    loop {
        log::debug(&message);
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
