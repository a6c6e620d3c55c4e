//! Calls of other programs.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::BuildError;

/// Variables that make interpreters run other code than they are told to, or look for it in other folders.
const CODE_FROM_ELSEWHERE: [&str; 5] = ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "BASH_ENV", "ENV"];

/// A call of a program by its name or path, for which only the absolute folders of `PATH` are looked through, by the
/// program itself too: nothing that lies in the folder where the user happens to stand is run.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    // A path stays the one that it is here, in whichever folder the program is to run.
    let path = Path::new(name.as_ref());
    let path = (path.components().count() > 1).then(|| std::path::absolute(path).ok()).flatten();
    let mut command = Command::new(path.as_deref().unwrap_or(Path::new(name.as_ref())));
    command.env("PATH", absolute_path());
    for variable in CODE_FROM_ELSEWHERE {
        command.env_remove(variable);
    }
    command
}

/// A call of a Python interpreter in isolated mode: neither the current folder, nor the user's packages, nor
/// `PYTHON...` variables have a say in which modules it loads.
pub fn python(interpreter: impl AsRef<OsStr>) -> Command {
    let mut command = program(interpreter);
    command.arg("-I");
    command
}

/// The folders of `PATH`, but for relative ones.
fn absolute_path() -> OsString {
    absolute_folders(&std::env::var_os("PATH").unwrap_or_default())
}

fn absolute_folders(path: &OsStr) -> OsString {
    let absolute = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    // What was split at the separator has none in it.
    let absolute = std::env::join_paths(absolute).unwrap_or_default();
    // With an empty path, the system looks through the current folder.
    if absolute.is_empty() && cfg!(unix) { "/usr/bin:/bin".into() } else { absolute }
}

/// What a program prints on its standard output, without the line's end; its messages go where ours go.
pub(crate) fn output(command: &mut Command) -> Result<String, BuildError> {
    let started = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let Output { status, stdout, .. } =
        started.map_err(|source| BuildError::Start { words: words(command), source })?;
    if !status.success() {
        return Err(BuildError::Ended { words: words(command), status: status.to_string() });
    }
    let text = String::from_utf8(stdout);
    let text = text.map_err(|_| BuildError::Answer { words: words(command), expected: "text" })?;
    Ok(text.trim_end().to_owned())
}

/// Runs a program to its end; all that it prints goes to our standard error.
pub(crate) fn run(command: &mut Command) -> Result<(), BuildError> {
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.map_err(|source| BuildError::Start { words: words(command), source })?;
    if status.success() {
        return Ok(());
    }
    Err(BuildError::Ended { words: words(command), status: status.to_string() })
}

/// Whether a program is there and answers to `--version`.
pub(crate) fn is_there(program: impl AsRef<OsStr>) -> bool {
    let mut command = self::program(program);
    let status = command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A call, as a person would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn relative_folders_of_the_path_are_not_looked_through() {
        let command = program("python3");
        let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).unwrap();
        assert!(std::env::split_paths(path).all(|folder| folder.is_absolute()));
        assert!(command.get_envs().any(|(name, value)| name == "PYTHONPATH" && value.is_none()));
        let cases = [("/a:.:b::/c", "/a:/c"), (".:bin", "/usr/bin:/bin"), ("", "/usr/bin:/bin")];
        for (path, expected) in cases {
            assert_eq!(absolute_folders(OsStr::new(path)), expected, "{path:?}");
        }
    }

    /// `python3 -m pip` runs a file `pip.py` of the current folder where it is not isolated.
    #[test]
    #[cfg(unix)]
    fn no_module_of_the_current_folder_is_run() {
        let folder = std::env::temp_dir().join(format!("guest-build-pip-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["pip.py", "sitecustomize.py"] {
            std::fs::write(folder.join(name), "open('ran', 'w').write(__name__)\n").unwrap();
        }
        let mut pip = python("python3");
        pip.args(["-m", "pip", "--version"]).current_dir(&folder).stdin(Stdio::null());
        // How it ends says only whether this Python has a pip of its own.
        pip.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("python3 is there");
        assert!(!folder.join("ran").exists(), "a module of the current folder was run");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
