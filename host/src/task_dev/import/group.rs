//! Groups: a file that names tasks, tags and other groups becomes the tasks that it stands for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{ImportError, Mismatch, Place, quoted};
use super::files;
use super::task::Task;
use super::yaml::{Entry, Map, Value};
use ft_store::fs::error::FileError;

/// Keys that describe the group itself; all others are laid over the keys of its tasks.
const OF_GROUP: [&str; 5] = ["group", "group_alias", "task", "aggregate_metric_list", "metadata"];
/// The most groups within each other.
const DEEPEST: usize = 16;
/// The most YAML files that are looked through for tasks.
const MOST_FILES: usize = 20_000;
/// The most folders within each other that are looked through.
const DEEPEST_FOLDER: usize = 16;

/// What a name stands for.
enum Known {
    Task(PathBuf),
    Group(PathBuf),
    /// The tasks that have the tag.
    Tag(Vec<String>),
}

/// Tasks, groups and tags of a folder by name. Of two of one name the first counts, in the order of paths.
struct Index {
    folder: PathBuf,
    known: BTreeMap<String, Known>,
}

/// The tasks of a group, in its order, each with what the group lays over it.
///
/// Names are looked up in the files `*.yaml` in the group's folder and below it.
///
/// # Errors
/// A member of another form, a name that nothing in the folder has, I/O errors of folders.
pub(super) fn tasks(file: &Path, keys: &Map) -> Result<Vec<Task>, ImportError> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let index = Index::of(folder)?;
    let mut tasks = Vec::new();
    index.add_group(keys, &Map::default(), 0, &mut tasks)?;
    Ok(tasks)
}

impl Index {
    fn of(folder: &Path) -> Result<Index, ImportError> {
        let mut index = Index { folder: folder.to_owned(), known: BTreeMap::new() };
        let mut files = Vec::new();
        yaml_files(folder, 0, &mut files)?;
        files.sort();
        for file in files {
            // A file that is no task file is no task, and is told of only where its name is asked for.
            if let Ok((_, keys)) = files::read(&file) {
                index.add(&file, &keys);
            }
        }
        Ok(index)
    }

    fn add(&mut self, file: &Path, keys: &Map) {
        let text = |key: &str| match keys.get(key).map(|entry| &entry.value) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        if let Some(group) = text("group") {
            self.known.entry(group).or_insert_with(|| Known::Group(file.to_owned()));
        } else if let Some(task) = text("task").filter(|task| !self.known.contains_key(task)) {
            self.known.insert(task.clone(), Known::Task(file.to_owned()));
            for tag in keys.get("tag").map(|entry| texts(&entry.value)).unwrap_or_default() {
                if let Known::Tag(tasks) = self.known.entry(tag).or_insert_with(|| Known::Tag(Vec::new())) {
                    tasks.push(task.clone());
                }
            }
        }
    }

    fn add_group(&self, keys: &Map, over: &Map, depth: usize, tasks: &mut Vec<Task>) -> Result<(), ImportError> {
        let Some(members) = keys.get("task") else {
            return Ok(());
        };
        if depth == DEEPEST {
            let mismatch = Mismatch::new(format!("at most {DEEPEST} groups within each other"), "more");
            return Err(mismatch.at(&members.place, "task"));
        }
        let mut laid_over = Map::default();
        for entry in keys.iter().filter(|entry| !OF_GROUP.contains(&entry.key.as_str())) {
            laid_over.set(entry.clone());
        }
        laid_over.update(over.clone());
        match &members.value {
            Value::Text(name) => self.add_named(name, &members.place, &laid_over, depth, tasks),
            Value::List(list) => list.iter().try_for_each(|member| self.add_member(member, &laid_over, depth, tasks)),
            other => Err(Mismatch::new("a list of tasks", other.shown()).at(&members.place, "task")),
        }
    }

    fn add_member(
        &self,
        member: &super::yaml::Node,
        over: &Map,
        depth: usize,
        tasks: &mut Vec<Task>,
    ) -> Result<(), ImportError> {
        let refused = |got: &Value| {
            let expected = "a task's name, or a mapping with `task` or `group`";
            Mismatch::new(expected, got.shown()).at(&member.place, "task")
        };
        let keys = match &member.value {
            Value::Text(name) => return self.add_named(name, &member.place, over, depth, tasks),
            Value::Map(keys) => keys,
            other => return Err(refused(other)),
        };
        let name = |key: &str| keys.get(key).map(|entry| &entry.value);
        match (name("group"), name("task")) {
            (Some(Value::Text(group)), _) if matches!(self.known.get(group), Some(Known::Group(_))) => {
                let mut laid_over = over.clone();
                laid_over.update(keys.clone());
                laid_over.remove("group");
                self.add_named(group, &member.place, &laid_over, depth, tasks)
            }
            // A group that is written out here.
            (Some(Value::Text(_)), _) => self.add_group(keys, over, depth + 1, tasks),
            (None, Some(Value::Text(task))) => {
                let mut laid_over = over.clone();
                laid_over.update(keys.clone());
                if self.known.contains_key(task) {
                    return self.add_named(task, &member.place, &laid_over, depth, tasks);
                }
                tasks.push(Task { place: member.place.clone(), keys: laid_over });
                Ok(())
            }
            _ => Err(refused(&member.value)),
        }
    }

    /// Adds what a name stands for.
    fn add_named(
        &self,
        name: &str,
        place: &Place,
        over: &Map,
        depth: usize,
        tasks: &mut Vec<Task>,
    ) -> Result<(), ImportError> {
        match self.known.get(name) {
            Some(Known::Group(file)) => self.add_group(&files::read(file)?.1, over, depth + 1, tasks),
            Some(Known::Task(file)) => {
                tasks.push(task(name, file, over)?);
                Ok(())
            }
            Some(Known::Tag(names)) => {
                let mut names = names.clone();
                names.sort();
                names.iter().try_for_each(|name| self.add_named(name, place, over, depth, tasks))
            }
            None => {
                let expected = format!("a task, a group or a tag of the files `*.yaml` in `{}`", self.folder.display());
                Err(Mismatch::new(expected, quoted(name)).at(place, "task"))
            }
        }
    }
}

/// A task of a file with what is laid over it.
fn task(name: &str, file: &Path, over: &Map) -> Result<Task, ImportError> {
    let (place, mut keys) = files::read(file)?;
    keys.update(over.clone());
    let entry = Entry { key: "task".into(), place: place.clone(), value: Value::Text(name.into()) };
    keys.set(entry);
    Ok(Task { place, keys })
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    match value {
        Value::List(items) => items.iter().filter_map(|item| text(&item.value)).collect(),
        value => text(value).into_iter().collect(),
    }
}

fn yaml_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let refused = |source| FileError::io("read", folder, source);
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(refused)?);
        // No link is followed: it may lead back.
        if kind.is_dir() && depth < DEEPEST_FOLDER {
            yaml_files(&path, depth + 1, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
            if files.len() > MOST_FILES {
                return Err(ImportError::Structure {
                    place: Place { file: folder.to_owned().into(), line: 1 },
                    expected: format!("at most {MOST_FILES} files `*.yaml` in the folder and below it"),
                    got: "more".into(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tasks: &[Task]) -> Vec<String> {
        tasks.iter().map(|task| task.keys.get("task").unwrap().value.shown()).collect()
    }

    fn group(files: &[(&str, &str)]) -> Result<Vec<Task>, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let file = folder.path().join("g.yaml");
        let (_, keys) = files::read(&file)?;
        tasks(&file, &keys)
    }

    #[test]
    fn a_group_is_its_tasks_tags_and_groups_in_order() {
        let tasks = group(&[
            ("g.yaml", "group: g\ntask: [tag, h, {task: a, description: over}]\nnum_fewshot: 3\n"),
            ("h.yaml", "group: h\ntask: a\n"),
            ("a.yaml", "task: a\ndescription: own\n"),
            ("b.yaml", "task: y\ntag: [tag]\n"),
            ("c.yaml", "task: x\ntag: tag\nnum_fewshot: 1\n"),
            ("broken.yaml", "task: [\n"),
        ])
        .unwrap();
        assert_eq!(names(&tasks), ["`x`", "`y`", "`a`", "`a`"]);
        let value = |task: &Task, key: &str| task.keys.get(key).map(|entry| entry.value.shown());
        assert_eq!(value(&tasks[0], "num_fewshot").as_deref(), Some("`3`"));
        assert_eq!(value(&tasks[2], "description").as_deref(), Some("`own`"));
        assert_eq!(value(&tasks[3], "description").as_deref(), Some("`over`"));
    }

    #[test]
    fn groups_and_tasks_can_be_written_out_in_a_group() {
        let tasks = group(&[
            (
                "g.yaml",
                "group: g\ntask:\n- group: inner\n  task: [a]\n  description: d\n- {task: new, dataset_path: o/n}\n",
            ),
            ("a.yaml", "task: a\n"),
        ])
        .unwrap();
        assert_eq!(names(&tasks), ["`a`", "`new`"]);
        assert_eq!(tasks[0].keys.get("description").unwrap().value.shown(), "`d`");
    }

    #[test]
    fn unknown_names_and_circles_are_refused_with_their_line() {
        for (text, line) in
            [("group: g\ntask:\n- nothing\n", 3), ("group: g\ntask:\n- 1\n", 3), ("group: g\ntask: g\n", 2)]
        {
            let Err(error) = group(&[("g.yaml", text)]) else { panic!("{text}") };
            assert!(error.to_string().contains(&format!("g.yaml`, line {line}, `task`")), "{error}");
        }
    }
}
