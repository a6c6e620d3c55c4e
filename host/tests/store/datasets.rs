//! Data sets of the hub: the conversion to Parquet, a repository's own files, the cache, and what can go wrong.

use std::path::PathBuf;

use ft_engine::task::example::{Source, Split};
use ft_store::datasets::address::HubFiles;
use ft_store::datasets::hub::{DatasetError, HubSplit, fetch_files, fetch_split};
use ft_store::datasets::location::{Access, DataLocation};
use ft_store::hub::error::HubError;
use ft_store::hub_id::HubId;
use ft_store::machine::environment::{Environment, Token};

use crate::support_hub::{CONVERTED_COMMIT, Fault, MAIN_COMMIT, TestHub};
use crate::{Told, environment};

const QASC: &str = "datasets/allenai/qasc";

fn split(repository: &str, config: Option<&str>, name: &str) -> HubSplit {
    HubSplit { id: HubId::parse(repository).unwrap(), config: config.map(Into::into), split: name.into() }
}

fn fetch(split: &HubSplit, environment: &Environment) -> Result<Vec<PathBuf>, DatasetError> {
    fetch_split(split, environment, &Told::default())
}

fn parquet(name: &str) -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tables/").to_owned() + name).unwrap()
}

fn place(hub: &TestHub) -> (tempfile::TempDir, Environment) {
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path(), hub.endpoint());
    (folder, environment)
}

#[test]
fn a_split_comes_from_the_hubs_conversion_and_stays_in_the_cache() {
    let hub = TestHub::start();
    for (file, bytes) in [("0000", parquet("snappy.parquet")), ("0001", parquet("zstd.parquet"))] {
        hub.add(QASC, CONVERTED_COMMIT, &format!("default/validation/{file}.parquet"), &bytes);
    }
    hub.add(QASC, CONVERTED_COMMIT, "default/train/0000.parquet", b"another split");
    hub.add(QASC, MAIN_COMMIT, "data/validation.jsonl", b"{}\n");
    let (folder, environment) = place(&hub);
    let validation = split("allenai/qasc", None, "validation");
    let files = fetch(&validation, &environment).unwrap();
    let snapshot = folder.path().join("hub/datasets--allenai--qasc/snapshots").join(CONVERTED_COMMIT);
    assert_eq!(files, ["0000", "0001"].map(|file| snapshot.join(format!("default/validation/{file}.parquet"))));

    // As a table the shards are one.
    let source = Source {
        split: Split::Evaluation,
        repository: "allenai/qasc".into(),
        config: None,
        name: "validation".into(),
        folder: "qasc".into(),
        sample: None,
        files: Vec::new(),
    };
    let told = Told::default();
    let access = Access { environment: &environment, progress: &told };
    let mut table = DataLocation::HUB.open(&source, access).unwrap();
    assert_eq!(table.next_rows(100).unwrap().len(), 50);

    // From now on the hub is not asked again, and not missed.
    let before = hub.requests().len();
    assert_eq!(fetch(&validation, &environment).unwrap(), files);
    assert_eq!(hub.requests().len(), before);
    let offline = Environment { offline: true, ..environment.clone() };
    for offline in [&offline, &Environment { datasets_offline: true, ..environment.clone() }] {
        assert_eq!(fetch(&validation, offline).unwrap(), files);
        let train = split("allenai/qasc", None, "train");
        let error = fetch(&train, offline).unwrap_err();
        assert_eq!(error.to_string(), "allenai/qasc (train split) is not in the cache, and this run is offline");
        assert!(error.hint().unwrap().contains("ft-host data pull allenai/qasc --split train"));
    }
    // A file that is gone is fetched again.
    std::fs::remove_file(&files[1]).unwrap();
    assert!(fetch(&validation, &offline).is_err());
    assert_eq!(fetch(&validation, &environment).unwrap(), files);
}

#[test]
fn without_a_conversion_the_repositorys_own_files_are_taken() {
    let hub = TestHub::start();
    for file in ["train.jsonl", "dev.jsonl", "README.md"] {
        hub.add("datasets/SetFit/sst5", MAIN_COMMIT, file, format!("{{\"file\": \"{file}\"}}\n").as_bytes());
    }
    let (_folder, environment) = place(&hub);
    let files = fetch(&split("SetFit/sst5", None, "validation"), &environment).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), "{\"file\": \"dev.jsonl\"}\n");
    let error = fetch(&split("SetFit/sst5", None, "test"), &environment).unwrap_err();
    assert!(matches!(error, DatasetError::NoFiles { files: 3, .. }), "{error}");
    assert!(error.hint().unwrap().contains("--data evaluation=FILE"));

    // A part of a split is no split: the repository's own files are whole.
    hub.add("datasets/big/one", CONVERTED_COMMIT, "default/partial-train/0000.parquet", b"a part");
    hub.add("datasets/big/one", MAIN_COMMIT, "data/train-00000-of-00001.parquet", b"the whole");
    let told = Told::default();
    let files = fetch_split(&split("big/one", None, "train"), &environment, &told).unwrap();
    assert_eq!(std::fs::read(&files[0]).unwrap(), b"the whole");
    assert!(told.notes().contains("only a part"), "{}", told.notes());
}

#[test]
fn files_with_an_address_come_from_the_repository_and_stay_in_the_cache() {
    let hub = TestHub::start();
    for name in ["b.jsonl", "a.jsonl", "notes.md", "deep/c.jsonl"] {
        hub.add("datasets/a/rows", MAIN_COMMIT, name, format!("{{\"file\": \"{name}\"}}\n").as_bytes());
    }
    let (_folder, environment) = place(&hub);
    let fetched = |address: &str, environment: &Environment| {
        fetch_files(&HubFiles::parse(address).unwrap(), environment, &Told::default())
    };
    let names = |paths: &[PathBuf]| -> Vec<String> {
        paths.iter().map(|path| std::fs::read_to_string(path).unwrap().replace(['{', '}', '"', '\n'], "")).collect()
    };
    let offline = Environment { offline: true, ..environment.clone() };
    for (address, expected) in [
        ("hf://datasets/a/rows/*.jsonl", &["file: a.jsonl", "file: b.jsonl"][..]),
        ("hf://datasets/a/rows@main/**/*.jsonl", &["file: a.jsonl", "file: b.jsonl", "file: deep/c.jsonl"]),
        ("hf://datasets/a/rows/deep/c.jsonl", &["file: deep/c.jsonl"]),
    ] {
        let files = fetched(address, &environment).unwrap();
        assert_eq!(names(&files), expected, "{address}");
        // From now on the hub is not asked again, and not missed.
        let before = hub.requests().len();
        assert_eq!(fetched(address, &offline).unwrap(), files);
        assert_eq!(fetched(address, &environment).unwrap(), files);
        assert_eq!(hub.requests().len(), before, "{address}");
    }
    let refused = |address: &str, environment: &Environment| fetched(address, environment).unwrap_err().to_string();
    assert_eq!(
        refused("hf://datasets/a/rows/?.csv", &environment),
        "`hf://datasets/a/rows/?.csv`: expected files of such a name, got none"
    );
    let mixed = "expected files of one format, got `a.jsonl` and `notes.md`";
    assert!(refused("hf://datasets/a/rows/*", &environment).ends_with(mixed));
    assert!(refused("hf://datasets/a/rows/none.csv", &environment).contains("`none.csv`"));
    assert!(
        refused("hf://datasets/a/rows/?.jsonl", &offline).ends_with("is not in the cache, and this run is offline")
    );
}

/// In the hub's conversion and among a repository's own files alike, and before anything is downloaded.
#[test]
fn half_a_split_and_two_copies_of_one_are_refused() {
    let hub = TestHub::start();
    for file in ["0000", "0002"] {
        hub.add("datasets/half/one", CONVERTED_COMMIT, &format!("default/train/{file}.parquet"), b"rows");
    }
    hub.add("datasets/half/two", MAIN_COMMIT, "data/train-00001-of-00002.parquet", b"rows");
    hub.add("datasets/half/three", MAIN_COMMIT, "train.parquet", b"{}");
    hub.add("datasets/half/three", MAIN_COMMIT, "train-00000-of-00001.parquet", b"rows");
    let (folder, environment) = place(&hub);
    for (repository, expected) in [
        ("half/one", "shard 2 is missing: there is `train/0000.parquet`"),
        ("half/two", "shard 1 of 2 is missing: there is `train-00001-of-00002.parquet`"),
        (
            "half/three",
            "expected one file or one set of shards, got `train-00000-of-00001.parquet` and `train.parquet`",
        ),
    ] {
        let error = fetch(&split(repository, None, "train"), &environment).unwrap_err();
        assert_eq!(error.to_string(), format!("{repository} (train split): {expected}"));
        assert!(error.hint().is_some());
    }
    assert!(!folder.path().join("hub").exists(), "nothing was downloaded");
}

#[test]
fn what_is_not_for_the_user_is_told_as_such() {
    let hub = TestHub::start();
    hub.add("datasets/closed/one", CONVERTED_COMMIT, "x/train/0000.parquet", b"rows");
    hub.gate("datasets/closed/one", "right");
    let (_folder, environment) = place(&hub);
    let wanted = split("closed/one", Some("x"), "train");
    let with = |token: Option<&str>| Environment { token: token.and_then(Token::new), ..environment.clone() };
    for token in [None, Some("wrong")] {
        let error = fetch(&wanted, &with(token)).unwrap_err();
        assert!(matches!(error, DatasetError::Hub(HubError::Gated { .. } | HubError::Refused { .. })), "{error}");
    }
    assert_eq!(fetch(&wanted, &with(Some("right"))).unwrap().len(), 1);
    let error = fetch(&split("nobody/nothing", None, "train"), &environment).unwrap_err();
    assert!(error.to_string().contains("nobody/nothing"), "{error}");
}

#[test]
fn a_broken_download_is_started_again_and_never_taken_for_whole() {
    let hub = TestHub::start();
    hub.add(QASC, CONVERTED_COMMIT, "default/train/0000.parquet", &parquet("snappy.parquet"));
    let (folder, environment) = place(&hub);
    let train = split("allenai/qasc", None, "train");
    hub.fail_next(&[Fault::Cut, Fault::Corrupt, Fault::ServerError, Fault::Cut, Fault::Cut, Fault::Cut, Fault::Cut]);
    assert!(fetch(&train, &environment).is_err());
    let notes = folder.path().join("ft-host/datasets-v1");
    assert!(!notes.exists(), "nothing is remembered of what did not come");
    hub.fail_next(&[Fault::Cut]);
    let files = fetch(&train, &environment).unwrap();
    assert_eq!(std::fs::read(&files[0]).unwrap(), parquet("snappy.parquet"));
}
