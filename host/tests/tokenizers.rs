//! Tokenizers that are no `tokenizer.json` against the programs they come from; the scripts in `data/tokenizers` made the
//! files.

use std::path::Path;
use std::sync::Arc;

use ft_host::model::Tokenizer;
use ft_host::model::weights::{Gguf, WeightBytes};

/// The library panics over a decoder that is no object.
#[test]
fn a_broken_decoder_is_an_error() {
    let error = Tokenizer::from_json(b"{\"decoder\":{").err().expect("it is refused").to_string();
    assert!(error.starts_with("tokenizer: it gave up: Helper: Error(\"EOF while parsing an object\""), "{error}");
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
