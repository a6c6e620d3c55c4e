//! Plugins on a terminal: what one is, which there are, what its checks found.

use unicode_width::UnicodeWidthStr;

use super::screen::{Screen, emphasised};
use super::text::harmless;
use crate::author::check::{Check, CheckReport, Verdict};
use crate::author::{Listed, PluginCard, Validated};
use crate::run::memory::size;

/// What a plugin is.
pub fn card(card: &PluginCard, screen: Screen) -> String {
    let heading = format!("{} {}", card.name, card.version);
    let mut out = screen.headed(&heading, &format!("  {}", harmless(&card.summary)), 2);
    let facts = [
        ("kind", format!("{}, world {} of forward-tuning:plugin@{}", card.kind, card.world, card.package_version)),
        ("file", format!("{} ({})", card.file, size(card.bytes as u64))),
        ("sha256", card.sha256.clone()),
        ("imports", card.imports.join(" ")),
        ("exports", card.exports.join(" ")),
    ];
    for (name, fact) in facts {
        out += &screen.line(&format!("  {name:8} {}", harmless(&fact)), 11);
    }
    if card.options.is_empty() {
        out += &screen.line("  takes no options", 2);
    } else {
        let flag = if card.kind == "task" { "-T" } else { "-O" };
        out += &screen.line("  options, with their defaults:", 2);
        for option in &card.options {
            let default = option.default.as_str().map_or_else(|| option.default.to_string(), str::to_owned);
            let line = format!("    {flag} {}={default}  {} ({})", option.name, option.help, option.takes);
            out += &screen.line(&harmless(&line), 8);
        }
    }
    out
}

/// That a run would take a plugin, and how.
pub fn validated(validated: &Validated, screen: Screen) -> String {
    let card = &validated.card;
    let options: Vec<String> =
        validated.options.iter().map(|setting| format!("{}={}", setting.name, setting.value)).collect();
    let options = if options.is_empty() { "no options".to_owned() } else { options.join(" ") };
    let rest = format!(": {} {} {}, with {}", card.kind, card.name, card.version, harmless(&options));
    screen.headed("ok", &rest, 4)
}

/// The plugins of the plugin path, two lines for each.
pub fn list(listed: &[Listed], screen: Screen) -> String {
    let widest = listed.iter().map(|listed| harmless(&listed.name).width()).max().unwrap_or(0);
    let of = |listed: &Listed| {
        let name = harmless(&listed.name);
        let gap = " ".repeat(widest - name.width());
        let (what, summary) = match (&listed.plugin, &listed.refused) {
            (Some(card), _) => {
                (format!("{:9}  {:8}  {}", card.kind, card.version, &card.sha256[..12]), card.summary.clone())
            }
            (None, reason) => ("refused".into(), reason.clone().unwrap_or_default()),
        };
        let hidden = listed.hidden_by.as_ref().map(|other| format!(" (hidden by {})", other.display()));
        let file = format!("{}{}", listed.file.display(), hidden.unwrap_or_default());
        screen.headed(&name, &format!("{gap}  {what}  {}", harmless(&file)), 4)
            + &screen.line(&format!("    {}", harmless(&summary)), 4)
    };
    listed.iter().map(of).collect()
}

/// What the checks of a plugin found, a line for each.
pub fn checks(report: &CheckReport, screen: Screen) -> String {
    let mut out = String::new();
    for Check { name, verdict } in &report.checks {
        let (word, styled, text) = match verdict {
            Verdict::Passed(text) => ("ok     ", "ok     ".to_owned(), text),
            Verdict::Failed(text) => ("FAILED ", screen.style.error("FAILED "), text),
            Verdict::Skipped(text) => ("skipped", screen.style.strong("skipped"), text),
        };
        let lines = screen.line(&format!("{word} {:28} {}", harmless(name), harmless(text)), 8);
        out += &emphasised(lines, word, &styled);
    }
    let count = |wanted: fn(&Verdict) -> bool| report.checks.iter().filter(|check| wanted(&check.verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let passed = report.checks.len() - failed - skipped;
    let plugin = report.plugin.as_ref().map(|card| format!("{} {}: ", card.name, card.version)).unwrap_or_default();
    out + &screen.line(&format!("{plugin}{passed} passed, {failed} failed, {skipped} skipped"), 2)
}
