//! Models of the hub: the shared cache, revisions, tokens, and what can go wrong on the way.

use std::time::{Duration, Instant};

use ft_store::fs::cache_paths::CachePaths;
use ft_store::fs::digest::Digest;
use ft_store::fs::digest_cache::DigestCache;
use ft_store::hub::error::HubError;
use ft_store::hub::fetch::{FetchError, fetch_model, fetch_tokenizer, list_models};
use ft_store::machine::environment::{Environment, Token};
use ft_store::models::files::{ModelFiles, ModelKind, OriginKind, TokenizerFiles};

use crate::support_hub::{Fault, MAIN_COMMIT, OTHER_COMMIT, TestHub};
use crate::{Told, environment, files, nobody};

const TINY: &str = "owner/tiny";

/// Weights of a size that comes in several pieces.
fn weights() -> Vec<u8> {
    (0..300_000u32).map(|i| (i * i % 251) as u8).collect()
}

/// A hub with a model, a folder, and the environment that brings them together.
fn hub_with_tiny() -> (TestHub, tempfile::TempDir, Environment) {
    let hub = TestHub::start();
    hub.add(TINY, MAIN_COMMIT, "config.json", b"{\"n\": 1}");
    hub.add(TINY, MAIN_COMMIT, "tokenizer.json", b"{\"t\": 1}");
    hub.add(TINY, MAIN_COMMIT, "model.safetensors", &weights());
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path(), hub.endpoint());
    (hub, folder, environment)
}

fn fetch(asked: &str, environment: &Environment) -> Result<ModelFiles, HubError> {
    fetch_model(asked, environment, &Told::default()).map_err(|error| match error {
        FetchError::Hub(error) => error,
        other => panic!("not an error of the hub: {other}"),
    })
}

/// OPT's repositories: a PyTorch checkpoint and the tokenizer files that preceded `tokenizer.json`.
#[test]
fn a_tokenizer_may_be_vocabulary_and_merges() {
    let hub = TestHub::start();
    for name in ["config.json", "vocab.json", "merges.txt", "tokenizer_config.json", "pytorch_model.bin"] {
        hub.add("facebook/tiny-opt", MAIN_COMMIT, name, name.as_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path(), hub.endpoint());
    // The tokenizer alone needs no weights.
    let tokenizer = fetch_tokenizer("facebook/tiny-opt", &environment, &Told::default()).unwrap();
    let names = |paths: Vec<&std::path::PathBuf>| -> Vec<String> {
        paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(tokenizer.paths()), ["vocab.json", "merges.txt", "tokenizer_config.json"]);
    assert!(!hub.requests().iter().any(|request| request.contains("pytorch_model.bin")));
    let model = fetch("facebook/tiny-opt", &environment).unwrap();
    let ModelKind::Folder { tokenizer: of_model, .. } = &model.kind else { panic!("{model:?}") };
    let contents = |files: &TokenizerFiles| -> Vec<Vec<u8>> {
        files.paths().into_iter().map(|path| std::fs::read(path).unwrap()).collect()
    };
    assert_eq!(contents(of_model), contents(&tokenizer));
    drop(hub);
    let offline = Environment { offline: true, ..environment };
    assert_eq!(fetch("facebook/tiny-opt", &offline).unwrap(), model);

    let hub = TestHub::start();
    for name in ["config.json", "vocab.json", "pytorch_model.bin"] {
        hub.add("facebook/tiny-opt", MAIN_COMMIT, name, name.as_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let environment = self::environment(folder.path(), hub.endpoint());
    assert!(matches!(fetch("facebook/tiny-opt", &environment), Err(HubError::NoFile { .. })));
}

#[test]
fn a_model_lands_in_the_cache_that_all_tools_share() {
    let (hub, folder, environment) = hub_with_tiny();
    let told = Told::default();
    let model = fetch_model(TINY, &environment, &told).unwrap();

    let repository = folder.path().join("hub/models--owner--tiny");
    let snapshot = repository.join("snapshots").join(MAIN_COMMIT);
    let expected = ModelKind::Folder {
        config: snapshot.join("config.json"),
        weights: vec![snapshot.join("model.safetensors")],
        tokenizer: TokenizerFiles::Json { tokenizer: snapshot.join("tokenizer.json"), config: None },
    };
    assert_eq!(model.kind, expected);
    let (repository_id, revision) = (TINY.to_owned(), "main".to_owned());
    let commit = MAIN_COMMIT.to_owned();
    assert_eq!(model.origin.found, OriginKind::Hub { repository: repository_id, revision, commit });
    assert_eq!(std::fs::read_to_string(repository.join("refs/main")).unwrap(), MAIN_COMMIT);
    let blob = repository.join("blobs").join(Digest::of(&weights()).as_str());
    assert_eq!(std::fs::read(blob).unwrap(), weights());
    assert!(told.bytes() >= 300_000);

    let digests = DigestCache::new(&CachePaths::new(&environment));
    let digests = model.digests(&digests, &Told::default()).unwrap();
    let names: Vec<_> = digests.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["model.safetensors", "config.json", "tokenizer.json"]);
    assert_eq!((digests[0].bytes, &digests[0].sha256), (300_000, &Digest::of(&weights())));

    // From now on the hub is not asked again, and not missed.
    let before = hub.requests().len();
    assert_eq!(fetch(TINY, &environment).unwrap(), model);
    assert_eq!(hub.requests().len(), before);
    drop(hub);
    let offline = Environment { offline: true, ..environment };
    assert_eq!(fetch(TINY, &offline).unwrap(), model);
    let listed = list_models(&offline).unwrap();
    assert_eq!((listed[1].name.as_str(), &listed[1].path), (TINY, &Some(snapshot)));
}

#[test]
fn a_revision_is_a_commit_of_its_own() {
    let (hub, _folder, environment) = hub_with_tiny();
    for (file, bytes) in [("config.json", "{\"n\": 2}"), ("tokenizer.json", "{}"), ("model.safetensors", "other")] {
        hub.add(TINY, OTHER_COMMIT, file, bytes.as_bytes());
    }
    for asked in [format!("{TINY}@refs/pr/1"), format!("{TINY}@{OTHER_COMMIT}")] {
        let model = fetch(&asked, &environment).unwrap();
        let OriginKind::Hub { commit, .. } = &model.origin.found else { panic!("{:?}", model.origin) };
        assert_eq!(commit, OTHER_COMMIT);
        assert_eq!(std::fs::read(model.paths()[0]).unwrap(), b"other");
    }
    assert_eq!(std::fs::read(fetch(TINY, &environment).unwrap().paths()[0]).unwrap(), weights());
}

#[test]
fn weights_in_several_files_come_by_their_index() {
    let (hub, _folder, environment) = hub_with_tiny();
    hub.add("owner/big", MAIN_COMMIT, "config.json", b"{}");
    hub.add("owner/big", MAIN_COMMIT, "tokenizer.json", b"{}");
    assert!(matches!(fetch("owner/big", &environment), Err(HubError::NoWeights { .. })));
    let index = br#"{"weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"}}"#;
    hub.add("owner/big", MAIN_COMMIT, "model.safetensors.index.json", index);
    hub.add("owner/big", MAIN_COMMIT, "a.safetensors", b"first");
    hub.add("owner/big", MAIN_COMMIT, "b.safetensors", b"second");
    let model = fetch("owner/big", &environment).unwrap();
    let contents: Vec<_> = model.paths()[..2].iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(contents, [&b"first"[..], b"second"]);
    let before = hub.requests().len();
    assert_eq!(fetch("owner/big", &environment).unwrap(), model);
    assert_eq!(hub.requests().len(), before);
}

#[test]
fn checkpoints_come_where_there_are_no_safetensors() {
    let (hub, _folder, environment) = hub_with_tiny();
    let index = br#"{"weight_map": {"x": "p-2.bin", "y": "p-1.bin"}}"#;
    hub.add("owner/one", MAIN_COMMIT, "pytorch_model.bin", b"PK");
    hub.add("owner/two", MAIN_COMMIT, "pytorch_model.bin.index.json", index);
    hub.add("owner/two", MAIN_COMMIT, "p-1.bin", b"1");
    hub.add("owner/two", MAIN_COMMIT, "p-2.bin", b"2");
    for (repository, expected) in [("owner/one", &["pytorch_model.bin"][..]), ("owner/two", &["p-1.bin", "p-2.bin"])] {
        hub.add(repository, MAIN_COMMIT, "config.json", b"{}");
        hub.add(repository, MAIN_COMMIT, "tokenizer.json", b"{}");
        let model = fetch(repository, &environment).unwrap();
        let ModelKind::Folder { weights, .. } = &model.kind else { panic!("{:?}", model.kind) };
        let names: Vec<_> = weights.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, expected);
        let before = hub.requests().len();
        assert_eq!(fetch(repository, &environment).unwrap(), model);
        assert_eq!(hub.requests().len(), before);
    }
}

#[test]
fn what_is_missing_is_named() {
    let (hub, _folder, mut environment) = hub_with_tiny();
    hub.add("owner/bare", MAIN_COMMIT, "config.json", b"{}");
    let cases = [
        ("owner/tiny@v9", "the repository `owner/tiny` has no revision `v9`", "branches and tags"),
        ("owner/bare", "no file `tokenizer.json` of owner/bare@1111", "config.json, tokenizer.json"),
        ("owner/none", "private, or there is none of that name", "HF_TOKEN"),
    ];
    let check = |asked: &str, message: &str, hint: &str, environment: &Environment| {
        let error = fetch(asked, environment).unwrap_err();
        assert!(error.to_string().contains(message), "{asked}: {error}");
        assert!(error.hint().unwrap().contains(hint), "{asked}: {:?}", error.hint());
    };
    for (asked, message, hint) in cases {
        check(asked, message, hint, &environment);
    }
    environment.token = Token::new("hf_any");
    check("owner/none", "no repository `owner/none`", "owner/name", &environment);
}

/// Which of them is meant the repository's name does not tell.
#[test]
fn a_repository_of_gguf_files_says_which_it_has() {
    let (hub, _folder, environment) = hub_with_tiny();
    for (repository, has, lacks) in [
        ("owner/no-config", &[][..], "expected `config.json`"),
        ("owner/no-tokenizer", &["config.json"][..], "expected `tokenizer.json`"),
        ("owner/no-weights", &["config.json", "tokenizer.json"][..], "expected weights of other kinds"),
    ] {
        for file in has.iter().chain(&["b-Q8_0.gguf", "a-F16.gguf"]) {
            hub.add(repository, MAIN_COMMIT, file, b"{}");
        }
        let error = fetch(repository, &environment).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(lacks), "{message}");
        assert!(message.ends_with("got GGUF files: `a-F16.gguf`, `b-Q8_0.gguf`"), "{message}");
        assert!(
            error.hint().unwrap().contains(&format!("`hf download {repository} a-F16.gguf`")),
            "{:?}",
            error.hint()
        );
    }
    let error = fetch_tokenizer("owner/no-config", &environment, &Told::default()).unwrap_err();
    assert!(error.to_string().contains("got GGUF files"), "{error}");
}

#[test]
fn a_gated_repository_says_how_to_give_a_token() {
    let (hub, _folder, mut environment) = hub_with_tiny();
    hub.gate(TINY, "hf_right");
    let page = format!("{}/{TINY}", hub.endpoint());
    for (token, status) in [(None, "401"), (Token::new("hf_wrong"), "403")] {
        environment.token = token;
        let error = fetch(TINY, &environment).unwrap_err();
        let (message, hint) = (error.to_string(), error.hint().unwrap());
        assert!(
            message.contains("is gated") && message.contains(status) && message.contains("`config.json`"),
            "{message}"
        );
        assert!(hint.contains(&page) && hint.contains("HF_TOKEN"), "{hint}");
        assert!(!format!("{message}{hint}{error:?}").contains("hf_wrong"), "the token shows");
    }
    environment.token = Token::new("hf_right");
    fetch(TINY, &environment).unwrap();
}

#[test]
fn offline_asks_nobody() {
    let (hub, _folder, environment) = hub_with_tiny();
    let environment = Environment { offline: true, ..environment };
    let error = fetch(TINY, &environment).unwrap_err();
    assert!(error.to_string().starts_with("`config.json` of owner/tiny@main is not in the cache"), "{error}");
    assert!(error.hint().unwrap().contains("HF_HUB_OFFLINE"));
    assert_eq!(hub.requests(), Vec::<String>::new());
}

#[test]
fn a_broken_download_starts_again() {
    let (hub, folder, environment) = hub_with_tiny();
    hub.fail_next(&[Fault::Cut, Fault::Cut]);
    let told = Told::default();
    let model = fetch_model(TINY, &environment, &told).unwrap();
    assert_eq!(std::fs::read(model.paths()[0]).unwrap(), weights());
    assert!(told.notes().contains("was cut off after 150000 bytes"), "{}", told.notes());
    assert!(told.notes().contains("starting again (3 of 3)"), "{}", told.notes());
    let left: Vec<_> = files(folder.path()).into_iter().filter(|name| name.contains("incomplete")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn what_came_in_part_is_never_taken_for_whole() {
    let faults =
        [(Fault::Cut, "was cut off after"), (Fault::Corrupt, "expected sha256 "), (Fault::ServerError, "got 18 bytes")];
    for (fault, message) in faults {
        let (hub, folder, environment) = hub_with_tiny();
        hub.fail_next(&[fault; 20]);
        let error = fetch(TINY, &environment).unwrap_err();
        assert!(error.to_string().contains(message) && error.to_string().contains(TINY), "{error}");
        assert!(error.hint().unwrap().contains("run again"), "{error}");
        let digest = Digest::of(&weights()).to_string();
        let named: Vec<_> = files(&folder.path().join("hub/models--owner--tiny"))
            .into_iter()
            .filter(|name| name.ends_with("model.safetensors") || name.ends_with(&digest))
            .collect();
        assert_eq!(named, Vec::<String>::new(), "{fault:?}");

        // What is left behind does not stand in the way of the next run.
        hub.fail_next(&[]);
        assert_eq!(std::fs::read(fetch(TINY, &environment).unwrap().paths()[0]).unwrap(), weights(), "{fault:?}");
    }
}

#[test]
fn two_at_once_download_once() {
    let (hub, _folder, environment) = hub_with_tiny();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let model = fetch(TINY, &environment).unwrap();
                assert_eq!(std::fs::read(model.paths()[0]).unwrap(), weights());
            });
        }
    });
    assert_eq!(hub.downloads(), 1);
}

#[test]
fn nobody_at_the_address_shows_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let error = fetch(TINY, &environment(folder.path(), nobody())).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused") && error.hint().unwrap().contains("HF_ENDPOINT"), "{error}");
}

#[test]
fn a_hub_that_never_answers_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let error =
        fetch(TINY, &environment(folder.path(), format!("http://{}", listener.local_addr().unwrap()))).unwrap_err();
    assert!(matches!(error, HubError::Silent { seconds: 10, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(14), "{:?}", started.elapsed());
}

/// A repository in the cache as a tool leaves it that fetches files one by one.
fn in_cache(folder: &tempfile::TempDir, files: &[(&str, &[u8])], absent: &[&str]) {
    let repository = folder.path().join("hub/models--owner--part");
    let write = |name: String, bytes: &[u8]| {
        let path = repository.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let _ = std::fs::remove_dir_all(&repository);
    write("refs/main".into(), MAIN_COMMIT.as_bytes());
    for (name, bytes) in files {
        write(format!("snapshots/{MAIN_COMMIT}/{name}"), bytes);
    }
    for name in absent {
        write(format!(".no_exist/{MAIN_COMMIT}/{name}"), b"");
    }
}

const PART: &str = "owner/part";
const OLDER: [(&str, &[u8]); 4] =
    [("config.json", b"{}"), ("vocab.json", b"{}"), ("merges.txt", b"m"), ("model.safetensors", b"weights")];

fn tokenizer_names(model: &ModelFiles) -> Vec<&str> {
    let ModelKind::Folder { tokenizer, .. } = &model.kind else { panic!("{model:?}") };
    tokenizer.paths().into_iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
}

/// A hub that does not have a repository, or does not show it, has not said that it lacks a file.
#[test]
fn a_repository_that_is_gone_says_nothing_of_its_files() {
    let hub = TestHub::start();
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path(), hub.endpoint());
    in_cache(&folder, &OLDER, &["adapter_config.json"]);
    assert!(fetch(PART, &environment).is_err(), "the tokens may be others");
    in_cache(&folder, &[&OLDER[..], &[("tokenizer.json", b"{}")]].concat(), &[]);
    let model = fetch(PART, &environment).unwrap();
    let [tokenizer, adapter] = &model.notes[..] else { panic!("{:?}", model.notes) };
    assert!(tokenizer.contains("has `tokenizer_config.json`") && adapter.contains("has an adapter"), "{model:?}");
}

/// What the cache does not have may be in the repository all the same, and change every text's tokens.
#[test]
fn older_tokenizer_files_count_where_there_are_no_others() {
    let config = ("tokenizer_config.json", &b"{\"add_bos_token\": true}"[..]);
    let newer = ("tokenizer.json", &b"{}"[..]);
    let three = ["vocab.json", "merges.txt", "tokenizer_config.json"];
    for (beside, expected) in [
        (&[][..], &three[..2]),
        (&[config], &three),
        (&[newer], &["tokenizer.json"]),
        (&[newer, config], &["tokenizer.json", "tokenizer_config.json"]),
    ] {
        let hub = TestHub::start();
        for (name, bytes) in OLDER.iter().chain(beside) {
            hub.add(PART, MAIN_COMMIT, name, bytes);
        }
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path(), hub.endpoint());
        in_cache(&folder, &OLDER, &[]);
        let model = fetch(PART, &environment).unwrap();
        assert_eq!((tokenizer_names(&model), model.notes.len()), (expected.to_vec(), 0), "{beside:?}");
        assert_eq!(hub.downloads(), 0, "the weights were there");
        // Now it is known, and nobody is asked again.
        let before = hub.requests().len();
        assert_eq!(fetch(PART, &environment).unwrap(), model);
        assert_eq!(hub.requests().len(), before);
        let offline = Environment { offline: true, ..environment };
        assert_eq!(fetch(PART, &offline).unwrap(), model);
    }
}

#[test]
fn offline_a_tokenizer_without_its_configuration_is_not_guessed() {
    let hub = TestHub::start();
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment { offline: true, ..environment(folder.path(), hub.endpoint()) };
    let with_config = [&OLDER[..], &[("tokenizer_config.json", b"{}")]].concat();
    let refused = |absent: &[&str], open: &str| {
        in_cache(&folder, &OLDER, absent);
        let error = fetch(PART, &environment).unwrap_err();
        let part =
            format!("has `vocab.json` and `merges.txt` of {PART}@{MAIN_COMMIT}, and does not say whether there is");
        assert!(error.to_string().contains(&format!("{part} a `{open}`")), "{error}");
        assert!(error.hint().unwrap().contains("ft-host model pull"), "{:?}", error.hint());
        assert!(fetch_tokenizer(PART, &environment, &Told::default()).is_err());
    };
    refused(&["adapter_config.json"], "tokenizer_config.json");
    refused(&["adapter_config.json", "tokenizer.json"], "tokenizer_config.json");
    refused(&["adapter_config.json", "tokenizer_config.json"], "tokenizer.json");
    in_cache(&folder, &OLDER, &["adapter_config.json", "tokenizer.json", "tokenizer_config.json"]);
    let model = fetch(PART, &environment).unwrap();
    assert_eq!((tokenizer_names(&model), model.notes.len()), (vec!["vocab.json", "merges.txt"], 0));
    // All that was before `tokenizer.json` is there: it is taken, and what is not known is said.
    in_cache(&folder, &with_config, &["adapter_config.json"]);
    let model = fetch(PART, &environment).unwrap();
    assert_eq!(tokenizer_names(&model), ["vocab.json", "merges.txt", "tokenizer_config.json"]);
    let [note] = &model.notes[..] else { panic!("{:?}", model.notes) };
    assert!(note.contains("has `tokenizer.json`, which would come before them, is not known"), "{note}");
    let told = Told::default();
    fetch_tokenizer(PART, &environment, &told).unwrap();
    assert_eq!(told.notes(), *note);
    assert_eq!(hub.requests(), Vec::<String>::new());
}

#[test]
fn what_the_cache_lacks_is_named_offline() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment { offline: true, ..environment(folder.path(), nobody()) };
    let lacks = |files: &[(&str, &[u8])], name: &str| {
        in_cache(&folder, files, &["adapter_config.json"]);
        let error = fetch(PART, &environment).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{name}` of {PART}@main is not in the cache")), "{error}");
    };
    let [config, vocabulary, merges, weights] = OLDER;
    lacks(&[vocabulary, merges, weights], "config.json");
    lacks(&[config, vocabulary, merges], "model.safetensors");
    lacks(&[config, vocabulary, weights], "tokenizer.json");
    let index = ("model.safetensors.index.json", &br#"{"weight_map": {"x": "a.safetensors"}}"#[..]);
    lacks(&[config, index], "a.safetensors");
}

/// `AutoModelForCausalLM.from_pretrained` applies it; the weights beside it alone are another model.
#[test]
fn an_adapter_is_refused_from_the_hub_and_from_the_cache() {
    let refused = |result: Result<ModelFiles, HubError>| {
        let error = result.unwrap_err();
        assert!(
            error.to_string().ends_with("expected a whole model, got an adapter (`adapter_config.json`)"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("merge_and_unload"), "{:?}", error.hint());
    };
    let adapter = [("adapter_config.json", &b"{}"[..]), ("adapter_model.safetensors", b"lora")];
    let tokenizer = ("tokenizer.json", &b"{}"[..]);
    let whole = [&OLDER[..], &[tokenizer], &adapter].concat();
    for files in [&whole[..], &adapter, &adapter[..1]] {
        let hub = TestHub::start();
        for (name, bytes) in files {
            hub.add(PART, MAIN_COMMIT, name, bytes);
        }
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path(), hub.endpoint());
        refused(fetch(PART, &environment));
        assert_eq!(hub.downloads(), 0, "no weights are fetched for that");
        // Another tool has fetched the model alone, or all of it.
        if files.len() > 2 {
            in_cache(&folder, &[&OLDER[..], &[tokenizer]].concat(), &[]);
            refused(fetch(PART, &environment));
        }
        if files.len() > 1 {
            in_cache(&folder, files, &[]);
            let offline = Environment { offline: true, ..environment };
            refused(fetch(PART, &offline));
            assert_eq!(list_models(&offline).unwrap().len(), 1, "only the catalogue's");
        }
    }
}

#[test]
fn what_is_left_over_of_a_merged_adapter_does_not_matter() {
    let (hub, _folder, environment) = hub_with_tiny();
    hub.add(TINY, MAIN_COMMIT, "adapter_config.json", b"{}");
    assert_eq!(fetch(TINY, &environment).unwrap().notes, [""; 0]);
}

#[test]
fn whether_there_is_an_adapter_is_asked_once_and_noted_where_nobody_answers() {
    let (hub, folder, environment) = hub_with_tiny();
    for (name, bytes) in OLDER.iter().chain(&[("tokenizer.json", &b"{}"[..])]) {
        hub.add(PART, MAIN_COMMIT, name, bytes);
    }
    in_cache(&folder, &[&OLDER[..], &[("tokenizer.json", b"{}")]].concat(), &[]);
    let noted = |environment: &Environment, why: &str| {
        let model = fetch(PART, environment).unwrap();
        let [tokenizer, adapter] = &model.notes[..] else { panic!("{:?}", model.notes) };
        assert!(tokenizer.contains("has `tokenizer_config.json`") && tokenizer.contains(why), "{tokenizer}");
        assert!(adapter.starts_with("whether owner/part@1111") && adapter.contains(why), "{adapter}");
    };
    noted(&Environment { offline: true, ..environment.clone() }, "this run is offline");
    noted(&Environment { endpoint: nobody(), ..environment.clone() }, "cannot reach the hub");
    assert_eq!(fetch(PART, &environment).unwrap().notes, [""; 0]);
    let asked = hub.requests().len();
    assert!(asked > 0);
    assert_eq!(fetch(PART, &environment).unwrap().notes, [""; 0]);
    assert_eq!(hub.requests().len(), asked, "nobody is asked again");
    assert_eq!(fetch(PART, &Environment { offline: true, ..environment }).unwrap().notes, [""; 0]);
}

#[test]
fn a_hub_that_asks_to_wait_is_not_asked_before() {
    let (hub, _folder, environment) = hub_with_tiny();
    hub.limit_next(&[Some(1)]);
    let (told, started) = (Told::default(), Instant::now());
    fetch_model(TINY, &environment, &told).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(told.notes().contains("status 429, too many requests; asking again in 1 s (2 of 3)"), "{}", told.notes());

    // Too long to wait for without a word: it is told instead.
    let (hub, _folder, mut environment) = hub_with_tiny();
    hub.limit_next(&[Some(125)]);
    let error = fetch(TINY, &environment).unwrap_err();
    assert_eq!(hub.requests().len(), 1);
    assert!(matches!(error, HubError::RateLimited { retry_after: Some(125), .. }), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("wait 125 s, as the hub asks, and run again") && hint.contains("`HF_TOKEN`"), "{hint}");

    environment.token = Token::new("hf_any");
    hub.limit_next(&[None; 20]);
    let error = fetch(TINY, &environment).unwrap_err();
    assert_eq!(hub.requests().len(), 1 + 3);
    assert_eq!(error.hint().as_deref(), Some("wait some minutes, and run again"));
}
