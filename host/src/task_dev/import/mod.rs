//! Task files of EleutherAI's lm-evaluation-harness become definitions.
//!
//! What the harness does with each key is taken from its own code (`lm_eval/api/task.py`, version 0.4.13): a definition
//! renders, byte by byte, the contexts, choices and demonstrations that the harness renders, or there is none.
//! `tests/harness/` holds that against the installed package. Nothing is rendered here.
//!
//! - `yaml`, `scalar`: the files, with lines, as YAML 1.1; `files`: with the files that they include.
//! - `group`: the tasks that a group stands for.
//! - `task`, `fewshot`, `fields`: a task's keys; `jinja`, `literal`: the texts in them that are code.
//! - `definition`: what comes of it, as TOML.
//!
//! Three things of the harness are not in a definition: how demonstrations are drawn, which a run sets (`--sampling`,
//! `--seed`); metrics; and that whitespace at a context's end is scored with the choice where it is a row's own text that
//! ends in it, or the separator before an empty context. Whitespace of the template is scored so here too.

mod definition;
mod error;
mod fewshot;
mod fields;
mod files;
mod group;
mod jinja;
mod literal;
mod scalar;
mod task;
mod yaml;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use error::{ImportError, Place};

use error::Mismatch;
use ft_store::fs::atomic::write_new;
use ft_store::fs::file::create_folder;
use task::Task;
use yaml::Value;

/// A definition that is made of a task file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The task's name; its file is `NAME.toml` by default.
    pub name: String,
    /// The definition, TOML.
    pub text: String,
}

/// What a file of the harness comes to.
#[derive(Debug)]
pub enum Import {
    /// A task.
    Task(Imported),
    /// A group of tasks.
    Group {
        /// The group's name.
        name: String,
        /// The definitions of those tasks that can be translated, in the group's order.
        tasks: Vec<Imported>,
        /// The names of the other ones, and why.
        refused: Vec<(String, ImportError)>,
    },
}

/// Reads a task file or a group's file, and all files that it needs.
///
/// # Errors
/// For a task: I/O errors, files that are no task files, the first key that cannot be translated exactly. For a group:
/// I/O errors, and members that cannot be found; a task of it that cannot be translated is told of in the group.
pub fn import(file: &Path) -> Result<Import, ImportError> {
    let (place, keys) = files::read(file)?;
    let Some(entry) = keys.get("group").filter(|_| keys.get("class").is_none()) else {
        return Ok(Import::Task(imported(&Task { place, keys })?));
    };
    let Value::Text(name) = &entry.value else {
        return Err(Mismatch::new("a group's name", entry.value.shown()).at(&entry.place, "group"));
    };
    let mut taken = BTreeSet::new();
    let (mut tasks, mut refused) = (Vec::new(), Vec::new());
    for member in group::tasks(file, &keys)? {
        let member_name = task::name(&member)?;
        if !taken.insert(member_name.clone()) {
            return Err(ImportError::Twice { group: name.clone(), name: member_name });
        }
        match imported(&member) {
            Ok(imported) => tasks.push(imported),
            Err(error) => refused.push((member_name, error)),
        }
    }
    Ok(Import::Group { name: task::file_name(name), tasks, refused })
}

fn imported(task: &Task) -> Result<Imported, ImportError> {
    let definition = task::definition(task)?;
    Ok(Imported { text: definition.text(), name: definition.name })
}

/// Writes a definition to a new file, and gives its path.
///
/// # Errors
/// I/O errors, [`ImportError::Exists`] if something of that name is there.
pub fn write_definition(file: &Path, imported: &Imported) -> Result<(), ImportError> {
    match write_new(file, imported.text.as_bytes())? {
        true => Ok(()),
        false => Err(ImportError::Exists { path: file.to_owned() }),
    }
}

/// Writes the definitions of a group into a new folder, and gives the paths.
///
/// # Errors
/// I/O errors, [`ImportError::Exists`] if something of that name is there.
pub fn write_group(folder: &Path, tasks: &[Imported]) -> Result<Vec<PathBuf>, ImportError> {
    if folder.symlink_metadata().is_ok() {
        return Err(ImportError::Exists { path: folder.to_owned() });
    }
    create_folder(folder)?;
    let mut written = Vec::new();
    for imported in tasks {
        let file = folder.join(format!("{}.toml", imported.name));
        write_definition(&file, imported)?;
        written.push(file);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Diagnosis;

    const TASK: &str = "task: Some.Task\n\
        dataset_path: owner/name\n\
        dataset_name: null\n\
        output_type: multiple_choice\n\
        training_split: train\n\
        validation_split: validation\n\
        doc_to_text: \"Q: {{q}}\\nA:\"\n\
        doc_to_choice: [\"no\", \"yes\"]\n\
        doc_to_target: label\n";

    /// A task of the keys of a text alone.
    pub(super) fn task(keys: &str) -> Task {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.yaml");
        std::fs::write(&file, keys).unwrap();
        let (place, keys) = files::read(&file).unwrap();
        Task { place, keys }
    }

    /// The definition of the task above with further keys, which win over it.
    fn text(more: &str) -> Result<String, ImportError> {
        imported(&task(&format!("{TASK}{more}"))).map(|imported| imported.text)
    }

    #[test]
    fn a_task_becomes_a_definition_that_says_what_it_leaves_out() {
        let text = text(
            "tag: [x]\nnum_fewshot: 2\ntarget_delimiter: ''\ndescription: \"Say it.\\n\"\n\
             metric_list:\n- metric: acc\n- {metric: f1, aggregation: !function a.b}\n\
             fewshot_config: {sampler: first_n}\n",
        );
        let expected = r#"# `Some.Task` of lm-evaluation-harness, imported from `t.yaml` by `ft-host task import`.
# Left out, since prompts do not depend on it:
# - `tag`
# - `metric_list`: acc, f1; the host has metrics of its own
# - `num_fewshot`: 2; `--shots` sets the number of demonstrations
# - `fewshot_config.sampler`: first_n; `--sampling first` takes the first rows
task = "template"
name = "some-task"

[data]
repository = "owner/name"
demonstrations = "train"
evaluation = "validation"

[row]
labels = ["no", "yes"]
answer = "label"

[prompt]
description = "Say it.\n"
context = "Q: {{q}}\nA:"
delimiter = ""
separator = "\n\n"
"#;
        assert_eq!(text.unwrap(), expected);
    }

    #[test]
    fn whitespace_behind_a_context_is_scored_with_the_choice() {
        let text = text("doc_to_text: \"{{q}} A: \"\ntest_split: test\nfewshot_split: dev\n").unwrap();
        let read: toml::Table = text.parse().unwrap();
        assert_eq!(read["prompt"]["context"].as_str(), Some("{{q}} A:"));
        assert_eq!(read["prompt"]["delimiter"].as_str(), Some("  "));
        assert_eq!(
            (read["data"]["evaluation"].as_str(), read["data"]["demonstrations"].as_str()),
            (Some("test"), Some("dev"))
        );
    }

    #[test]
    fn choices_can_be_contexts() {
        let text = text("doc_to_text: 1\ndoc_to_choice: '{{[a, b]}}'\ndoc_to_target: '{{rest}}'\n").unwrap();
        let read: toml::Table = text.parse().unwrap();
        let prompt = |key: &str| read["prompt"][key].as_str().unwrap_or("none").to_owned();
        assert_eq!([prompt("context"), prompt("continuation")], ["{{ choice }}", "{{rest}}"]);
        assert_eq!((read["row"]["answer"].as_str(), read["row"]["answer-is"].as_str()), (Some("1"), Some("index")));
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_key_and_line() {
        for (more, key) in [
            ("process_docs: !function utils.f", "process_docs"),
            ("doc_to_text: !function utils.f", "doc_to_text"),
            ("doc_to_choice: !function utils.f", "doc_to_choice"),
            ("doc_to_choice: [no, yes]", "doc_to_choice"),
            ("doc_to_target: ['a', 'b']", "doc_to_target"),
            ("filter_list: [{name: x}]", "filter_list"),
            ("output_type: generate_until", "output_type"),
            ("dataset_kwargs: {data_files: x}", "dataset_kwargs"),
            ("dataset_path: json", "dataset_path"),
            ("dataset_name: no", "dataset_name"),
            ("gen_prefix: x", "gen_prefix"),
            ("repeats: 2", "repeats"),
            ("description: '{{q}}'", "description"),
            ("description: word", "description"),
            ("target_delimiter: null", "target_delimiter"),
            ("something_new: 1", "something_new"),
            ("class: !function a.B", "class"),
        ] {
            let error = text(&format!("{more}\n")).unwrap_err();
            assert!(error.to_string().contains(&format!("t.yaml`, line 10, `{key}`: expected ")), "{error}");
            assert_eq!(error.fault(), crate::diagnosis::Fault::Input);
        }
        assert!(text("dataset_kwargs: {trust_remote_code: true}\nfilter_list: null\nrepeats: 1\n").is_ok());
    }

    #[test]
    fn a_group_says_which_of_its_tasks_cannot_be_translated() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("g.yaml", "group: G\ntask: [Some.Task, other]\n");
        write("a.yaml", TASK);
        write("b.yaml", &TASK.replace("Some.Task", "other").replace("Q: {{q}}", "{{q | title}}"));
        let Import::Group { name, tasks, refused } = import(&folder.path().join("g.yaml")).unwrap() else { panic!() };
        assert_eq!((name.as_str(), tasks[0].name.as_str(), tasks.len()), ("g", "some-task", 1));
        assert_eq!(refused[0].0, "other");
        let out = folder.path().join("out");
        assert_eq!(write_group(&out, &tasks).unwrap(), [out.join("some-task.toml")]);
        assert!(matches!(write_group(&out, &tasks), Err(ImportError::Exists { .. })));
        let file = out.join("some-task.toml");
        assert!(matches!(write_definition(&file, &tasks[0]), Err(ImportError::Exists { .. })));
    }
}
