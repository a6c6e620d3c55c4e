//! The page of `ft-host context diff --html`: of contexts that `tune` saved, and of some made by hand.

use ft_store::fs::digest::Digest;
use serde_json::{Value, json};

use crate::predict;
use crate::report::check;
use crate::support::*;

/// A context of two layers, three positions and one head of two numbers: its record and its tensors, with two bytes in between
/// that no text has.
const SAVED: &[u8] = include_bytes!("../../../fuzz/corpus/context/as_held");

/// The last hidden state, then keys and values of layer 0 and of layer 1, position by position.
const A: [[f32; 2]; 14] = [
    // The hidden state.
    [1.0, 0.0],
    [0.0, 0.0],
    // Keys.
    [3.0, 4.0],
    [0.0, 5.0],
    [1.0, 0.0],
    // Values.
    [1.0, 1.0],
    [1.0, 1.0],
    [1.0, 1.0],
    // Keys: of zeros there is no relative distance.
    [0.0, 0.0],
    [0.0, 0.0],
    [0.0, 0.0],
    // Values.
    [1.0, 1.0],
    [1.0, 1.0],
    [1.0, 1.0],
];

/// The same with the first key of layer 0 moved by 3 of 5, its values by as much as they were, a value of layer 1 by half.
fn moved() -> [[f32; 2]; 14] {
    let mut numbers = A;
    numbers[2] = [0.0, 4.0];
    numbers[5..8].fill([2.0, 2.0]);
    numbers[12] = [1.5, 1.5];
    numbers
}

/// Writes a context of these numbers, whose demonstrations are the three tokens of `<b>`; `change` has been at its record.
fn saved(place: &Place, name: &str, numbers: [[f32; 2]; 14], change: impl FnOnce(&mut Value)) {
    let between = SAVED.windows(2).position(|pair| pair == [0xff; 2]).expect("the record ends there");
    let mut record: Value = serde_json::from_slice(&SAVED[..between]).unwrap();
    let mut tensors = SAVED[between + 2..].to_vec();
    let header = 8 + u64::from_le_bytes(*tensors.first_chunk().unwrap()) as usize;
    tensors.truncate(header);
    tensors.extend(numbers.as_flattened().iter().flat_map(|number| number.to_le_bytes()));
    record["tensors"]["bytes"] = tensors.len().into();
    record["tensors"]["sha256"] = Digest::of(&tensors).as_str().into();
    record["plan"]["model"]["asked"] = "model".into();
    record["plan"]["demonstrations"] = "<b>".into();
    record["plan"]["demonstration_ids"] = json!([29, 65, 31]);
    change(&mut record);
    place.write(&format!("{name}/context.safetensors"), &tensors);
    place.write(&format!("{name}/context.json"), record.to_string());
}

/// The page of two contexts.
fn page(place: &Place, a: &str, b: &str) -> String {
    let done = place.host(&["context", "diff", a, b, "--html", "page.html"]).good();
    assert_eq!(done.stderr, "");
    place.read("page.html")
}

#[test]
fn a_page_shows_where_two_contexts_differ() {
    let place = Place::with_model();
    saved(&place, "a", A, |_| ());
    saved(&place, "b", moved(), |record| {
        record["plan"]["options"]["optimizer"]["step_size"] = json!(0.5);
        record["trace"].as_array_mut().unwrap().pop();
    });
    let page = page(&place, "a", "b");
    // Of the keys of layer 0 ||A||^2 is 25 + 25 + 1, and 3 / sqrt(51) is 0.4201.
    for part in [
        "<tr><td>0</td><td>0.4201</td>",
        "<title>layer 0, position 0 `&lt;`: 0.6000</title>",
        "<title>layer 0, position 1 `b`: 0.0000</title>",
        "<title>layer 0, position 2 `&gt;`: 1.0000</title>",
        "<title>layer 1, position 0 `&lt;`: -</title>",
        "<title>layer 1, position 1 `b`: 0.5000</title>",
        "<tr><td>options.optimizer.step_size</td><td>0.01</td><td>0.5</td></tr>",
        "<pre>&lt;b&gt;</pre>",
        "<li>note: a: sampled</li>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    check("contexts.html", &page);
}

#[test]
fn texts_of_a_context_are_texts_on_its_page() {
    let place = Place::with_model();
    let evil = "<script>alert('x')</script>\"\u{202e}\u{200b}";
    saved(&place, "a", A, |_| ());
    saved(&place, "b", moved(), |record| {
        record["plan"]["notes"] = json!([evil]);
        record["plan"]["labels"] = json!([evil, "b"]);
        record["plan"]["task"]["name"] = evil.into();
        record["plan"]["demonstrations"] = evil.into();
        record["plan"]["model"]["asked"] = evil.into();
        record["plan"]["options"]["task"] = json!({ evil: evil });
        record["plan"]["config"]["select"] = evil.into();
    });
    let page = page(&place, "a", "b");
    for part in ["<script", "</script", "alert('", "\u{202e}", "\u{200b}"] {
        assert!(!page.contains(part), "{part:?}: {page}");
    }
    for part in ["&lt;script&gt;alert(&#39;x&#39;)", "\\u{202e}", "`&lt;` / `&lt;token 29&gt;`", "the tokens of b have"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn contexts_of_one_task_are_drawn_with_the_tokens_of_their_demonstrations() {
    let place = predict::place(4);
    place.host(&predict::tuned("tune", "near", &["--shots", "1", "--select", "last"])).good();
    place.host(&predict::tuned("tune", "far", &["--shots", "1", "--select", "last", "-O", "step_size=0.5"])).good();
    let asked = ["context", "diff", "near", "far", "--json"];
    let numbers = place.host(&asked).good().json();
    let with_page = place.host(&[&asked[..], &["--html", "page.html"]].concat()).good();
    assert_eq!(with_page.json(), numbers, "what is printed does not depend on the page");
    let page = place.read("page.html");
    let record = place.json("near/context.json");
    let count = |name: &str| record["tensors"][name].as_u64().unwrap() as usize;
    assert_eq!(page.matches("<title>layer ").count(), 2 * count("layers") * count("positions"));
    for (index, layer) in numbers["layers"].as_array().unwrap().iter().enumerate() {
        let moved = |part: &str| layer[part]["relative"].as_f64().unwrap();
        // Without what was read before, keys and values of layer 0 follow from a token and its position alone.
        assert!(index == 0 || (moved("keys") > 0.0 && moved("values") > 0.0), "{layer}");
        assert!(page.contains(&format!("<tr><td>{index}</td><td>{:.4}</td>", moved("keys"))), "{index}: {page}");
    }
    assert!(page.contains("<title>layer 1, position 0 `T`: ") && page.contains("position 1 `:`: "), "{page}");
    assert!(
        page.contains("<td>options.optimizer.step_size</td>") && !page.contains("ids instead of their texts"),
        "{page}"
    );

    // Another tokenizer does not name the tokens, nor does one that is not there.
    let tokenizer = place.read("model/tokenizer.json");
    let other = tokenizer.replace("\"T\": 53,", "\"T\": 54,").replace("\"U\": 54,", "\"U\": 53,");
    assert_ne!(other, tokenizer);
    place.write("model/tokenizer.json", other);
    let first_id = record["plan"]["demonstration_ids"][0].as_u64().unwrap();
    let by_id = format!("<title>layer 1, position 0 `&lt;token {first_id}&gt;`: ");
    for why in ["makes other tokens of the demonstrations", "tokenizer.json"] {
        place.host(&["context", "diff", "near", "far", "--html", "page.html"]).good();
        let page = place.read("page.html");
        assert!(page.contains(why) && page.contains(&by_id), "{why}: {page}");
        std::fs::remove_file(place.path("model/tokenizer.json")).unwrap_or_default();
    }
}

#[test]
fn a_page_is_written_whole_or_not_at_all() {
    let place = Place::empty();
    saved(&place, "a", A, |_| ());
    place.write("page.html", "an earlier page");
    let to = |file: &str, b: &str| place.host(&["context", "diff", "a", b, "--html", file]);
    to("none/page.html", "a").failed(2, &["cannot write `none/page.html`"]);
    to("page.html", "none").failed(2, &["none/context"]);
    assert_eq!(place.read("page.html"), "an earlier page");
    to("page.html", "a").good();
    let page = place.read("page.html");
    // Nothing moved, and the model that would name the tokens is not there.
    assert!(
        page.contains("by layer and position: from 0.0000 to 0.0000") && page.contains("&lt;token 29&gt;"),
        "{page}"
    );
    assert!(place.names("").iter().all(|name| !name.starts_with(".ft-host")), "{:?}", place.names(""));
}
