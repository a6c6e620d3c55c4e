//! The attacks as `docs/sandbox.md` lists them: what the reader is told is what is tried.

const PAGE: &str = include_str!("../../../docs/sandbox.md");

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// Its name: the value of the option `attack`, or of a component made in the tests.
    pub name: &'static str,
    /// Who does it.
    pub guest: Guest,
    /// The exit status of `ft-host`.
    pub status: i32,
    /// Parts of the message, in their order.
    pub parts: Vec<&'static str>,
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
}

/// All rows of the page's table of attacks: `| name | guest | status | message |`.
pub fn attacks() -> Vec<Attack> {
    PAGE.lines().filter_map(attack).collect()
}

fn attack(line: &'static str) -> Option<Attack> {
    let cells: Vec<&str> = line.strip_prefix("| `")?.trim_end_matches('|').split(" | ").collect();
    let [name, guest, status, message] = cells[..] else { return None };
    let guest = match guest.trim() {
        "task" => Guest::Task,
        "optimizer" => Guest::Optimizer,
        "file as task" => Guest::TaskFile,
        "file as optimizer" => Guest::OptimizerFile,
        _ => return None,
    };
    let message = message.trim().trim_start_matches("``").trim_end_matches("``");
    let message = if message == "none" { "" } else { message };
    let parts = message.split('…').map(str::trim).filter(|part| !part.is_empty()).collect();
    let status = status.trim().parse().unwrap_or_else(|_| panic!("no exit status in `{line}`"));
    Some(Attack { name: name.trim_end_matches('`'), guest, status, parts })
}

/// Whether a text has the parts in their order.
pub fn has_parts(text: &str, parts: &[&str]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| rest.split_once(part).map(|(_, after)| rest = after).is_some())
}
