//! Plugins on a terminal: what one is, which there are, what its checks found.

use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthStr;

use super::screen::{Page, Screen};
use super::style::Emphasis;
use crate::plugin_dev::check::{Check, CheckReport, Verdict};
use crate::plugin_dev::{Listed, PluginCard, Validated};
use ft_engine::text::harmless;
use ft_engine::text::size;

/// The facts of a plugin: its name, world, file and options.
pub fn card(card: &PluginCard, screen: Screen) -> Page {
    let heading = format!("{} {}", card.name, card.version);
    let mut out = screen.headed(&heading, &format!("  {}", card.summary), 2);
    let facts = [
        ("kind", format!("{}, world {} of forward-tuning:plugin@{}", card.kind, card.world, card.package_version)),
        ("file", format!("{} ({})", card.file, size(card.bytes as u64))),
        ("sha256", card.sha256.clone()),
        ("imports", card.imports.join(" ")),
        ("exports", card.exports.join(" ")),
    ];
    for (name, fact) in facts {
        out += screen.line(&format!("  {name:8} {fact}"), 11);
    }
    if card.options.is_empty() {
        out += screen.line("  takes no options", 2);
    } else {
        let flag = if card.kind == "task" { "-T" } else { "-O" };
        out += screen.line("  options, with their defaults:", 2);
        for option in &card.options {
            let default = option.default.as_str().map_or_else(|| option.default.to_string(), str::to_owned);
            let line = format!("    {flag} {}={default}  {} ({})", option.name, option.help, option.takes);
            out += screen.line(&line, 8);
        }
    }
    out
}

/// That a run would take a plugin, and how.
pub(crate) fn validated(validated: &Validated, screen: Screen) -> Page {
    let card = &validated.card;
    let options: Vec<String> =
        validated.options.iter().map(|setting| format!("{}={}", setting.name, setting.value)).collect();
    let options = if options.is_empty() { "no options".to_owned() } else { options.join(" ") };
    let rest = format!(": {} {} {}, with {options}", card.kind, card.name, card.version);
    screen.headed("ok", &rest, 4)
}

/// That no folder of the plugin path has a plugin.
pub(crate) fn none(folders: &[PathBuf], screen: Screen) -> Page {
    let folders: Vec<String> = folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
    screen.prose(&format!("no plugins in {}", folders.join(" or ")))
}

/// What to do next with the new folder of a plugin.
pub(crate) fn made(folder: &Path, name: &str, screen: Screen) -> Page {
    let (folder, file) = (folder.display(), folder.join(format!("{name}.wasm")));
    screen.prose(&format!("next: `ft-host plugin build {folder}`, then `ft-host plugin test {}`", file.display()))
}

/// The plugins of the plugin path, two lines for each.
pub(crate) fn list(listed: &[Listed], screen: Screen) -> Page {
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
        screen.headed(&name, &format!("{gap}  {what}  {file}"), 4) + screen.line(&format!("    {summary}"), 4)
    };
    listed.iter().map(of).collect()
}

/// What the checks of a plugin found, a line for each.
pub(crate) fn checks(report: &CheckReport, screen: Screen) -> Page {
    let mut out = Page::default();
    for Check { name, verdict } in &report.checks {
        let (word, emphasis, text) = match verdict {
            Verdict::Passed(text) => ("ok     ", Emphasis::None, text),
            Verdict::Failed(text) => ("FAILED ", Emphasis::Error, text),
            Verdict::Skipped(text) => ("skipped", Emphasis::Strong, text),
        };
        // The column is as wide as what is shown of the name.
        out += screen.marked(word, emphasis, &format!(" {:28} {text}", harmless(name)), 8);
    }
    let count = |wanted: fn(&Verdict) -> bool| report.checks.iter().filter(|check| wanted(&check.verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let passed = report.checks.len() - failed - skipped;
    let plugin = report.plugin.as_ref().map(|card| format!("{} {}: ", card.name, card.version)).unwrap_or_default();
    out + screen.line(&format!("{plugin}{passed} passed, {failed} failed, {skipped} skipped"), 2)
}
