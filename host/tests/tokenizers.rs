//! Tokenizers in other forms than `tokenizer.json`, and with a configuration beside it, against the programs they come from;
//! the scripts in `data/tokenizers` made the files.

#[path = "gguf/writer.rs"]
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::gguf_file::Value;

use ft_engine::model::Tokenizer;
use ft_engine::model::weights::{Gguf, WeightBytes};
use serde::Deserialize;

use crate::writer::{File, string, texts};

/// Of a tokenizer that puts a blank before a text.
const BLANK_NOTE: &str = "the tokenizer puts a blank before a text: each query, tokenized by itself, has one behind the \
                          demonstrations that the whole text has not";

/// The library panics over a decoder that is no object; a file that is cut off does not come so far.
#[test]
fn a_broken_decoder_is_an_error() {
    let error = Tokenizer::from_json(b"{\"decoder\":{", None).err().expect("it is refused").to_string();
    assert!(error.starts_with("tokenizer: EOF while parsing an object"), "{error}");
}

#[test]
fn sentence_piece_vocabularies_give_sentence_pieces_ids() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers");
    let bytes: WeightBytes = Arc::new(std::fs::read(folder.join("sentence_piece.gguf")).unwrap());
    let tokenizer = Tokenizer::from_gguf(&Gguf::new("sentence_piece.gguf", bytes).unwrap()).unwrap();
    let expected = std::fs::read(folder.join("sentence_piece.json")).unwrap();
    let expected: Vec<(String, Vec<u32>)> = serde_json::from_slice(&expected).unwrap();
    assert!(expected.len() > 20);
    for (text, ids) in &expected {
        assert_eq!(&tokenizer.encode(text).unwrap(), ids, "{text:?}");
    }
    assert_eq!(tokenizer.notes(), [BLANK_NOTE]);
    // LLaMA's vocabularies expect a token at the beginning, and say so or not.
    let (text, ids) = &expected[0];
    assert_eq!(tokenizer.bos(), Some(1));
    assert_eq!(tokenizer.encode_with_special(text).unwrap(), [&[1], ids.as_slice()].concat());
}

#[test]
fn vocabulary_and_merges_give_transformers_ids() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers/bpe");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let merges = String::from_utf8(read("merges.txt")).unwrap();
    let tokenizer = Tokenizer::from_bpe(&read("vocab.json"), &merges, Some(&read("tokenizer_config.json"))).unwrap();
    let expected: Vec<(String, Vec<u32>, Vec<u32>)> = serde_json::from_slice(&read("expected.json")).unwrap();
    assert!(expected.len() > 10);
    for (text, plain, with_special) in &expected {
        assert_eq!(&tokenizer.encode(text).unwrap(), plain, "{text:?}");
        assert_eq!(&tokenizer.encode_with_special(text).unwrap(), with_special, "{text:?}");
    }
    // GPT-2 has no configuration, and its texts begin with nothing.
    let plain = Tokenizer::from_bpe(&read("vocab.json"), &merges, None).unwrap();
    assert_eq!(plain.bos(), None);
    assert_eq!(plain.encode_with_special(&expected[0].0).unwrap(), expected[0].1);

    let refused = |vocabulary: &[u8], merges: &str, config: Option<&[u8]>| {
        Tokenizer::from_bpe(vocabulary, merges, config).map(drop).unwrap_err().to_string()
    };
    let other = br#"{"tokenizer_class": "LlamaTokenizer"}"#;
    assert!(refused(&read("vocab.json"), &merges, Some(other)).contains("only GPT2Tokenizer"));
    assert!(refused(b"{}", "a b", None).contains("a"));
    assert!(refused(&read("vocab.json"), "#version\none\n", None).contains("line 2"));
    assert!(refused(b"[]", &merges, None).contains("vocab.json"));
    let nameless = br#"{"add_bos_token": true, "bos_token": "<nowhere>"}"#;
    assert!(refused(&read("vocab.json"), &merges, Some(nameless)).contains("<nowhere>"));
}

/// What `data/tokenizers/make_gguf.py` wrote.
#[derive(Deserialize)]
struct Vocabulary {
    tokens: Vec<String>,
    types: Vec<i32>,
    #[serde(default)]
    merges: Vec<String>,
    #[serde(default)]
    scores: Vec<f32>,
    texts: Vec<String>,
    /// For each case llama.cpp's ids of the texts, where they are to be equal.
    ids: BTreeMap<String, Vec<Option<Vec<u32>>>>,
}

impl Vocabulary {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn file(&self, kind: &str) -> File {
        let list = |key: &str, items: Vec<Value>| (format!("tokenizer.ggml.{key}"), Value::Array(items));
        let tokens = texts(self.tokens.iter().map(String::as_str));
        let mut metadata = vec![
            ("tokenizer.ggml.model".to_owned(), string(kind)),
            ("tokenizer.ggml.tokens".to_owned(), tokens),
            list("token_type", self.types.iter().map(|kind| Value::I32(*kind)).collect()),
            ("tokenizer.ggml.bos_token_id".to_owned(), Value::U32(1)),
        ];
        if kind == "gpt2" {
            metadata.push(("tokenizer.ggml.merges".to_owned(), texts(self.merges.iter().map(String::as_str))));
        } else {
            metadata.push(list("scores", self.scores.iter().map(|score| Value::F32(*score)).collect()));
            metadata.push(("tokenizer.ggml.unknown_token_id".to_owned(), Value::U32(0)));
        }
        File::new(metadata)
    }

    #[track_caller]
    fn check(&self, case: &str, file: &File, expected: &[Option<Vec<u32>>]) -> Tokenizer {
        let bytes: WeightBytes = Arc::new(file.bytes());
        let tokenizer = Tokenizer::from_gguf(&Gguf::new("x.gguf", bytes).unwrap()).unwrap();
        assert_eq!(expected.len(), self.texts.len());
        for (text, ids) in self.texts.iter().zip(expected) {
            if let Some(ids) = ids {
                assert_eq!(&tokenizer.encode(text).unwrap(), ids, "{case}: {text:?}");
            }
        }
        tokenizer
    }
}

/// However texts are cut before the merges, among them when the file does not say.
#[test]
fn byte_level_vocabularies_give_llama_cpps_ids() {
    let vocabulary = Vocabulary::read("gguf_bpe.json");
    let mut checked = 0;
    for (names, expected) in &vocabulary.ids {
        for name in names.split(' ') {
            let file = vocabulary.file("gpt2");
            let file = if name == "none" { file } else { file.with("tokenizer.ggml.pre", string(name)) };
            let tokenizer = vocabulary.check(name, &file, expected);
            let notes = tokenizer.notes().join("; ");
            assert_eq!(notes.contains("`tokenizer.ggml.pre`"), name == "none", "{name}: {notes}");
            let begins =
                ["llama-bpe", "llama3", "llama-v3", "falcon3", "midm-2.0", "pixtral", "tekken"].contains(&name);
            assert_eq!(tokenizer.bos(), begins.then_some(1), "{name}");
            checked += 1;
        }
    }
    assert_eq!(checked, 31);
}

#[test]
fn pieces_give_llama_cpps_ids() {
    let vocabulary = Vocabulary::read("gguf_pieces.json");
    let file = vocabulary.file("llama");
    let tokenizer = vocabulary.check("prefix", &file, &vocabulary.ids["prefix"]);
    assert_eq!(tokenizer.bos(), Some(1));
    assert_eq!(tokenizer.notes(), [BLANK_NOTE]);
    let bare = file.with("tokenizer.ggml.add_space_prefix", Value::Bool(false));
    let tokenizer = vocabulary.check("no prefix", &bare, &vocabulary.ids["no prefix"]);
    assert!(tokenizer.notes().is_empty(), "{:?}", tokenizer.notes());
}

/// Some converters write one score for all pieces. The vocabulary then stands in the order of its merges, which the right
/// scores have, too.
#[test]
fn scores_that_say_nothing_are_noted() {
    let mut vocabulary = Vocabulary::read("gguf_pieces.json");
    let note = |vocabulary: &Vocabulary| {
        let tokenizer = vocabulary.check("equal", &vocabulary.file("llama"), &vocabulary.ids["prefix"]);
        let of_scores = |note: &&String| note.contains("`tokenizer.ggml.scores`");
        tokenizer.notes().iter().find(of_scores).cloned().unwrap_or_default()
    };
    assert_eq!(note(&vocabulary), "");
    let right = vocabulary.scores.clone();
    vocabulary.scores = vec![-1000.0; vocabulary.tokens.len()];
    let told = note(&vocabulary);
    assert!(told.contains("all of the vocabulary's 222 longer pieces have one that others have too"), "{told}");
    // Two that follow one another keep their order.
    vocabulary.scores = right;
    let first = vocabulary.scores.iter().position(|score| *score == -10.0).unwrap();
    vocabulary.scores[first + 1] = -10.0;
    let told = note(&vocabulary);
    assert!(told.contains("and 2 of the vocabulary's 222 longer pieces"), "{told}");
}

#[test]
fn scores_that_are_no_numbers_are_refused() {
    let mut vocabulary = Vocabulary::read("gguf_pieces.json");
    for (score, named) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        vocabulary.scores[300] = score;
        let bytes: WeightBytes = Arc::new(vocabulary.file("llama").bytes());
        let error = Tokenizer::from_gguf(&Gguf::new("x.gguf", bytes).unwrap()).err().expect("it is refused");
        let token = &vocabulary.tokens[300];
        let expected = format!("expected a finite score for each token, got {named} for token 300, `{token}`");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

/// What transformers gave for one `tokenizer.json` with one `tokenizer_config.json`; `data/tokenizers/make_beside.py` has
/// more.
#[derive(Deserialize)]
struct Beside {
    about: String,
    tokenizer: String,
    parts: serde_json::Map<String, serde_json::Value>,
    config: serde_json::Value,
    readings: BTreeMap<String, Option<Reading>>,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Reading {
    ids: Vec<u32>,
    before: Vec<u32>,
}

#[test]
fn configurations_count_as_transformers_reads_them() {
    #[derive(Deserialize)]
    struct Cases {
        text: String,
        cases: Vec<Beside>,
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers/beside");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let Cases { text, cases } = serde_json::from_slice(&read("cases.json")).unwrap();
    let (mut followed, mut differing) = (0, 0);
    for case in cases {
        let name = format!("{} {} {:?}", case.about, case.config, case.parts);
        let mut json: serde_json::Value = serde_json::from_slice(&read(&format!("{}.json", case.tokenizer))).unwrap();
        json.as_object_mut().unwrap().extend(case.parts);
        let json = json.to_string();
        let (key, about): (_, fn(&Reading) -> &[u32]) = match case.about.as_str() {
            "beginning" => ("add_bos_token", |reading| &reading.before),
            _ => ("add_prefix_space", |reading| &reading.ids),
        };
        let of = |tokenizer: &Tokenizer| {
            let (ids, all) = (tokenizer.encode(&text).unwrap(), tokenizer.encode_with_special(&text).unwrap());
            Reading { before: all[..all.len() - ids.len()].to_vec(), ids }
        };
        let alone = of(&Tokenizer::from_json(json.as_bytes(), None).unwrap());
        let tokenizer = Tokenizer::from_json(json.as_bytes(), Some(case.config.to_string().as_bytes())).unwrap();
        let got = of(&tokenizer);
        let note = tokenizer.notes().iter().find(|note| note.contains(&format!("`{key}`")));
        let five = case.readings["5"].as_ref().unwrap();
        // Version 4 wants a file of LLaMA's that is not there, and would read the configuration with it.
        let Some(four) = &case.readings["4"] else {
            assert!(about(&got) == about(five), "{name}: {:?}, not {:?}", about(&got), about(five));
            continue;
        };
        if about(four) == about(five) {
            assert!(about(&got) == about(four), "{name}: {:?}, not {:?}", about(&got), about(four));
            assert_eq!(note, None, "{name}");
            followed += usize::from(about(&alone) != about(&got));
        } else {
            assert!(about(&got) == about(&alone), "{name}: {:?}, not {:?}", about(&got), about(&alone));
            let note = note.unwrap_or_else(|| panic!("{name}: no note, {:?}", tokenizer.notes()));
            let described = |reading: &Reading| match (key, reading.before.as_slice(), reading.ids == alone.ids) {
                ("add_bos_token", [], _) => "no token".to_owned(),
                ("add_bos_token", [id], _) => format!("token {id}"),
                (_, _, as_alone) => if as_alone == note.ends_with(": a blank") { "a blank" } else { "no blank" }.into(),
            };
            let told = format!(
                "transformers 4 puts {} before a text, transformers 5 {}; taken as in `tokenizer.json`: {}",
                described(four),
                described(five),
                described(&alone)
            );
            assert!(
                note.starts_with("`tokenizer_config.json` (`") && note.ends_with(&told),
                "{name}: {note}, not {told}"
            );
            differing += 1;
        }
    }
    assert!(followed > 20 && differing > 40, "{followed} followed, {differing} differing");
}

/// Repositories from before there were classes have a configuration without one.
#[test]
fn a_configuration_without_a_class_is_noted_where_it_says_otherwise() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizers/beside/bytes.json");
    let json = std::fs::read(file).unwrap();
    let read = |config: &str| Tokenizer::from_json(&json, Some(config.as_bytes()));
    for silent in ["{}", r#"{"model_max_length": 1024}"#, r#"{"add_bos_token": false, "add_prefix_space": false}"#] {
        let tokenizer = read(silent).unwrap();
        assert_eq!((tokenizer.notes(), tokenizer.bos()), (&[][..], None), "{silent}");
    }
    let tokenizer = read(r#"{"add_bos_token": true, "bos_token": {"content": "</s>"}}"#).unwrap();
    let note = "`tokenizer_config.json` (no `tokenizer_class`, `add_bos_token` = true) differs from `tokenizer.json`: \
                transformers 4 puts token 2 before a text, transformers 5 no token; taken as in `tokenizer.json`: no token";
    assert_eq!((tokenizer.notes(), tokenizer.bos()), (&[note.to_owned()][..], None));
    let lacks = read(r#"{"tokenizer_class": "LlamaTokenizer", "bos_token": "<begin>"}"#).unwrap();
    let note = "transformers 4 puts `<begin>`, not in the vocabulary, before a text, transformers 5 no token;";
    assert!(lacks.notes()[0].contains(note), "{:?}", lacks.notes());
    for (broken, part) in [("[", "tokenizer_config.json: EOF"), (r#"{"add_bos_token": "yes"}"#, "expected a boolean")] {
        assert!(read(broken).err().unwrap().to_string().contains(part), "{broken}");
    }
}

/// Training leaves merges out by chance; a run that did would have other results each time.
#[test]
fn bpe_dropout_is_switched_off() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-tokenizer/tokenizer.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let plain = Tokenizer::from_json(json.to_string().as_bytes(), None).unwrap();
    assert!(plain.notes().is_empty(), "{:?}", plain.notes());
    json["model"]["dropout"] = 0.5.into();
    let dropping = Tokenizer::from_json(json.to_string().as_bytes(), None).unwrap();
    let note =
        "the tokenizer's BPE dropout of 0.5 is switched off, so that a text always has the same tokens".to_owned();
    assert_eq!(dropping.notes(), [note]);
    let text = "the neg ".repeat(50);
    let ids = plain.encode(&text).unwrap();
    assert!(ids.len() < text.len(), "nothing is merged in the text");
    assert_eq!(dropping.encode(&text).unwrap(), ids);
    assert_eq!(dropping.encode(&text).unwrap(), ids);
}
