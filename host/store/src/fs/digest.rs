//! SHA-256 digests of bytes and files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::fs::error::FileError;

/// A SHA-256 digest, as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Hashes bytes in memory.
    pub fn of(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// A digest from its text; `None` where that is not 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Digest> {
        let valid = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| Digest(text.to_ascii_lowercase()))
    }

    /// The digest as 64 hexadecimal digits in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes bytes as they come.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Hashes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The digest of a file, read in pieces; `advance` is told of each piece's size.
pub(crate) fn digest_file(path: &Path, mut advance: impl FnMut(u64)) -> Result<Digest, FileError> {
    let mut file = File::open(path).map_err(|source| FileError::io("open", path, source))?;
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(|source| FileError::io("read", path, source))? {
            0 => return Ok(hasher.finish()),
            count => {
                hasher.update(&piece[..count]);
                advance(count as u64);
            }
        }
    }
}

/// Bytes per read: large enough that the calls cost nothing beside the hashing.
const PIECE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_files_digest_is_that_of_its_bytes() {
        assert_eq!(Digest::of(b"abc").as_str(), ABC);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..PIECE + 5).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let mut told = 0;
        assert_eq!(digest_file(&path, |count| told += count).unwrap(), Digest::of(&bytes));
        assert_eq!(told, bytes.len() as u64);
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_digest() {
        assert_eq!(Digest::from_hex(&ABC.to_uppercase()), Some(Digest::of(b"abc")));
        assert_eq!(Digest::from_hex(&ABC[1..]), None);
        assert_eq!(Digest::from_hex(&ABC.replace('b', "g")), None);
    }
}
