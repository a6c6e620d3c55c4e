//! Compiled components in a folder of the user's, so that each is compiled once.
//!
//! Code that is loaded runs as this user, outside of any sandbox. So it is taken from nowhere but a folder that is this
//! user's own and closed to others, or from the compiler itself; and it is held to the digest that was written with it,
//! since a file that a full disk or a crash has damaged must not run.
//!
//! One of the three places with `unsafe`: wasmtime cannot tell whether bytes are what its compiler made.
#![allow(unsafe_code, reason = "compiled code is trusted or not run at all")]

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::component::binary::PluginBinary;
use ft_store::fs::atomic::write_atomic;
use ft_store::fs::digest::Digest;
use ft_store::fs::owner::is_own;

/// What a file of compiled code begins with.
const MAGIC: &[u8] = b"ft-host compiled component 1\n";

/// Bytes of all files in the folder; beyond, those go that have not been used for longest.
const MOST_BYTES: u64 = 2 << 30;

/// Code of at most this size is read; CPython's takes 70 MB.
const LARGEST: u64 = 1 << 30;

/// Makes a component of code that the compiler made for an engine of this configuration.
pub(crate) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the callers have it from `Compiler::compile`, or from `Artifacts::get`, which gives only what `put` wrote
    // into a folder that nobody but this user can write to, bit for bit. wasmtime itself holds it to the engine's version
    // and configuration.
    unsafe { Component::deserialize(engine, code) }
}

/// A folder of compiled components.
#[derive(Clone, Debug)]
pub(crate) struct Artifacts {
    folder: PathBuf,
}

impl Artifacts {
    /// The folder, if it is one that nobody but this user can write to.
    pub(crate) fn open(folder: &Path) -> Option<Self> {
        is_private(folder).then(|| Self { folder: folder.to_owned() })
    }

    /// The compiled code of a component for an engine, if it is there and whole.
    pub(crate) fn get(&self, engine: &Engine, binary: &PluginBinary) -> Option<Vec<u8>> {
        let file = File::open(self.path(engine, binary)).ok()?;
        let metadata = file.metadata().ok()?;
        // Whoever may write to a folder above can put another one in this one's place.
        if !metadata.is_file() || !is_own(&metadata) || metadata.len() > LARGEST {
            return None;
        }
        let mut bytes = Vec::new();
        (&file).take(LARGEST).read_to_end(&mut bytes).ok()?;
        let (digest, code) = bytes.strip_prefix(MAGIC)?.split_at_checked(64)?;
        if Digest::of(code).as_str().as_bytes() != digest {
            return None;
        }
        // When it was used last; where that cannot be noted, it is merely forgotten earlier.
        let _ = file.set_modified(SystemTime::now());
        Some(code.to_vec())
    }

    /// Keeps compiled code. Where that fails, as on a full disk, it is compiled again the next time.
    pub(crate) fn put(&self, engine: &Engine, binary: &PluginBinary, code: &[u8]) {
        let bytes = [MAGIC, Digest::of(code).as_str().as_bytes(), code].concat();
        if write_atomic(&self.path(engine, binary), &bytes).is_ok() {
            self.forget_oldest();
        }
    }

    /// The file's name says all that the code depends on: the component, and wasmtime's version and configuration.
    fn path(&self, engine: &Engine, binary: &PluginBinary) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let name = format!("{} {} {:x}", binary.sha256(), env!("CARGO_PKG_VERSION"), hasher.finish());
        self.folder.join(format!("{}.cwasm", Digest::of(name.as_bytes())))
    }

    fn forget_oldest(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort();
        for (_, bytes, path) in files {
            if total <= MOST_BYTES {
                break;
            }
            // Another process may have been faster.
            let _ = fs::remove_file(path);
            total -= bytes;
        }
    }
}

#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    // The folder itself, not what a link leads to.
    fs::symlink_metadata(folder).is_ok_and(|at| at.is_dir() && is_own(&at) && at.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_private(folder: &Path) -> bool {
    folder.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiler::config;

    fn engine() -> Engine {
        Engine::new(&config::config()).unwrap()
    }

    #[test]
    fn what_is_kept_is_given_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (artifacts, engine) = (Artifacts::open(folder.path()).unwrap(), engine());
        let (one, other) = (PluginBinary::new("x", *b"one"), PluginBinary::new("x", *b"other"));
        artifacts.put(&engine, &one, b"code");
        assert_eq!(artifacts.get(&engine, &one).as_deref(), Some(b"code".as_slice()));
        assert_eq!(artifacts.get(&engine, &other), None);
        let path = artifacts.path(&engine, &one);
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..20], b"", &[&whole[..], b"x"].concat()] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(artifacts.get(&engine, &one), None);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_others_can_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let open = |mode: u32| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            Artifacts::open(folder.path()).is_some()
        };
        assert!(open(0o700) && open(0o755));
        assert!(!open(0o777) && !open(0o720));
        open(0o700);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(Artifacts::open(&link).is_none());
        assert!(Artifacts::open(&folder.path().join("nothing")).is_none());
        // Only root can give a folder away; whose a folder is, is tested with `store::owner` for everybody.
        if std::os::unix::fs::chown(folder.path(), Some(12_345), None).is_ok() {
            assert!(Artifacts::open(folder.path()).is_none());
        }
    }
}
