//! Whether there is a browser to test with, and what is said where there is none.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;

/// The browser and the program through which it is driven.
#[derive(Debug)]
pub struct Programs {
    pub chromium: PathBuf,
    pub chromedriver: PathBuf,
}

/// The programs of this machine. Where one is missing, stderr has a line that the page is not tested; with `CI=true` that
/// is a failure.
pub fn programs() -> Option<Programs> {
    let found = find(&std::env::var_os("PATH").unwrap_or_default());
    found_or_skipped(found, std::env::var("CI").as_deref() == Ok("true"))
}

#[expect(clippy::disallowed_methods, reason = "the test harness keeps what passing tests print by macros")]
fn found_or_skipped(found: Result<Programs, String>, is_checked: bool) -> Option<Programs> {
    match found {
        Ok(programs) => Some(programs),
        Err(reason) => {
            assert!(!is_checked, "{reason}");
            std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).expect("stderr can be written to");
            None
        }
    }
}

/// The programs in folders separated as in `PATH`, or what to say of those that are in none.
fn find(path: &OsStr) -> Result<Programs, String> {
    let in_path = |name: &str| std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file());
    match (in_path("chromium"), in_path("chromedriver")) {
        (Some(chromium), Some(chromedriver)) => Ok(Programs { chromium, chromedriver }),
        (chromium, chromedriver) => {
            let both = [("chromium", chromium.is_none()), ("chromedriver", chromedriver.is_none())];
            let missing: Vec<&str> = both.iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| *name).collect();
            Err(format!(
                "the page of `ft-host serve` is not tested in a browser: {} not found on PATH; \
                 on Debian `apt-get install chromium chromium-driver` installs both",
                missing.join(" and ")
            ))
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = find(folder.path().as_os_str()).unwrap_err();
    assert!(missing.contains("chromium and chromedriver not found") && missing.contains("apt-get"), "{missing}");
    std::fs::write(folder.path().join("chromium"), "").unwrap();
    let missing = find(folder.path().as_os_str()).unwrap_err();
    assert!(missing.contains("browser: chromedriver not found"), "{missing}");
    std::fs::write(folder.path().join("chromedriver"), "").unwrap();
    let programs = find(folder.path().as_os_str()).unwrap();
    assert_eq!(programs.chromedriver, folder.path().join("chromedriver"));
}

#[test]
#[should_panic(expected = "is not tested in a browser")]
fn a_missing_browser_fails_where_checks_are_made() {
    found_or_skipped(find(OsStr::new("")), true);
}
