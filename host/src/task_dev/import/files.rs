//! A task file with the files that it includes: one mapping.

use std::path::{Path, PathBuf};

use super::error::{ImportError, Mismatch, Place};
use super::yaml::{self, Entry, Map, Value};

/// The keys of a file and of those that it includes.
///
/// By the harness's rules: `include` names a file or a list of files, relative to the one that includes them; later files
/// win over earlier ones and a file over those it includes, key by key and whole values at a time; `task_list` of an
/// included file counts there alone; and no file is included twice.
///
/// # Errors
/// As [`yaml::read`]; an `include` of another form; a file that is included twice.
pub(super) fn read(file: &Path) -> Result<(Place, Map), ImportError> {
    read_within(file, &mut Vec::new())
}

fn read_within(file: &Path, seen: &mut Vec<PathBuf>) -> Result<(Place, Map), ImportError> {
    let (place, mut own) = yaml::read(file)?;
    // Two names of one file are one file; one that was read is there.
    seen.push(file.canonicalize().unwrap_or_else(|_| file.to_owned()));
    let Some(include) = own.remove("include") else {
        return Ok((place, own));
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut merged = Map::default();
    for name in names(&include)? {
        let included = folder.join(&name);
        if included.canonicalize().is_ok_and(|path| seen.contains(&path)) {
            let got = format!("`{name}` twice");
            return Err(Mismatch::new("each file once", got).at(&include.place, &include.key));
        }
        let (_, mut keys) = read_within(&included, seen)?;
        keys.remove("task_list");
        merged.update(keys);
    }
    merged.update(own);
    Ok((place, merged))
}

fn names(include: &Entry) -> Result<Vec<String>, ImportError> {
    let name = |value: &Value| match value {
        Value::Text(name) => Ok(name.clone()),
        other => Err(Mismatch::new("a file's name", other.shown()).at(&include.place, &include.key)),
    };
    match &include.value {
        Value::List(items) => items.iter().map(|item| name(&item.value)).collect(),
        value => Ok(vec![name(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_file_wins_over_what_it_includes_whole_values_at_a_time() {
        let folder = folder(&[
            ("a.yaml", "include: [b.yaml, c.yaml]\ntask: a\nfewshot_config: {split: x}\n"),
            ("b.yaml", "task: b\noutput_type: b\ndescription: b\ntask_list: [x]\n"),
            ("c.yaml", "include: d_yaml\ndescription: c\nfewshot_config: {sampler: first_n}\n"),
            ("d_yaml", "description: d\ntarget_delimiter: d\n"),
        ]);
        let (_, map) = read(&folder.path().join("a.yaml")).unwrap();
        let text = |key: &str| map.get(key).map(|entry| entry.value.shown());
        assert_eq!(text("task").as_deref(), Some("`a`"));
        assert_eq!(text("output_type").as_deref(), Some("`b`"));
        assert_eq!(text("description").as_deref(), Some("`c`"));
        assert_eq!(text("target_delimiter").as_deref(), Some("`d`"));
        assert_eq!(text("task_list"), None);
        let Value::Map(fewshot) = &map.get("fewshot_config").unwrap().value else { panic!() };
        assert!(fewshot.get("sampler").is_none());
        // An included key keeps its own place.
        assert!(map.get("target_delimiter").unwrap().place.file.ends_with("d_yaml"));
    }

    #[test]
    fn a_circle_of_files_is_refused_with_its_line() {
        let folder = folder(&[("a.yaml", "task: a\ninclude: b.yaml\n"), ("b.yaml", "include: a.yaml\n")]);
        let error = read(&folder.path().join("a.yaml")).unwrap_err().to_string();
        assert!(error.contains("b.yaml`, line 1, `include`: expected each file once"), "{error}");
    }
}
