//! Plugins on a terminal: what one is, which there are, what its checks found.

use super::style::Style;
use super::table;
use super::text::harmless;
use crate::author::check::{Check, CheckReport, Verdict};
use crate::author::{Listed, PluginCard, Validated};
use crate::report::sheet::{Row, RowKind, Sheet};
use crate::run::memory::size;

/// What a plugin is.
pub fn card(card: &PluginCard, style: Style) -> String {
    let mut out =
        format!("{}  {}\n", style.strong(&format!("{} {}", card.name, card.version)), harmless(&card.summary));
    let facts = [
        ("kind", format!("{}, world {} of forward-tuning:plugin@{}", card.kind, card.world, card.package_version)),
        ("file", format!("{} ({})", card.file, size(card.bytes as u64))),
        ("sha256", card.sha256.clone()),
        ("imports", card.imports.join(" ")),
        ("exports", card.exports.join(" ")),
    ];
    for (name, fact) in facts {
        out += &format!("  {name:8} {}\n", harmless(&fact));
    }
    if card.options.is_empty() {
        out += "  takes no options\n";
    } else {
        let flag = if card.kind == "task" { "-T" } else { "-O" };
        out += "  options, with their defaults:\n";
        for option in &card.options {
            let default = option.default.as_str().map_or_else(|| option.default.to_string(), str::to_owned);
            let line = format!("    {flag} {}={default}  {} ({})", option.name, option.help, option.takes);
            out += &format!("{}\n", harmless(&line));
        }
    }
    out
}

/// That a run would take a plugin, and how.
pub fn validated(validated: &Validated, style: Style) -> String {
    let card = &validated.card;
    let options: Vec<String> =
        validated.options.iter().map(|setting| format!("{}={}", setting.name, setting.value)).collect();
    let options = if options.is_empty() { "no options".to_owned() } else { options.join(" ") };
    format!("{}: {} {} {}, with {}\n", style.strong("ok"), card.kind, card.name, card.version, harmless(&options))
}

/// The plugins of the plugin path.
pub fn list(listed: &[Listed], style: Style) -> String {
    let row = |listed: &Listed| {
        let (kind, version, summary) = match (&listed.plugin, &listed.refused) {
            (Some(card), _) => (card.kind.clone(), card.version.clone(), card.summary.clone()),
            (None, reason) => ("-".into(), "-".into(), format!("refused: {}", reason.as_deref().unwrap_or_default())),
        };
        let digest = listed.plugin.as_ref().map(|card| card.sha256[..12].to_owned()).unwrap_or_default();
        let file = match &listed.hidden_by {
            Some(other) => format!("{} (hidden by {})", listed.file.display(), other.display()),
            None => listed.file.display().to_string(),
        };
        Row { cells: vec![listed.name.clone(), kind, version, digest, file, summary], kind: RowKind::Plain }
    };
    let sheet = Sheet {
        title: "plugins".into(),
        headings: ["name", "kind", "version", "sha256", "file", "what it is"].map(Into::into).into(),
        rows: listed.iter().map(row).collect(),
        legend: Vec::new(),
    };
    table::render(&sheet, None, style)
}

/// What the checks of a plugin found, a line for each.
pub fn checks(report: &CheckReport, style: Style) -> String {
    let mut out = String::new();
    for Check { name, verdict } in &report.checks {
        let (word, text) = match verdict {
            Verdict::Passed(text) => ("ok     ".to_owned(), text),
            Verdict::Failed(text) => (style.error("FAILED "), text),
            Verdict::Skipped(text) => (style.strong("skipped"), text),
        };
        out += &format!("{word} {:28} {}\n", harmless(name), harmless(text));
    }
    let count = |wanted: fn(&Verdict) -> bool| report.checks.iter().filter(|check| wanted(&check.verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let passed = report.checks.len() - failed - skipped;
    out += &format!(
        "{} {}: {passed} passed, {failed} failed, {skipped} skipped\n",
        report.plugin.name, report.plugin.version
    );
    out
}
