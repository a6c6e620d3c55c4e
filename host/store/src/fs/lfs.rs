//! Git LFS pointers: small texts that stand in a repository where the file itself was not fetched.
//!
//! The format is that of the LFS specification, `docs/spec.md`: lines of a key and a value, `version` first, then `oid`
//! and `size` among others, less than 1024 bytes in all.

use std::io::Read;
use std::path::Path;

use crate::fs::error::FileError;
use crate::fs::file::open_regular;

/// A pointer is shorter than this, by the specification.
const MOST: u64 = 1024;

/// What the first line of a pointer names: the specification, under its present and its earlier address.
const VERSIONS: [&str; 2] = ["https://git-lfs.github.com/spec/", "https://hawser.github.com/spec/"];

/// What a Git LFS pointer says about the file that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LfsPointer {
    /// The SHA-256 of the file, in hexadecimal.
    pub oid: String,
    /// The bytes of the file.
    pub size: u64,
}

/// The pointer that `bytes`, a whole file or its beginning, are; `None` for anything else.
pub(crate) fn lfs_pointer(bytes: &[u8]) -> Option<LfsPointer> {
    let text = &bytes[..bytes.len().min(MOST as usize)];
    // What follows a pointer's lines is not looked at, so a cut in a character does not matter.
    let text = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mut lines = text.lines().map_while(|line| line.split_once(' '));
    let (key, version) = lines.next()?;
    if key != "version" || !VERSIONS.iter().any(|known| version.starts_with(known)) {
        return None;
    }
    let (mut oid, mut size) = (None, None);
    for (key, value) in lines {
        match key {
            "oid" => oid = value.strip_prefix("sha256:"),
            "size" => size = value.trim_end().parse().ok(),
            _ => {}
        }
    }
    Some(LfsPointer { oid: oid?.trim_end().to_owned(), size: size? })
}

/// Whether bytes begin as a pointer does, the rest of which may be still to come.
pub(crate) fn begins_as_pointer(bytes: &[u8]) -> bool {
    let version = bytes.strip_prefix(b"version ");
    version.is_some_and(|version| VERSIONS.iter().any(|known| version.starts_with(known.as_bytes())))
}

/// Refuses a file that is a Git LFS pointer. A file that cannot be read, and a pipe, which can be read only once, are
/// left to whoever reads them.
///
/// # Errors
/// [`FileError::LfsPointer`] if it is one, and no other.
pub fn refuse_lfs_pointer(path: &Path) -> Result<(), FileError> {
    let Ok(file) = open_regular(path) else { return Ok(()) };
    let mut head = Vec::new();
    let read = file.take(MOST).read_to_end(&mut head);
    match lfs_pointer(&head).filter(|_| read.is_ok()) {
        Some(pointer) => Err(FileError::LfsPointer { path: path.to_owned(), bytes: pointer.size }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    fn pointer(version: &str, more: &str) -> String {
        format!("version {version}\n{more}oid sha256:{OID}\nsize 12345\n")
    }

    #[test]
    fn a_pointer_says_what_it_stands_for() {
        let expected = Some(LfsPointer { oid: OID.into(), size: 12345 });
        let (now, before) = ("https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1");
        assert_eq!(lfs_pointer(pointer(now, "").as_bytes()), expected);
        assert_eq!(lfs_pointer(pointer(before, "").as_bytes()), expected);
        assert_eq!(lfs_pointer(pointer(now, &format!("ext-0-foo sha256:{OID}\n")).as_bytes()), expected);
        assert_eq!(lfs_pointer(pointer(now, "").replace('\n', "\r\n").as_bytes()), expected);
        for other in ["", "version", "version 1\n", "{\"a\": 1}\n", "version https://git-lfs.github.com/spec/v1\n"] {
            assert_eq!(lfs_pointer(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(lfs_pointer(b"\x00\xff\x00"), None);
    }

    #[test]
    fn a_file_that_is_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.parquet");
        std::fs::write(&path, pointer("https://git-lfs.github.com/spec/v1", "")).unwrap();
        let error = refuse_lfs_pointer(&path).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("data.parquet`: expected a file of 12345 bytes, got a Git LFS pointer to it"),
            "{message}"
        );
        assert!(error.hint().unwrap().contains("git lfs pull"));
        std::fs::write(&path, b"PAR1").unwrap();
        assert!(refuse_lfs_pointer(&path).is_ok());
        assert!(refuse_lfs_pointer(&folder.path().join("none")).is_ok());
    }
}
