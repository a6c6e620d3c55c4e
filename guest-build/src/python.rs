//! Plugins in Python become components, with componentize-py: a wheel that holds an interpreter for WebAssembly and the
//! tool that puts a program into it. It is taken where it is, or had from PyPI into a folder of its own; nothing is
//! installed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::BuildError;
use crate::process::{is_there, program, python, words};

/// The version of componentize-py that the SDK is written for. Others look for a plugin's classes in other places.
pub const VERSION: &str = "0.25.1";

/// The file that a plugin's folder is known by, and the module that is built.
pub const APP: &str = "app.py";

/// Runs the tool from a folder that pip filled, whatever lies in the current one.
const LAUNCH: &str =
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from componentize_py import script; sys.exit(script())";

const INTERPRETERS: [&str; 2] = ["python3", "python"];

/// A plugin's folder and what is needed beside it to build a component.
pub struct Sources<'a> {
    /// The plugin's folder, which has the file [`APP`].
    pub folder: &'a Path,
    /// The folder that holds the module `ft_plugin`.
    pub sdk: &'a Path,
    /// The folder with the WIT package.
    pub wit: &'a Path,
}

/// componentize-py, ready to be called.
pub struct Tool {
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

impl Tool {
    /// Takes componentize-py from the plugin's own `.venv`, from the folder `tools`, or from `PATH`, where it has the
    /// version [`VERSION`]; otherwise gets it into `tools` with pip, and says so.
    ///
    /// # Errors
    /// If it is nowhere and cannot be had. The message says what is missing and how to get it.
    pub fn find_or_get(folder: &Path, tools: &Path, say: &dyn Fn(&str)) -> Result<Self, BuildError> {
        let scripts = if cfg!(windows) { "Scripts" } else { "bin" };
        let local = Self { program: folder.join(".venv").join(scripts).join("componentize-py"), arguments: vec![] };
        let anywhere = Self { program: "componentize-py".into(), arguments: vec![] };
        let interpreter = INTERPRETERS.into_iter().find(|name| is_there(name));
        let ours = interpreter.map(|interpreter| Self {
            program: interpreter.into(),
            arguments: vec!["-I".into(), "-c".into(), LAUNCH.into(), tools.into()],
        });
        for tool in [Some(&local), ours.as_ref(), Some(&anywhere)].into_iter().flatten() {
            if tool.version().is_some_and(|version| version == VERSION) {
                return Ok(Self { program: tool.program.clone(), arguments: tool.arguments.clone() });
            }
        }
        let (Some(interpreter), Some(ours)) = (interpreter, ours) else {
            return Err(BuildError::NoComponentizer { version: VERSION, why: "no python3 to get it with".into() });
        };
        get(interpreter, tools, say)?;
        match ours.version() {
            Some(version) if version == VERSION => Ok(ours),
            _ => {
                let why = format!("it is in {} now, and does not run", tools.display());
                Err(BuildError::NoComponentizer { version: VERSION, why })
            }
        }
    }

    /// Builds a component. The file `output` is written in one go, once all has gone well.
    ///
    /// One source does not give the same bytes twice: a component holds the memory of an interpreter that has started,
    /// with its hash seed and its clock (componentize-py, issue 247).
    ///
    /// # Errors
    /// If the plugin exports nothing, or the tool fails; its own words are in the message.
    pub fn build(&self, sources: &Sources, output: &Path) -> Result<(), BuildError> {
        let Sources { folder, sdk, wit } = *sources;
        let world = world(folder)?;
        let parent = output.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(parent).map_err(refused("make", parent))?;
        let partial = output.with_extension(format!("{}.partial.wasm", std::process::id()));
        // Packages of the plugin's own environment come along; those of the machine do not.
        let environment = folder.join(".venv");
        let environment = if environment.is_dir() { environment.as_path() } else { sdk };
        let mut command = self.command();
        command.env("VIRTUAL_ENV", environment);
        command.arg("-d").arg(wit).args(["-w", world, "componentize", "--stub-wasi"]);
        command.arg("-p").arg(folder).arg("-p").arg(sdk).arg("app").arg("-o").arg(&partial);
        // An author's mistake is told by its own lines; the tool's frames would bury it.
        command.env("RUST_BACKTRACE", "0");
        let done = command.output().map_err(|source| BuildError::Start { words: words(&command), source })?;
        if !done.status.success() {
            // What there is of it is of no use, and it may not be there.
            let _ = fs::remove_file(&partial);
            return Err(BuildError::NotComponentized { app: folder.join(APP), reason: said(&done) });
        }
        fs::rename(&partial, output).map_err(refused("write", output))
    }

    fn version(&self) -> Option<String> {
        let output = self.command().arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().strip_prefix("componentize-py ")?.to_owned())
    }

    fn command(&self) -> Command {
        let mut command = program(&self.program);
        command.args(&self.arguments);
        command
    }
}

impl Sources<'_> {
    /// All that a component follows from, as one text: who has built one from the same text need not build it again.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn fingerprint(&self) -> Result<Vec<u8>, BuildError> {
        let mut files = BTreeMap::new();
        collect(self.folder, OsStr::new("py"), &mut files)?;
        collect(&self.sdk.join("ft_plugin"), OsStr::new("py"), &mut files)?;
        collect(self.wit, OsStr::new("wit"), &mut files)?;
        let mut all = format!("componentize-py {VERSION}\n").into_bytes();
        for (path, bytes) in files {
            all.extend(format!("{} {}\n", path.display(), bytes.len()).into_bytes());
            all.extend(bytes);
        }
        Ok(all)
    }
}

/// The world that a plugin is for, by what its [`APP`] calls.
fn world(folder: &Path) -> Result<&'static str, BuildError> {
    let path = folder.join(APP);
    let text = fs::read_to_string(&path).map_err(refused("read", &path))?;
    let calls = |name: &str| text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(name));
    match (calls("export_task("), calls("export_optimizer(")) {
        (true, false) => Ok("task-plugin"),
        (false, true) => Ok("optimizer-plugin"),
        (false, false) => Err(BuildError::NoExport { app: path }),
        (true, true) => Err(BuildError::TwoExports { app: path }),
    }
}

/// Gets componentize-py from PyPI into `tools`, in one go.
fn get(interpreter: &str, tools: &Path, say: &dyn Fn(&str)) -> Result<(), BuildError> {
    let pip = python(interpreter).args(["-m", "pip", "--version"]).output();
    if !pip.is_ok_and(|done| done.status.success()) {
        let why = format!("`{interpreter}` has no pip to get it with");
        return Err(BuildError::NoComponentizer { version: VERSION, why });
    }
    say(&format!("componentize-py {VERSION} goes to {} (17 MB from PyPI)", tools.display()));
    let parent = tools.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent).map_err(refused("make", parent))?;
    let partial = tools.with_file_name(format!("componentize-py.{}.partial", std::process::id()));
    let mut pip = python(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    pip.arg(&partial).arg(format!("componentize-py=={VERSION}"));
    let done = pip.output().map_err(|source| BuildError::Start { words: words(&pip), source })?;
    if !done.status.success() {
        // What there is of it is of no use, and it may not be there.
        let _ = fs::remove_dir_all(&partial);
        return Err(BuildError::NoComponentizer {
            version: VERSION,
            why: format!("pip cannot get it:\n{}", said(&done)),
        });
    }
    // What is there is another version, or broken, or another process was faster with the same.
    if tools.exists() {
        fs::remove_dir_all(tools).map_err(refused("remove", tools))?;
    }
    fs::rename(&partial, tools).map_err(refused("make", tools))
}

/// The files of one kind in a folder and below, but for hidden ones and caches.
fn collect(folder: &Path, extension: &OsStr, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<(), BuildError> {
    let entries = fs::read_dir(folder).map_err(refused("list", folder))?;
    for entry in entries {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).map_err(refused("list", folder))?;
        if name.to_string_lossy().starts_with('.') || name == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            collect(&path, extension, files)?;
        } else if path.extension() == Some(extension) {
            let bytes = fs::read(&path).map_err(refused("read", &path))?;
            files.insert(path, bytes);
        }
    }
    Ok(())
}

fn refused(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::File { action, path, source }
}

/// What a program that failed had to say.
fn said(done: &Output) -> String {
    let text = [&done.stdout, &done.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    text.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty folder of this test alone.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-python-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_world_is_told_by_the_call_that_exports() {
        let folder = folder("world");
        let world = |text: &str| {
            fs::write(folder.join(APP), text).unwrap();
            world(&folder).map_err(|error| error.to_string())
        };
        assert_eq!(world("Info, Dataset, Prompt = ft.export_task(T)\n"), Ok("task-plugin"));
        let optimizer = "# not export_task(T)\nInfo, MetaOptimizer = ft.export_optimizer(ft.selected(Gate))\n";
        assert_eq!(world(optimizer), Ok("optimizer-plugin"));
        assert!(world("import ft_plugin\n").unwrap_err().contains("expected a task or an optimizer, got neither"));
        assert!(
            world("export_task(T)\nexport_optimizer(G)\n")
                .unwrap_err()
                .contains("expected a task or an optimizer, got both")
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_fingerprint_changes_with_the_sources_and_with_nothing_else() {
        let folder = folder("fingerprint");
        for (name, text) in [("ft_plugin/log.py", "l"), ("wit/plugin.wit", "w"), ("app.py", "a"), (".venv/x.py", "x")] {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), text).unwrap();
        }
        let sources = Sources { folder: &folder, sdk: &folder, wit: &folder.join("wit") };
        let first = sources.fingerprint().unwrap();
        for name in [".venv/y.py", "__pycache__/app.py", "app.pyc"] {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), "other").unwrap();
            assert_eq!(sources.fingerprint().unwrap(), first, "{name}");
        }
        for name in ["ft_plugin/log.py", "wit/plugin.wit", "app.py", "more.py"] {
            let before = sources.fingerprint().unwrap();
            fs::write(folder.join(name), "changed").unwrap();
            assert_ne!(sources.fingerprint().unwrap(), before, "{name}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
