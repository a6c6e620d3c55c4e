//! The files of saved contexts that strangers made, for `hostile_files`: in the folder `saved`.
#![cfg(unix)]

use ft_store::fs::digest::Digest;
use serde_json::{Value, json};

use crate::support::Place;

/// A context of two layers: its record and its tensors, with two bytes in between that no text has.
const SAVED: &[u8] = include_bytes!("../../../fuzz/corpus/context/as_held");

/// Makes the files of an attack.
pub fn make(place: &Place, name: &str) {
    let between = SAVED.windows(2).position(|pair| pair == [0xff; 2]).expect("the record ends there");
    let mut record: Value = serde_json::from_slice(&SAVED[..between]).unwrap();
    let mut tensors = SAVED[between + 2..].to_vec();
    let last = tensors.len() - 4;
    match name {
        "context-long-header" => tensors[..8].fill(0xff),
        "context-not-finite" => tensors[last..].copy_from_slice(&f32::NAN.to_le_bytes()),
        "context-escapes" => {
            let escapes = "one\ntwo\r\u{1b}[2J\u{7}\u{202e}three";
            record["plan"]["notes"] = json!([escapes]);
            record["plan"]["task"]["name"] = escapes.into();
            record["plan"]["demonstrations"] = escapes.into();
            record["plan"]["options"]["task"] = json!({ escapes: escapes });
            record["plan"]["model"]["files"] = json!([{"name": escapes, "bytes": 1, "sha256": escapes}]);
        }
        _ => {}
    }
    record["tensors"]["sha256"] = Digest::of(&tensors).as_str().into();
    match name {
        "context-cut" => tensors.truncate(last),
        "context-other-tensors" => tensors[last] ^= 1,
        _ => {}
    }
    place.write("saved/context.safetensors", &tensors);
    match name {
        "context-endless" => std::os::unix::fs::symlink("/dev/zero", place.path("saved/context.json")).unwrap(),
        "context-deep" => {
            const PLACEHOLDER: &str = "a part that stands here as it is";
            record["plan"]["options"]["task"]["x"] = PLACEHOLDER.into();
            let deep = "[".repeat(500_000) + &"]".repeat(500_000);
            place.write("saved/context.json", record.to_string().replace(&format!("\"{PLACEHOLDER}\""), &deep));
        }
        _ => drop(place.write("saved/context.json", record.to_string())),
    }
}
