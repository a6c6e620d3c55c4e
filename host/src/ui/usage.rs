//! How much of their limits plugins used.

use super::screen::{Page, Screen};
use super::table;
use crate::run::PluginUsage;
use ft_engine::text::size;
use ft_record::present::table_model::{Row, RowKind, TableModel};
use ft_sandbox::{Limits, Usage};

/// A table with a row for each resource of each plugin: the most that was used in one call or at one time, the limit, and
/// the sum of all calls.
pub(crate) fn render(plugins: &[PluginUsage], screen: Screen) -> Page {
    let rows = plugins.iter().flat_map(|plugin| rows(&plugin.plugin, &plugin.usage, &plugin.limits));
    let table = TableModel {
        title: "usage".into(),
        headings: ["plugin", "resource", "most", "limit", "share", "all calls"].map(Into::into).into(),
        rows: rows.collect(),
        legend: Vec::new(),
    };
    table::render_keyed(&table, 2, screen)
}

fn rows(plugin: &str, usage: &Usage, limits: &Limits) -> Vec<Row> {
    let seconds = |time: std::time::Duration| format!("{:.3} s", time.as_secs_f64());
    let share =
        |used: f64, limit: f64| if limit > 0.0 { format!("{:.1} %", 100.0 * used / limit) } else { String::new() };
    let count = |used: u64, limit: u64| share(used as f64, limit as f64);
    let resources = [
        ["calls".into(), String::new(), String::new(), String::new(), usage.calls.to_string()],
        [
            "fuel".into(),
            usage.most_fuel.to_string(),
            limits.fuel.to_string(),
            count(usage.most_fuel, limits.fuel),
            usage.fuel.to_string(),
        ],
        [
            "time".into(),
            seconds(usage.most_time),
            seconds(limits.time),
            share(usage.most_time.as_secs_f64(), limits.time.as_secs_f64()),
            seconds(usage.time),
        ],
        [
            "memory".into(),
            size(usage.peak_memory),
            size(limits.memory),
            count(usage.peak_memory, limits.memory),
            String::new(),
        ],
        [
            "tables".into(),
            usage.peak_table_elements.to_string(),
            limits.table_elements.to_string(),
            count(usage.peak_table_elements as u64, limits.table_elements as u64),
            String::new(),
        ],
        [
            "call bytes".into(),
            size(usage.most_moved),
            size(limits.call_bytes),
            count(usage.most_moved, limits.call_bytes),
            String::new(),
        ],
        [
            "tensors".into(),
            size(usage.peak_tensor_bytes),
            size(limits.tensor_bytes),
            count(usage.peak_tensor_bytes, limits.tensor_bytes),
            String::new(),
        ],
        [
            "passes".into(),
            usage.most_passes.to_string(),
            limits.passes.to_string(),
            count(usage.most_passes as u64, limits.passes as u64),
            usage.passes.to_string(),
        ],
    ];
    let named = resources.into_iter().map(|cells| std::iter::once(plugin.to_owned()).chain(cells).collect());
    named.map(|cells| Row { cells, kind: RowKind::Plain }).collect()
}
