//! What the harness renders, and how it is compared.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// A task file and rows for it.
#[derive(Serialize)]
pub struct Case {
    /// Below the harness's folder of tasks, or absolute.
    pub yaml: PathBuf,
    pub rows: PathBuf,
}

/// What is made of a case's rows.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// For each row and choice, the context and the text that is scored, with no demonstrations.
    pub queries: Vec<Vec<(String, String)>>,
    /// For each row, the index of the right choice.
    pub right: Vec<usize>,
    /// The contexts of the first row behind each row as a demonstration.
    pub behind_one: Vec<Vec<String>>,
    /// The contexts of each row behind the first two rows as demonstrations.
    pub behind_two: Vec<Vec<String>>,
}

impl Rendered {
    /// Panics if another rendering is not the same.
    pub fn check(&self, other: &Rendered, what: &str) {
        assert_eq!(self.queries.len(), other.queries.len(), "{what}: rows");
        for (row, (expected, got)) in self.queries.iter().zip(&other.queries).enumerate() {
            assert_eq!(expected, got, "{what}: the choices of row {row}");
        }
        assert_eq!(self.right, other.right, "{what}: right choices");
        for (expected, got) in [(&self.behind_one, &other.behind_one), (&self.behind_two, &other.behind_two)] {
            assert_eq!(expected.len(), got.len(), "{what}: demonstrations");
            for (row, (expected, got)) in expected.iter().zip(got).enumerate() {
                assert_eq!(expected, got, "{what}: behind the demonstrations, row {row}");
            }
        }
    }
}

/// The Python with the harness, or `None` with a line on stderr.
#[expect(clippy::disallowed_methods, reason = "the test harness keeps what passing tests print by macros")]
fn python() -> Option<PathBuf> {
    let Some(python) = std::env::var_os("FT_HARNESS_PYTHON").filter(|python| !python.is_empty()) else {
        let wanted = "`FT_HARNESS_PYTHON` is not set, a Python with the package lm-eval 0.4.13";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{wanted}");
        let line = format!("SKIPPED: the comparison with lm-evaluation-harness: {wanted}\n");
        // Past the test harness, which keeps what passing tests print.
        std::io::stderr().write_all(line.as_bytes()).expect("stderr can be written to");
        return None;
    };
    // Cargo runs tests in the package's folder, and users name files from the workspace's.
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(python);
    assert!(python.exists(), "`FT_HARNESS_PYTHON` names {}, which is not there", python.display());
    Some(python)
}

/// What the harness makes of cases; `None` without it.
pub fn harness(cases: &[Case]) -> Option<Vec<Rendered>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/harness/render.py");
    // Nothing is to be fetched, and nothing of the user's cache is to be touched.
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(python()?)
        .arg(script)
        .env("HF_HOME", home.path())
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("FT_HARNESS_PYTHON starts");
    let input = serde_json::to_vec(cases).expect("paths in UTF-8");
    child.stdin.take().expect("a pipe").write_all(&input).expect("the script reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "render.py: {}", output.status);
    Some(serde_json::from_slice(&output.stdout).expect("what the script writes"))
}

/// The harness's own folder of tasks.
pub fn task_folder() -> Option<PathBuf> {
    let code = "import importlib.util as u; print(u.find_spec('lm_eval').submodule_search_locations[0])";
    let output = Command::new(python()?).args(["-c", code]).output().expect("FT_HARNESS_PYTHON starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("tasks"))
}
