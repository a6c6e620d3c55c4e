//! Tokenizers: the first byte says of which form, the rest is its files, with `\xff\xff` in between.
//! 0 is `tokenizer.json`; 1 is `vocab.json`, `merges.txt` and `tokenizer_config.json`; 2 is a GGUF file. What follows a
//! tokenizer is a text for it; behind a text for `tokenizer.json` may be a `tokenizer_config.json`.

use std::sync::Arc;

use ft_engine::model::weights::{Gguf, WeightBytes};
use ft_engine::model::{ModelError, Tokenizer};

use super::gguf::check_refusal;
use super::input::parts;

/// Texts that every tokenizer is to take or to refuse: empty, blank, words, digits, beyond ASCII, special tokens.
const TEXTS: [&str; 5] =
    ["", " \n\t ", "It's 2026, a Review: good", "\u{e9}\u{1f600}\u{0}\u{fffd}e\u{301}", "<s></s><|endoftext|>"];

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let Some((form, files)) = bytes.split_first() else { return };
    let (tokenizer, text) = match form % 3 {
        0 => {
            let [json, text, config] = parts(files);
            (Tokenizer::from_json(json, (!config.is_empty()).then_some(config)), text)
        }
        1 => {
            let [vocabulary, merges, config, text] = parts(files);
            let config = (!config.is_empty()).then_some(config);
            (Tokenizer::from_bpe(vocabulary, &String::from_utf8_lossy(merges), config), text)
        }
        _ => (from_gguf(files), &[][..]),
    };
    match tokenizer {
        Ok(tokenizer) => {
            for text in TEXTS.into_iter().chain([&*String::from_utf8_lossy(text)]) {
                encode(&tokenizer, text);
            }
        }
        Err(error) => check_refusal(&error, bytes.len()),
    }
}

fn from_gguf(bytes: &[u8]) -> Result<Tokenizer, ModelError> {
    let file: WeightBytes = Arc::new(bytes.to_vec());
    Tokenizer::from_gguf(&Gguf::new("fuzzed.gguf", file)?)
}

/// The same text gives the same tokens, whichever way it is asked for.
fn encode(tokenizer: &Tokenizer, text: &str) {
    let Ok(ids) = tokenizer.encode(text) else { return };
    assert_eq!(tokenizer.encode(text).ok().as_ref(), Some(&ids));
    if let Ok(pieces) = tokenizer.pieces(text) {
        assert!(pieces.iter().map(|piece| &piece.id).eq(&ids), "{text:?}: {pieces:?}, {ids:?}");
        assert!(pieces.iter().all(|piece| text.contains(&piece.text) || piece.text == "\u{fffd}"), "{pieces:?}");
    }
    // Whatever stands around it, the text itself is not longer for it.
    let around = tokenizer.encode_with_special(text);
    assert!(around.is_err() || tokenizer.bos().is_none() || !around.unwrap_or_default().is_empty());
}
