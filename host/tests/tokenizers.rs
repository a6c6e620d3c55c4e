//! Tokenizers that are no `tokenizer.json` against the programs they come from; the scripts in `data/tokenizers` made the
//! files.

#[path = "gguf/writer.rs"]
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::gguf_file::Value;

use ft_host::model::Tokenizer;
use ft_host::model::weights::{Gguf, WeightBytes};
use serde::Deserialize;

use crate::writer::{File, string, texts};

/// The library panics over a decoder that is no object; a file that is cut off does not come so far.
#[test]
fn a_broken_decoder_is_an_error() {
    let error = Tokenizer::from_json(b"{\"decoder\":{").err().expect("it is refused").to_string();
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
    let bare = file.with("tokenizer.ggml.add_space_prefix", Value::Bool(false));
    vocabulary.check("no prefix", &bare, &vocabulary.ids["no prefix"]);
}

/// Training leaves merges out by chance; a run that did would have other results each time.
#[test]
fn bpe_dropout_is_switched_off() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny-tokenizer/tokenizer.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let plain = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    assert!(plain.notes().is_empty(), "{:?}", plain.notes());
    json["model"]["dropout"] = 0.5.into();
    let dropping = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    let note =
        "the tokenizer's BPE dropout of 0.5 is switched off, so that a text always has the same tokens".to_owned();
    assert_eq!(dropping.notes(), [note]);
    let text = "the neg ".repeat(50);
    let ids = plain.encode(&text).unwrap();
    assert!(ids.len() < text.len(), "nothing is merged in the text");
    assert_eq!(dropping.encode(&text).unwrap(), ids);
    assert_eq!(dropping.encode(&text).unwrap(), ids);
}
