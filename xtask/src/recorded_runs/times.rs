//! What differs between two runs of one configuration, or between two builds of one plugin, taken out of texts; every
//! other byte stays as it is.

/// `results.json` without its times, the memory that was free, and the digests of the plugins' files, which follow from
/// their compiler.
pub fn without_times_of_results(text: &str) -> String {
    let mut text = text.to_owned();
    for key in ["step_seconds", "score_seconds", "available"] {
        text = with_value(&text, key, "0");
    }
    for plugin in ["task", "optimizer"] {
        text = without_digest(&text, plugin);
    }
    text
}

/// `trace.jsonl` without its times.
pub fn without_times_of_trace(text: &str) -> String {
    with_value(text, "seconds", "0")
}

/// What `plugin inspect --json` prints, without what follows from the plugin's compiler.
pub fn without_build(text: &str) -> String {
    with_value(&with_value(text, "bytes", "0"), "sha256", "\"\"")
}

/// Gives every scalar of a key in a JSON text another value.
fn with_value(text: &str, key: &str, value: &str) -> String {
    // In a string, the quotes would be escaped.
    let key = format!("\"{key}\":");
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&key) {
        let old = after.trim_start_matches(' ');
        changed.extend([before, &key, &after[..after.len() - old.len()], value]);
        rest = &old[scalar_length(old)..];
    }
    changed + rest
}

/// How many bytes the scalar has that a JSON text begins with; its strings have no escapes.
fn scalar_length(text: &str) -> usize {
    match text.strip_prefix('"') {
        Some(string) => string.find('"').map_or(text.len(), |end| end + 2),
        None => text.find([',', '}', ']', '\n']).unwrap_or(text.len()),
    }
}

/// `results.json` without the digest in the top-level object of a plugin.
fn without_digest(text: &str, plugin: &str) -> String {
    let Some((before, after)) = text.split_once(&format!("\n  \"{plugin}\": {{")) else {
        return text.to_owned();
    };
    let (object, rest) = after.split_at(after.find('}').unwrap_or(after.len()));
    format!("{before}\n  \"{plugin}\": {{{}{rest}", with_value(object, "sha256", "\"\""))
}

/// Tables without the column `time`, which is the last where there is one.
pub fn without_time_columns(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut changed = Vec::with_capacity(lines.len());
    // The widths of the table at hand: with the column, and without.
    let mut table: Option<(usize, usize)> = None;
    for (number, line) in lines.iter().enumerate() {
        let width = line.chars().count();
        let without = match (last_cell(line), table) {
            (Some((before, "time")), _) if lines.get(number + 1).is_some_and(|next| is_rule(next)) => {
                table = Some((width, before.chars().count()));
                before.to_owned()
            }
            (_, Some((_, narrow))) if is_rule(line) => "-".repeat(narrow),
            (Some((before, cell)), Some((wide, _))) if width == wide && is_duration(cell) => before.to_owned(),
            _ => (*line).to_owned(),
        };
        if line.is_empty() {
            table = None;
        }
        changed.push(without);
    }
    changed.join("\n")
}

/// A row without its last cell, and the cell.
fn last_cell(line: &str) -> Option<(&str, &str)> {
    let (before, cell) = line.rsplit_once("  ")?;
    Some((before.trim_end(), cell.trim_start()))
}

fn is_rule(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte == b'-')
}

fn is_duration(cell: &str) -> bool {
    let of_two_units = |cell: &str| [" s", " min", " h"].iter().any(|unit| cell.ends_with(unit));
    cell.starts_with(|first: char| first.is_ascii_digit()) && of_two_units(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_seconds_of_a_trace_become_zero() {
        let trace =
            "{\"seed\":0,\"seconds\":1.5e-3,\"layers\":[{\"update\":[0.25,0.0]}]}\n{\"seed\":1,\"seconds\":12}\n";
        let expected = "{\"seed\":0,\"seconds\":0,\"layers\":[{\"update\":[0.25,0.0]}]}\n{\"seed\":1,\"seconds\":0}\n";
        assert_eq!(without_times_of_trace(trace), expected);
        let text = "{\"note\":\"he said \\\"seconds\\\":7\",\"other_seconds\":3}";
        assert_eq!(without_times_of_trace(text), text);
    }

    #[test]
    fn results_lose_times_free_memory_and_plugins_digests() {
        let results = |plugin: &str, time: &str| {
            format!(
                r#"{{
  "config": {{
    "limits": {{
      "seconds": 60.0
    }}
  }},
  "task": {{
    "name": "a",
    "sha256": "{plugin}"
  }},
  "optimizer": {{
    "sha256": "{plugin}"
  }},
  "options": {{
    "task": {{}}
  }},
  "model": {{
    "files": [
      {{
        "sha256": "m"
      }}
    ]
  }},
  "memory": {{
    "available": {time}
  }},
  "steps": [
    {{
      "accuracy": 0.5,
      "step_seconds": {time},
      "score_seconds": {time}
    }}
  ]
}}"#
            )
        };
        assert_eq!(without_times_of_results(&results("0a", "0.25")), results("", "0"));
    }

    #[test]
    fn an_inspected_plugin_loses_size_and_digest() {
        let text = "{\n  \"name\": \"sst2\",\n  \"bytes\": 117397,\n  \"sha256\": \"f1\",\n  \"imports\": []\n}\n";
        let expected = "{\n  \"name\": \"sst2\",\n  \"bytes\": 0,\n  \"sha256\": \"\",\n  \"imports\": []\n}\n";
        assert_eq!(without_build(text), expected);
    }

    /// A run over several seeds as it is printed: one table without times, one with them and with a row that has none.
    #[test]
    fn tables_lose_their_times_however_wide_they_are() {
        let tables = |heading: &str, rule: &str, three: &str, zero: &str| {
            format!(
                "Steps\nstep   accuracy\n---------------\n1*     66.7 %\n\nEach seed\n\
                 seed  step  vs in-context{heading}\n-------------------------{rule}\n\
                 3       3*   0.0 (p=1.00){three}\n0       3*   0.0 (p=1.00){zero}\nmean            0.0 ± 0.0\n\
                 *: the step that is the result\n\nnote: it took  5.0 s\n"
            )
        };
        let expected = tables("", "", "", "");
        assert_eq!(without_time_columns(&tables("   time", "-------", "  0.0 s", "  1.2 s")), expected);
        let wide = tables("         time", "-------------", "   61 min 2 s", "     2 h 1 min");
        // One row is wider than the table here, so it is none of it.
        assert_ne!(without_time_columns(&wide), expected);
        let wide = tables("         time", "-------------", "   61 min 2 s", "    2 h 1 min");
        assert_eq!(without_time_columns(&wide), expected);
    }

    #[test]
    fn texts_without_a_time_column_stay() {
        let text = "all in good  time\nstep  accuracy\n--------------\n1       10.0 s\n";
        assert_eq!(without_time_columns(text), text);
    }
}
