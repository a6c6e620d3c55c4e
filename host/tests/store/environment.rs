//! Environment variables mean what they mean to the `huggingface_hub` library: `tests/data/environment/make.py`.

use std::ffi::OsString;
use std::path::Path;

use ft_store::machine::environment::Environment;
use serde_json::Value;

#[test]
fn variables_mean_what_they_mean_to_the_hugging_face_tools() {
    let text = include_str!("../data/environment/cases.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    for (name, token) in all["files"].as_object().unwrap() {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, token.as_str().unwrap()).unwrap();
    }
    let cases = all["cases"].as_array().unwrap();
    assert!(cases.len() > 40);
    for case in cases {
        let variable = |name: &str| -> Option<OsString> {
            let value = if name == "HOME" { "@" } else { case["variables"][name].as_str()? };
            Some(value.replace('@', home).into())
        };
        let environment = Environment::from_variables(&variable, Some(folder.path()), None);
        let hub_cache = case["hub_cache"].as_str().unwrap().replace('@', home);
        assert_eq!(environment.hub_cache.as_deref(), Some(Path::new(&hub_cache)), "{case}");
        assert_eq!(
            environment.token.map(|token| token.reveal().to_owned()).as_deref(),
            case["token"].as_str(),
            "{case}"
        );
        assert_eq!(environment.offline, case["offline"].as_bool().unwrap(), "{case}");
        assert_eq!(environment.endpoint, case["endpoint"].as_str().unwrap(), "{case}");
    }
}
