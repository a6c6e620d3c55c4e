//! Plugins in Python become components, with componentize-py: a wheel that holds an interpreter for WebAssembly and the
//! tool that puts a program into it. It is taken where it is, or had from PyPI into a folder of its own; nothing is
//! installed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};

/// The version of componentize-py that the SDK is written for. Others look for a plugin's classes in other places.
pub const VERSION: &str = "0.25.1";

/// The file that a plugin's folder is known by, and the module that is built.
pub const APP: &str = "app.py";

/// Runs the tool from a folder that pip filled, whatever lies in the current one.
const LAUNCH: &str =
    "import sys; sys.path[0] = sys.argv.pop(1); from componentize_py import script; sys.exit(script())";

const INTERPRETERS: [&str; 2] = ["python3", "python"];

/// A plugin's folder and what is needed beside it to build a component.
pub struct Sources<'a> {
    /// The folder with [`APP`].
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
    /// version [`VERSION`]; otherwise gets it into `tools` with pip, and says so on standard error.
    ///
    /// # Errors
    /// If it is nowhere and cannot be had. The message says what is missing and how to get it.
    pub fn find_or_get(folder: &Path, tools: &Path) -> Result<Self> {
        let scripts = if cfg!(windows) { "Scripts" } else { "bin" };
        let local = Self { program: folder.join(".venv").join(scripts).join("componentize-py"), arguments: vec![] };
        let anywhere = Self { program: "componentize-py".into(), arguments: vec![] };
        let interpreter = INTERPRETERS.into_iter().find(|name| is_there(name));
        let ours = interpreter.map(|interpreter| Self {
            program: interpreter.into(),
            arguments: vec!["-c".into(), LAUNCH.into(), tools.into()],
        });
        for tool in [Some(&local), ours.as_ref(), Some(&anywhere)].into_iter().flatten() {
            if tool.version().is_some_and(|version| version == VERSION) {
                return Ok(Self { program: tool.program.clone(), arguments: tool.arguments.clone() });
            }
        }
        let (Some(interpreter), Some(ours)) = (interpreter, ours) else {
            bail!(
                "no componentize-py {VERSION}, and no python3 to get it with: install Python 3.10 or later with pip \
                 (on Debian: `apt install python3 python3-pip`)"
            )
        };
        get(interpreter, tools)?;
        match ours.version() {
            Some(version) if version == VERSION => Ok(ours),
            _ => bail!("componentize-py {VERSION} is in {} now and does not run", tools.display()),
        }
    }

    /// Builds a component. The file `output` is written in one go, once all has gone well.
    ///
    /// One source does not give the same bytes twice: a component holds the memory of an interpreter that has started,
    /// with its hash seed and its clock (componentize-py, issue 247).
    ///
    /// # Errors
    /// If the plugin exports nothing, or the tool fails; its own words are in the message.
    pub fn build(&self, sources: &Sources, output: &Path) -> Result<()> {
        let Sources { folder, sdk, wit } = *sources;
        let world = world(folder)?;
        let parent = output.parent().with_context(|| format!("`{}` is no path of a file", output.display()))?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let partial = output.with_extension(format!("{}.partial.wasm", std::process::id()));
        // Packages of the plugin's own environment come along; those of the machine do not.
        let environment = folder.join(".venv");
        let environment = if environment.is_dir() { environment.as_path() } else { sdk };
        let mut command = self.command();
        command.env("VIRTUAL_ENV", environment);
        command.arg("-d").arg(wit).args(["-w", world, "componentize", "--stub-wasi"]);
        command.arg("-p").arg(folder).arg("-p").arg(sdk).arg("app").arg("-o").arg(&partial);
        let done = command.output().with_context(|| format!("cannot start {}", self.program.display()))?;
        if !done.status.success() {
            // What there is of it is of no use, and it may not be there.
            let _ = fs::remove_file(&partial);
            bail!("componentize-py makes no component of {}:\n{}", folder.join(APP).display(), said(&done));
        }
        fs::rename(&partial, output).with_context(|| format!("cannot write {}", output.display()))
    }

    fn version(&self) -> Option<String> {
        let output = self.command().arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().strip_prefix("componentize-py ")?.to_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

impl Sources<'_> {
    /// All that a component follows from, as one text: who has built one from the same text need not build it again.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn fingerprint(&self) -> Result<Vec<u8>> {
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
fn world(folder: &Path) -> Result<&'static str> {
    let path = folder.join(APP);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let calls = |name: &str| text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(name));
    match (calls("export_task("), calls("export_optimizer(")) {
        (true, false) => Ok("task-plugin"),
        (false, true) => Ok("optimizer-plugin"),
        (false, false) => bail!(
            "{} exports nothing: it has to end with `Info, Dataset, Prompt = export_task(...)` or \
             `Info, MetaOptimizer = export_optimizer(...)`",
            path.display()
        ),
        (true, true) => bail!("{} exports a task and an optimizer: a component is one of them", path.display()),
    }
}

/// Gets componentize-py from PyPI into `tools`, in one go.
fn get(interpreter: &str, tools: &Path) -> Result<()> {
    ensure!(
        Command::new(interpreter).args(["-m", "pip", "--version"]).output().is_ok_and(|done| done.status.success()),
        "no componentize-py {VERSION}, and `{interpreter}` has no pip to get it with: install pip (on Debian: \
         `apt install python3-pip`)"
    );
    eprintln!("componentize-py {VERSION} goes to {} (17 MB from PyPI)", tools.display());
    let parent = tools.parent().with_context(|| format!("`{}` is no path of a folder", tools.display()))?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let partial = tools.with_file_name(format!("componentize-py.{}.partial", std::process::id()));
    let mut pip = Command::new(interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    pip.arg(&partial).arg(format!("componentize-py=={VERSION}"));
    let done = pip.output().with_context(|| format!("cannot start {interpreter}"))?;
    if !done.status.success() {
        // What there is of it is of no use, and it may not be there.
        let _ = fs::remove_dir_all(&partial);
        bail!(
            "componentize-py {VERSION} cannot be had from PyPI:\n{}\nwhere PyPI can be reached: \
             `{interpreter} -m pip install --target {} componentize-py=={VERSION}`",
            said(&done),
            tools.display()
        );
    }
    // What is there is another version, or broken, or another process was faster with the same.
    if tools.exists() {
        fs::remove_dir_all(tools).with_context(|| format!("cannot remove {}", tools.display()))?;
    }
    fs::rename(&partial, tools).with_context(|| format!("cannot make {}", tools.display()))
}

/// The files of one kind in a folder and below, but for hidden ones and caches.
fn collect(folder: &Path, extension: &OsStr, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if name.to_string_lossy().starts_with('.') || name == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            collect(&path, extension, files)?;
        } else if path.extension() == Some(extension) {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.insert(path, bytes);
        }
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|done| done.status.success())
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
        assert!(world("import ft_plugin\n").unwrap_err().contains("exports nothing"));
        assert!(world("export_task(T)\nexport_optimizer(G)\n").unwrap_err().contains("a component is one of them"));
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
