//! A run file.

use std::path::Path;

use ft_host::cli::fuzzing::{RunFile, run_file};
use ft_host::options::{HeldOut, Select};
use ft_host::run::RunConfig;

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let folder = Path::new("/no/such/folder");
    let file = match run_file(&text, folder) {
        Ok(file) => file,
        Err(message) => return assert!(!message.is_empty()),
    };
    match &file.printed {
        Ok(printed) => check_printed(printed, &file),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(config) = &file.config {
        check_config(config);
    }
}

/// What is printed reads back as the same from any folder.
fn check_printed(printed: &str, file: &RunFile) {
    let again = run_file(printed, Path::new("/else/where")).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again.printed.expect("it was printed before"), printed);
    match (&file.config, &again.config) {
        (Ok(first), Ok(second)) => {
            let apart_from_paths = |config: &RunConfig| {
                format!("{:?} {:?} {:?} {:?}", config.seeds, config.steps, config.select, config.task.limits)
            };
            assert_eq!(apart_from_paths(first), apart_from_paths(second), "{printed}");
        }
        (first, second) => assert_eq!(first.is_ok(), second.is_ok(), "{printed}"),
    }
}

/// What flags are held to holds for run files.
fn check_config(config: &RunConfig) {
    assert!(!config.seeds.is_empty() && config.steps > 0 && config.batch_tokens > 0);
    assert!(config.limit != Some(0) && config.task.shots != Some(0));
    assert!(!config.task.limits.time.is_zero() && config.task.limits.memory > 0);
    match config.select {
        Some(Select::Converged { until_norm: Some(norm) }) => assert!(norm > 0.0 && norm.is_finite()),
        Some(Select::HeldOut(HeldOut::Rows(rows))) => assert!(rows > 0),
        _ => {}
    }
}
