//! The attacks as `docs/sandbox.md` lists them: what the reader is told is what is tried.

const PAGE: &str = include_str!("../../../docs/sandbox.md");

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// Its name: the value of the option `attack`, or of a component made in the tests.
    pub name: &'static str,
    /// Who does it.
    pub guest: Guest,
    /// The exit status of `ft-host run`.
    pub status: i32,
    /// What `ft-host plugin test` makes of it.
    pub test: Test,
    /// Parts of the message, in their order.
    pub parts: Vec<&'static str>,
}

/// What comes of `ft-host plugin test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Nothing is tested: the same end, with the same message, as in a run.
    Refused,
    /// A check fails, with the message of the run.
    Fails,
    /// The check of this name fails; a run does not meet what is wrong.
    FailsAs(&'static str),
    /// Nothing fails; what is wrong, if anything, is no fault of the plugin's, or needs a model.
    Passes,
}

/// Where an attack comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// `plugins/hostile/task`.
    Task,
    /// `plugins/hostile/optimizer`.
    Optimizer,
    /// A file made by the tests, given as a task.
    TaskFile,
    /// A file made by the tests, given as an optimizer.
    OptimizerFile,
    /// The same, whose code takes a compiler long.
    Compiled,
}

/// All rows of the page's table of attacks by plugins: `| name | guest | status | plugin test | message |`.
pub fn attacks() -> Vec<Attack> {
    PAGE.lines().filter_map(attack).collect()
}

fn attack(line: &'static str) -> Option<Attack> {
    let cells: Vec<&str> = line.strip_prefix("| `")?.trim_end_matches('|').split(" | ").collect();
    let [name, guest, status, test, message] = cells[..] else { return None };
    let guest = match guest.trim() {
        "task" => Guest::Task,
        "optimizer" => Guest::Optimizer,
        "file as task" => Guest::TaskFile,
        "file as optimizer" => Guest::OptimizerFile,
        "file to compile" => Guest::Compiled,
        _ => return None,
    };
    let test = match test.trim() {
        "refused" => Test::Refused,
        "fails" => Test::Fails,
        "passes" => Test::Passes,
        other => {
            let check = other.strip_prefix("fails as `").and_then(|rest| rest.strip_suffix('`'));
            Test::FailsAs(check.unwrap_or_else(|| panic!("`{other}` says nothing of `plugin test` in `{line}`")))
        }
    };
    let parts = parts_of(message);
    let status = status.trim().parse().unwrap_or_else(|_| panic!("no exit status in `{line}`"));
    Some(Attack { name: name.trim_end_matches('`'), guest, status, test, parts })
}

/// The parts of a message as the page has it: between `…`, which stands for anything.
pub fn parts_of(message: &'static str) -> Vec<&'static str> {
    let message = message.trim().trim_start_matches("``").trim_end_matches("``");
    let message = if message == "none" { "" } else { message };
    message.split('…').map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Whether a text has the parts in their order.
pub fn has_parts(text: &str, parts: &[&str]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| rest.split_once(part).map(|(_, after)| rest = after).is_some())
}
