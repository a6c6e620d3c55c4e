//! This host's own cache folder. All that is in it can be deleted at any time and is made again when needed.
//!
//! Each sub-folder's name carries the version of its format, so that a newer host never misreads what an older one
//! left. No folder, or one that cannot be written to (a read-only system, a user without a home, a full disk), costs
//! time and nothing else, but where a file is to be kept for good: then the error names the variable that names another
//! folder.

use std::path::{Path, PathBuf};

use crate::fs::digest::Digest;
use crate::fs::error::FileError;
use crate::fs::file::{create_folder, writable_folder};
use crate::fs::lock::FileLock;
use crate::fs::owner;
use crate::machine::environment::{Environment, FT_HOST_CACHE};
use crate::progress::Progress;

/// The folders below this host's cache folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePaths {
    root: Option<PathBuf>,
}

impl CachePaths {
    /// The cache folder that the environment names, if any. Nothing is created yet.
    pub fn new(environment: &Environment) -> CachePaths {
        CachePaths { root: environment.cache_folder.clone() }
    }

    /// The cache folder itself.
    ///
    /// # Errors
    /// [`FileError::NoCacheFolder`] if there is no cache folder.
    pub(crate) fn root(&self) -> Result<&Path, FileError> {
        self.root.as_deref().ok_or(FileError::NoCacheFolder { variable: FT_HOST_CACHE })
    }

    /// Models of the catalogue, each under its own file name. A file under its final name has been checked.
    ///
    /// # Errors
    /// [`FileError::NoCacheFolder`] if there is no cache folder.
    pub(crate) fn models(&self) -> Result<PathBuf, FileError> {
        Ok(self.root()?.join("models-v1"))
    }

    /// Digests of files, remembered by path and by what tells a file from another one there; none where somebody wrote
    /// them who is not to be believed.
    pub(crate) fn digests(&self) -> Option<PathBuf> {
        self.trusted("digests-v2").ok()
    }

    /// Which files of the hub hold a split of a data set, one note each.
    pub(crate) fn datasets(&self) -> Option<PathBuf> {
        self.root.as_ref().map(|root| root.join("datasets-v1"))
    }

    /// Compilers and tools for plugins, unpacked and never installed; they run as this user.
    ///
    /// # Errors
    /// [`FileError::NoCacheFolder`] if there is no cache folder, [`FileError::NotOwn`] if it belongs to another user.
    pub fn tools(&self) -> Result<PathBuf, FileError> {
        self.trusted("tools-v1")
    }

    /// A folder whose content is believed or run.
    fn trusted(&self, name: &str) -> Result<PathBuf, FileError> {
        let root = self.root()?;
        let folder = root.join(name);
        for path in [root, &folder] {
            // What is not there yet is going to be made by this user.
            if path.metadata().is_ok_and(|metadata| !owner::is_trusted(&metadata)) {
                return Err(FileError::NotOwn { path: path.to_owned() });
            }
        }
        Ok(folder)
    }

    /// The lock that stands for the work called `name`, waited for where another process holds it. Where none can be
    /// had, the work goes on without, and `progress` is told.
    pub(crate) fn lock(&self, name: &str, progress: &dyn Progress, waiting: impl FnOnce()) -> Option<FileLock> {
        let lock = || {
            let folder = self.root()?.join("locks-v1");
            create_folder(&folder)?;
            FileLock::acquire(&folder.join(format!("{}.lock", Digest::of(name.as_bytes()))), waiting)
        };
        lock()
            .map_err(|error| progress.note(&format!("{error}; other processes that fetch the same are not waited for")))
            .ok()
    }

    /// The folder of compiled components, created, and closed to other users: whoever can write into it can run code
    /// as this user.
    ///
    /// # Errors
    /// If there is no cache folder, or it is not this user's alone.
    pub fn components(&self) -> Result<PathBuf, FileError> {
        let folder = self.trusted("components-v2")?;
        create_folder(&folder)?;
        // The folder itself, not what a link leads to.
        let metadata = std::fs::symlink_metadata(&folder).map_err(|source| FileError::io("open", &folder, source))?;
        if !metadata.is_dir() {
            return Err(FileError::WrongKind { path: folder, expected: "folder" });
        }
        if !owner::is_own(&metadata) {
            return Err(FileError::NotOwn { path: folder });
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Setting what is set already is refused on a disk that cannot be written to.
            if metadata.permissions().mode() & 0o777 != 0o700 {
                std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))
                    .map_err(|source| FileError::io("make private", &folder, source))?;
            }
        }
        Ok(folder)
    }

    /// Checks that files can be kept in the cache.
    ///
    /// # Errors
    /// If there is no cache folder, or no file can be written into it.
    pub fn check_writable(&self) -> Result<(), FileError> {
        writable_folder(self.root()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn at(root: &Path) -> CachePaths {
        let mut environment = Environment::from_variables(&|_| None, None, None);
        environment.cache_folder = Some(root.to_owned());
        CachePaths::new(&environment)
    }

    #[test]
    #[cfg(unix)]
    fn compiled_components_are_closed_to_other_users() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let components = at(&folder.path().join("cache")).components().unwrap();
        assert_eq!(std::fs::metadata(components).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    #[cfg(unix)]
    fn compiled_components_are_in_a_folder_of_their_own_and_of_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let (paths, elsewhere) = (at(&folder.path().join("cache")), folder.path().join("elsewhere"));
        std::fs::create_dir_all(&elsewhere).unwrap();
        create_folder(paths.root().unwrap()).unwrap();
        let components = folder.path().join("cache/components-v2");
        std::os::unix::fs::symlink(&elsewhere, &components).unwrap();
        assert!(matches!(paths.components(), Err(FileError::WrongKind { expected: "folder", .. })));
        std::fs::remove_file(&components).unwrap();
        assert_eq!(paths.components().unwrap(), components);
        // Only root can give a folder away; that root then believes nobody but root is tested with `owner`.
        for given in [&components, &folder.path().join("cache")] {
            if std::os::unix::fs::chown(given, Some(12_345), None).is_ok() {
                let error = paths.components().unwrap_err();
                assert_eq!(error.to_string(), format!("`{}` belongs to another user", given.display()));
                assert!(error.hint().unwrap().contains("`FT_HOST_CACHE`"));
            }
        }
        if !owner::is_own(&folder.path().join("cache").metadata().unwrap()) {
            assert_eq!(paths.digests(), None);
            assert!(matches!(paths.tools(), Err(FileError::NotOwn { .. })));
            assert!(paths.models().is_ok(), "models are held to their digests");
        }
    }

    #[test]
    fn a_cache_that_is_not_there_is_an_error_only_for_what_is_kept_for_good() {
        let none = CachePaths::new(&Environment::from_variables(&|_| None, None, None));
        assert_eq!((none.digests(), none.datasets()), (None, None));
        for error in [none.models().unwrap_err(), none.tools().unwrap_err(), none.check_writable().unwrap_err()] {
            assert!(error.to_string().contains("no folder is known"), "{error}");
            assert!(error.hint().unwrap().contains("`FT_HOST_CACHE`"));
        }
        assert!(none.lock("x", &Silent, || ()).is_none());

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), b"").unwrap();
        let below_a_file = at(&folder.path().join("file/cache"));
        assert!(below_a_file.check_writable().is_err() && below_a_file.components().is_err());
        assert!(below_a_file.lock("x", &Silent, || ()).is_none());
    }

    #[test]
    fn a_probe_leaves_the_folder_empty() {
        let folder = tempfile::tempdir().unwrap();
        at(folder.path()).check_writable().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
