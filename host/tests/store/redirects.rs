//! Hubs and mirrors that redirect: renamed repositories, and files that are kept elsewhere.

use std::path::Path;

use ft_store::hub::fetch::{fetch_model, list_models};
use ft_store::machine::environment::{Environment, Token};
use ft_store::models::files::{ModelFiles, ModelKind, OriginKind, TokenizerFiles};

use crate::support_hub::{MAIN_COMMIT, TestHub};
use crate::{Told, environment, files};

const FILES: [(&str, &[u8]); 3] =
    [("config.json", b"{\"n\": 1}"), ("tokenizer.json", b"{}"), ("model.safetensors", b"some weights")];

fn hub_with(repository: &str) -> TestHub {
    let hub = TestHub::start();
    for (name, bytes) in FILES {
        hub.add(repository, MAIN_COMMIT, name, bytes);
    }
    hub
}

fn fetch(asked: &str, environment: &Environment) -> ModelFiles {
    fetch_model(asked, environment, &Told::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// What is in the folder of a repository in the hub's cache: for each file, where it points and what it holds.
fn cached(folder: &Path) -> Vec<(String, Option<String>, Vec<u8>)> {
    let of = |name: String| {
        let path = folder.join(&name);
        let target = std::fs::read_link(&path).ok().map(|target| target.to_str().unwrap().to_owned());
        (name, target, std::fs::read(&path).unwrap())
    };
    files(folder).into_iter().map(of).collect()
}

/// The `huggingface_hub` library keeps a renamed repository under the name that was asked for, whether the redirect has
/// a host or not; so the cache looks as it does for a repository that was not renamed.
#[test]
fn a_renamed_repository_is_fetched_under_the_name_that_was_asked_for() {
    let plain = tempfile::tempdir().unwrap();
    let hub = hub_with("old/name");
    fetch("old/name", &environment(plain.path(), hub.endpoint()));
    let expected = cached(&plain.path().join("hub/models--old--name"));
    // Three files as links and as blobs, what `main` stands for, and the markers of an adapter's absence and of the
    // tokenizer's configuration's.
    assert_eq!(expected.len(), 9, "{expected:?}");

    for absolute in [false, true] {
        let hub = hub_with("new/name");
        hub.rename("old/name", "new/name", absolute.then(|| hub.endpoint()));
        hub.gate("new/name", "hf_right");
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment { token: Token::new("hf_right"), ..environment(folder.path(), hub.endpoint()) };
        let model = fetch("old/name", &environment);
        let snapshot = folder.path().join("hub/models--old--name/snapshots").join(MAIN_COMMIT);
        let kind = ModelKind::Folder {
            config: snapshot.join("config.json"),
            weights: vec![snapshot.join("model.safetensors")],
            tokenizer: TokenizerFiles::Json { tokenizer: snapshot.join("tokenizer.json"), config: None },
        };
        assert_eq!(model.kind, kind);
        let OriginKind::Hub { repository, commit, .. } = &model.origin.found else { panic!("{:?}", model.origin) };
        assert_eq!((repository.as_str(), commit.as_str()), ("old/name", MAIN_COMMIT));
        assert_eq!(cached(&folder.path().join("hub/models--old--name")), expected, "absolute: {absolute}");

        drop(hub);
        let offline = Environment { offline: true, ..environment };
        assert_eq!(fetch("old/name", &offline), model);
        assert_eq!(list_models(&offline).unwrap()[1].name, "old/name");
    }
}

#[test]
fn what_a_renamed_repository_does_not_have_is_told() {
    let hub = TestHub::start();
    hub.add("new/name", MAIN_COMMIT, "config.json", b"{}");
    hub.rename("old/name", "new/name", Some(hub.endpoint()));
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(folder.path(), hub.endpoint());
    let error = fetch_model("old/name", &environment, &Told::default()).unwrap_err().to_string();
    assert!(error.contains("no file `tokenizer.json` of old/name@"), "{error}");
}

/// A mirror may send everything to another hub. The token is the mirror's: it does not go along.
#[test]
fn a_token_does_not_follow_a_redirect_to_another_host() {
    let other = hub_with("new/name");
    let mirror = TestHub::start();
    mirror.rename("old/name", "new/name", Some(other.endpoint()));
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment { token: Token::new("hf_mine"), ..environment(folder.path(), mirror.endpoint()) };
    let model = fetch("old/name", &environment);
    assert_eq!(std::fs::read(model.paths()[0]).unwrap(), b"some weights");
    assert!(mirror.authorizations().contains(&Some("Bearer hf_mine".into())));
    assert_eq!(other.downloads(), 1, "a redirect of the other hub's own was followed");
    assert!(other.authorizations().iter().all(Option::is_none), "{:?}", other.authorizations());
}

#[test]
fn a_token_does_not_follow_to_where_large_files_are() {
    let (hub, store) = (hub_with("a/b"), hub_with("a/b"));
    hub.keep_large_files_at(store.endpoint());
    hub.gate("a/b", "hf_mine");
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment { token: Token::new("hf_mine"), ..environment(folder.path(), hub.endpoint()) };
    let model = fetch("a/b", &environment);
    assert_eq!(std::fs::read(model.paths()[0]).unwrap(), b"some weights");
    assert_eq!((store.downloads(), store.authorizations()), (1, vec![None]));
}
