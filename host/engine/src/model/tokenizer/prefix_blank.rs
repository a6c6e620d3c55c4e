//! Tokenizers that put a blank before a text, as SentencePiece does.

use tokenizers::Tokenizer;

/// What a token begins with that stands for a blank: SentencePiece's sign, and that of byte-level vocabularies.
const SIGNS: [char; 2] = ['\u{2581}', '\u{120}'];

/// Texts without a blank, of which a vocabulary has tokens for one at least.
const TEXTS: [&str; 4] = ["x", "a", "the", "0"];

/// The first of the texts that becomes tokens, and these. One that the tokenizer fails on shows nothing here; the run's own
/// texts show its error.
fn first_encoded(tokenizer: &Tokenizer) -> Option<(&'static str, Vec<u32>)> {
    TEXTS.into_iter().find_map(|text| {
        let encoding = tokenizer.encode_fast(text, false).ok()?;
        Some((text, encoding.get_ids().to_vec())).filter(|(_, ids)| !ids.is_empty())
    })
}

/// Whether a text's first token stands for a blank, too, that the text does not have.
pub(super) fn begins_with_blank(tokenizer: &Tokenizer) -> bool {
    let first = first_encoded(tokenizer).and_then(|(_, ids)| tokenizer.id_to_token(*ids.first()?));
    first.is_some_and(|token| token.starts_with(SIGNS))
}

/// The note on a tokenizer that puts a blank before a text, and none behind a line break within one: a query that is
/// tokenized by itself has a blank that the text behind the demonstrations has not.
pub(super) fn note(tokenizer: &Tokenizer) -> Option<String> {
    let (text, alone) = first_encoded(tokenizer)?;
    let behind = tokenizer.encode_fast(format!("\n{text}"), false).ok()?;
    let differs = begins_with_blank(tokenizer) && !behind.get_ids().ends_with(&alone);
    differs.then(|| {
        "the tokenizer puts a blank before a text: each query, tokenized by itself, has one behind the demonstrations that \
         the whole text has not"
            .into()
    })
}
