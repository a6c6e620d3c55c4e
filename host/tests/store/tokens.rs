//! A gated repository with the token from every place where the Hugging Face tools look for one.

use std::ffi::OsString;
use std::path::Path;

use ft_store::hub::fetch::fetch_model;
use ft_store::machine::environment::Environment;

use crate::Told;
use crate::support_hub::{MAIN_COMMIT, TestHub};

/// Fetches from a hub that wants `hf_right`, with these variables and a home folder with what `place` put there.
#[track_caller]
fn check(variables: &[(&str, &str)], place: impl FnOnce(&Path), expected: bool) {
    let hub = TestHub::start();
    for (name, bytes) in [("config.json", "{}"), ("tokenizer.json", "{}"), ("model.safetensors", "weights")] {
        hub.add("owner/closed", MAIN_COMMIT, name, bytes.as_bytes());
    }
    hub.gate("owner/closed", "hf_right");
    let home = tempfile::tempdir().unwrap();
    place(home.path());
    let endpoint = hub.endpoint();
    let variable = |name: &str| -> Option<OsString> {
        if name == "HF_ENDPOINT" {
            return Some(endpoint.clone().into());
        }
        let (_, value) = variables.iter().find(|(other, _)| *other == name)?;
        Some(value.replace('~', home.path().to_str().unwrap()).into())
    };
    let environment = Environment::from_variables(&variable, Some(home.path()), Some(&home.path().join("own")));
    let fetched = fetch_model("owner/closed", &environment, &Told::default());
    assert_eq!(fetched.is_ok(), expected, "{fetched:?}");
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn the_token_comes_from_wherever_the_tools_keep_it() {
    check(&[], |_| (), false);
    check(&[("HF_TOKEN", "hf_right")], |_| (), true);
    check(&[("HF_TOKEN", "hf_wrong")], |_| (), false);
    check(&[("HF_TOKEN_PATH", "~/secret")], |home| write(&home.join("secret"), "hf_right\n"), true);
    check(&[], |home| write(&home.join(".cache/huggingface/token"), "hf_right"), true);
    check(&[("HF_HOME", "~/hf")], |home| write(&home.join("hf/token"), "hf_right"), true);
    // The variable wins over the file.
    check(&[("HF_TOKEN", "hf_wrong")], |home| write(&home.join(".cache/huggingface/token"), "hf_right"), false);
}
