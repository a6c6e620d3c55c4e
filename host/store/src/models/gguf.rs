//! A model in GGUF: one file, or all parts of a split one.

use std::io::Read;
use std::path::Path;

use crate::fs::error::FileError;
use crate::fs::file::open_regular;
use crate::fs::lfs::refuse_lfs_pointer;
use crate::models::error::ModelSourceError;
use crate::models::files::ModelKind;
use crate::models::gguf_parts::parts;

/// Finds all parts of the model that a file is or belongs to, and checks that they begin as GGUF does. Whether all of a
/// part is there only its reader can tell.
pub(crate) fn gguf_file(path: &Path) -> Result<ModelKind, ModelSourceError> {
    refuse_lfs_pointer(path)?;
    let parts = parts(path)?;
    parts.iter().try_for_each(|part| check_magic(part))?;
    Ok(ModelKind::Gguf(parts))
}

fn check_magic(path: &Path) -> Result<(), ModelSourceError> {
    refuse_lfs_pointer(path)?;
    let file = open_regular(path)?;
    let mut begins = Vec::new();
    file.take(4).read_to_end(&mut begins).map_err(|source| FileError::io("read", path, source))?;
    if begins != b"GGUF" {
        let begins = String::from_utf8_lossy(&begins).into_owned();
        return Err(ModelSourceError::NotGguf { path: path.to_owned(), begins });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_gguf_is_named_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.gguf");
        for (bytes, begins) in [("", "\"\""), ("GG", "\"GG\""), ("<html>", "\"<htm\"")] {
            std::fs::write(&path, bytes).unwrap();
            let error = gguf_file(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("begins with {begins}")), "{error}");
        }
        std::fs::write(&path, "GGUF\x03").unwrap();
        assert_eq!(gguf_file(&path).unwrap(), ModelKind::Gguf(vec![path.clone()]));
        std::fs::write(&path, "tjgg").unwrap();
        assert!(gguf_file(&path).unwrap_err().hint().unwrap().contains("before GGUF"));
    }
}
