//! The owner of a file, as far as the system tells: on Unix by its owner; elsewhere every file counts as the user's
//! own.

use std::fs::Metadata;

/// Whether a file belongs to the user whom this process acts for.
#[cfg(unix)]
pub fn is_own(metadata: &Metadata) -> bool {
    owner(metadata) == user()
}

/// Whether what is in this file or folder may be believed without a check. Any user may name somebody else's folder;
/// root is led to those of users who may do less by a mere `HOME`, and would act on what they wrote.
#[cfg(unix)]
pub(crate) fn is_trusted(metadata: &Metadata) -> bool {
    trusts(user(), owner(metadata))
}

/// What stands for the user in names of files.
#[cfg(unix)]
pub(crate) fn mark() -> String {
    user().to_string()
}

#[cfg(unix)]
fn owner(metadata: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(metadata)
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a user believes an owner's files; both by their numbers.
#[cfg(unix)]
fn trusts(user: u32, owner: u32) -> bool {
    const ROOT: u32 = 0;
    user != ROOT || owner == ROOT
}

/// Whether a file belongs to the user: the system does not say otherwise.
#[cfg(not(unix))]
pub fn is_own(_metadata: &Metadata) -> bool {
    true
}

/// Whether what is in it may be believed: the system does not say whose it is.
#[cfg(not(unix))]
pub(crate) fn is_trusted(_metadata: &Metadata) -> bool {
    true
}

/// What stands for the user in names of files: the same for everybody.
#[cfg(not(unix))]
pub(crate) fn mark() -> String {
    "user".to_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn root_believes_nobody_but_root() {
        assert!(trusts(0, 0) && !trusts(0, 1000));
        assert!(trusts(1000, 1000) && trusts(1000, 0) && trusts(1000, 2000));
    }

    #[test]
    fn what_this_process_makes_is_its_users() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let metadata = file.path().metadata().unwrap();
        assert!(is_own(&metadata) && is_trusted(&metadata));
        assert_eq!(mark(), owner(&metadata).to_string());
        // Root can give files away; what the system lets nobody else do, nobody else has to be tested for.
        if std::os::unix::fs::chown(file.path(), Some(user() + 1), None).is_ok() {
            let metadata = file.path().metadata().unwrap();
            assert!(!is_own(&metadata));
            assert_eq!(is_trusted(&metadata), user() != 0);
        }
    }
}
