//! This host's own cache folder. All that is in it can be deleted at any time and is made again when needed.
//!
//! Each sub-folder's name carries the version of its form, so that a newer host never misreads what an older one left.

use std::path::{Path, PathBuf};

use super::digest::Digest;
use super::environment::{Environment, FT_HOST_CACHE};
use super::file::{FileError, create_folder};

/// The folders below this host's cache folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePaths {
    root: PathBuf,
}

impl CachePaths {
    /// The cache folder that the environment names. Nothing is created yet.
    pub fn new(environment: &Environment) -> Result<CachePaths, FileError> {
        let root = environment.cache_folder.clone().ok_or(FileError::NoCacheFolder { variable: FT_HOST_CACHE })?;
        Ok(CachePaths { root })
    }

    /// The cache folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Models of the catalogue, each under its own file name. A file under its final name has been checked.
    pub fn models(&self) -> PathBuf {
        self.root.join("models-v1")
    }

    /// Digests of files, remembered by path, size and time of change.
    pub fn digests(&self) -> PathBuf {
        self.root.join("digests-v1")
    }

    /// Which files of the hub hold a split of a data set, one note each.
    pub fn datasets(&self) -> PathBuf {
        self.root.join("datasets-v1")
    }

    /// Compilers and tools for plugins, unpacked and never installed.
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools-v1")
    }

    /// The file whose lock stands for the work called `name`; its folder is created.
    pub fn lock(&self, name: &str) -> Result<PathBuf, FileError> {
        let folder = self.root.join("locks-v1");
        create_folder(&folder)?;
        Ok(folder.join(format!("{}.lock", Digest::of(name.as_bytes()))))
    }

    /// The folder of compiled components, created, and closed to other users: whoever can write into it can run code
    /// as this user.
    pub fn components(&self) -> Result<PathBuf, FileError> {
        let folder = self.root.join("components-v1");
        create_folder(&folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))
                .map_err(|source| FileError::io("make private", &folder, source))?;
        }
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn compiled_components_are_closed_to_other_users() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut environment = Environment::from_variables(&|_| None, None, None);
        assert!(CachePaths::new(&environment).unwrap_err().to_string().contains("no folder is known"));
        environment.cache_folder = Some(folder.path().join("cache"));
        let components = CachePaths::new(&environment).unwrap().components().unwrap();
        assert_eq!(std::fs::metadata(components).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
