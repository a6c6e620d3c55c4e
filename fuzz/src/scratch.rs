//! Files and folders for what the host reads by its path.

use std::path::Path;

/// Calls `work` with the path of a file of these bytes, whose name ends so; the file is gone afterwards.
pub fn with_file<T>(ending: &str, bytes: &[u8], work: impl FnOnce(&Path) -> T) -> T {
    let file = tempfile::Builder::new().prefix("ft-host-fuzz-").suffix(ending).tempfile();
    let file = file.expect("the folder for temporary files can be written");
    std::fs::write(file.path(), bytes).expect("the folder for temporary files can be written");
    work(file.path())
}

/// Calls `work` with the path of a folder of these files, by their names; it is gone afterwards.
pub fn with_folder<T>(files: &[(&str, &[u8])], work: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::Builder::new().prefix("ft-host-fuzz-").tempdir();
    let folder = folder.expect("the folder for temporary files can be written");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("the folder for temporary files can be written");
    }
    work(folder.path())
}
