//! What a `tokenizer.json` may make of a text, found out before the library reads it.
//!
//! The file is untrusted, and a few kilobytes of it can ask for all memory: rules that replace one letter by many,
//! one after the other; a template that repeats the text. None of the tokenizers in use makes a text more than some ten
//! times as long, so the product over all rules is bounded, and with it what a text may come to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::failure::failed;
use crate::model::ModelError;

/// How many times as long a text may become. Chains of Unicode normalizations come to some hundreds on paper.
const MOST_GROWTH: f64 = 10_000.0;

/// Bytes that a text may come to on its way through the rules. The library takes more than a hundred bytes of memory for
/// each of them.
const MOST_TEXT: f64 = 32e6;

/// Rules of all kinds, each with its pattern. The longest chain known has ten.
const MOST_RULES: usize = 64;

/// Added tokens, and bytes of their texts: the library builds an automaton of them, with a state for each byte. Llama 3
/// has 256.
const MOST_ADDED: usize = 100_000;
const MOST_ADDED_BYTES: usize = 4 << 20;

/// Tokens that a template may put around a text.
const MOST_AROUND: usize = 1000;

/// How many times as long as itself a text may become in bytes, at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth(f64);

impl Growth {
    /// A tokenizer whose rules were not read from a `tokenizer.json`: the blank becomes a sign of three bytes, and bytes
    /// letters of two.
    pub(super) const USUAL: Self = Self(8.0);

    /// The larger of this growth and the usual rules': a tokenizer that was read without such rules may be given them.
    pub(super) fn or_usual(self) -> Self {
        Self(self.0.max(Self::USUAL.0))
    }

    /// The most bytes of a text.
    pub(super) fn most_text(self) -> usize {
        (MOST_TEXT / self.0) as usize
    }

    /// Refuses a text that may become too long.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] with the numbers.
    pub(super) fn check(self, text: &str) -> Result<(), ModelError> {
        let (bytes, most) = (text.len(), self.most_text());
        if bytes <= most {
            return Ok(());
        }
        Err(failed(format!("expected a text of at most {most} bytes, got {bytes} bytes")))
    }
}

/// The parts of a `tokenizer.json` that have rules. The vocabulary is left to the library.
#[derive(Deserialize)]
struct Rules {
    #[serde(default)]
    model: Affixes,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
}

/// What the model puts around each letter of a word, and makes tokens of byte by byte where it knows no better.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Affixes {
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

#[derive(Deserialize)]
struct AddedToken {
    #[serde(default)]
    content: String,
}

/// Reads the rules of a `tokenizer.json`.
///
/// # Errors
/// [`ModelError::Tokenizer`] for a file that is not the JSON of a tokenizer, or whose rules are too many or make too much of a
/// text.
pub(super) fn growth(json: &[u8]) -> Result<Growth, ModelError> {
    let rules: Rules = serde_json::from_slice(json).map_err(failed)?;
    let added = rules.added_tokens.len();
    let bytes: usize = rules.added_tokens.iter().map(|token| token.content.len()).sum();
    if added > MOST_ADDED || bytes > MOST_ADDED_BYTES {
        return Err(failed(format!(
            "expected at most {MOST_ADDED} added tokens of {MOST_ADDED_BYTES} bytes, got {added} of {bytes} bytes"
        )));
    }
    let Affixes { continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = &rules.model;
    let affixes: usize = [prefix, suffix].into_iter().flatten().map(String::len).sum();
    // Each letter of a word may get both, and a letter is a byte at least.
    let mut walk = Walk { rules: 0, growth: 1.0 + affixes as f64 };
    walk.value(&rules.normalizer)?;
    walk.value(&rules.pre_tokenizer)?;
    walk.value(&rules.post_processor)?;
    if walk.growth > MOST_GROWTH {
        let growth = walk.growth;
        return Err(failed(format!(
            "expected rules that make a text at most {MOST_GROWTH} times as long, got rules for {growth:.0} times"
        )));
    }
    Ok(Growth(walk.growth))
}

/// What has been found on a walk through the rules. The growth is a bound and no estimate: rules count as if each made the
/// most of what the one before it gave, also where they exclude each other.
struct Walk {
    rules: usize,
    growth: f64,
}

impl Walk {
    /// Takes one part of the file with all that is in it; every object may be a rule.
    fn value(&mut self, value: &Value) -> Result<(), ModelError> {
        match value {
            Value::Array(values) => values.iter().try_for_each(|value| self.value(value)),
            Value::Object(fields) => {
                self.rules += 1;
                if self.rules > MOST_RULES {
                    return Err(failed(format!("expected at most {MOST_RULES} rules, got more")));
                }
                self.growth *= of_rule(fields)?;
                // The pieces of a template are no rules, and are many; `of_rule` has looked at them. The walk is as deep as
                // the file, which its reader has bounded (`serde_json` takes 128 levels).
                let inner =
                    fields.iter().filter(|(name, _)| !["single", "pair", "special_tokens"].contains(&name.as_str()));
                inner.map(|(_, value)| value).try_for_each(|value| self.value(value))
            }
            _ => Ok(()),
        }
    }
}

/// How many times as long one rule makes a text. A rule that has no type, or one that the library does not know, is to the
/// library what its fields fit, so all that they may mean counts.
fn of_rule(fields: &serde_json::Map<String, Value>) -> Result<f64, ModelError> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let mut growth = match text("type") {
        // U+FDFA becomes 18 letters of 33 bytes out of 3.
        Some("NFKC" | "NFKD") => 11.0,
        // No letter becomes more than three times as long (UAX 15, table of expansion factors).
        Some("NFC" | "NFD") => 4.0,
        // A few small letters take a byte more than their capitals; every byte becomes a letter of one or two.
        Some("Lowercase" | "ByteLevel") => 2.0,
        // A letter of one byte gets a sign of three before it, and so does a blank in its place.
        Some("Metaspace") => 4.0,
        _ => 1.0,
    };
    // BERT's normalizer: blanks around a Chinese letter, or a letter taken apart as by NFD.
    if fields.contains_key("handle_chinese_chars") {
        growth *= 4.0;
    }
    if let Some(content) = text("content") {
        growth *= replacement(fields.get("pattern"), content);
    }
    // A text of one byte is the worst case.
    if let Some(prefix) = text("prepend") {
        growth *= 1.0 + prefix.len() as f64;
    }
    if let Some(map) = text("precompiled_charsmap") {
        growth *= charsmap(map)?;
    }
    if fields.contains_key("single") {
        check_template(fields)?;
    }
    Ok(growth)
}

/// What a replacement makes of one byte of what it replaces.
fn replacement(pattern: Option<&Value>, content: &str) -> f64 {
    let literal = pattern.and_then(|pattern| pattern.get("String")).and_then(Value::as_str).map_or(0, str::len);
    match literal {
        // A regular expression may match between any two letters, and the empty text does.
        0 => 1.0 + content.len() as f64,
        length => (content.len() as f64 / length as f64).max(1.0),
    }
}

/// The longest text that a map of SentencePiece's puts in the place of a letter: behind its trie stand all of them, each
/// ended by a zero.
fn charsmap(text: &str) -> Result<f64, ModelError> {
    let bytes = STANDARD.decode(text).map_err(|error| failed(format!("`precompiled_charsmap`: {error}")))?;
    let texts = bytes.split_first_chunk().and_then(|(size, rest)| rest.get(u32::from_le_bytes(*size) as usize..));
    let texts = texts.ok_or_else(|| failed("`precompiled_charsmap`: expected texts behind its trie, got its end"))?;
    Ok(texts.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0).max(1) as f64)
}

/// A template has the text once, and some tokens around it.
fn check_template(fields: &serde_json::Map<String, Value>) -> Result<(), ModelError> {
    let pieces = fields.get("single").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let texts = pieces.iter().filter(|piece| piece.get("Sequence").is_some()).count();
    let longest = fields.get("special_tokens").and_then(Value::as_object).into_iter().flatten();
    let longest = longest.filter_map(|(_, token)| token.get("ids")?.as_array().map(Vec::len)).max().unwrap_or(0);
    let around = (pieces.len() - texts).saturating_mul(longest);
    if texts > 1 || around > MOST_AROUND {
        return Err(failed(format!(
            "expected a template with the text once and at most {MOST_AROUND} tokens around it, got it {texts} times with \
             {around} tokens"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(normalizer: &Value, pre_tokenizer: &Value, post_processor: &Value) -> Result<f64, String> {
        let file = json!({"added_tokens": [{"id": 0, "content": "<s>"}], "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": post_processor, "model": {"type": "BPE", "vocab": {}}});
        growth(file.to_string().as_bytes()).map(|growth| growth.0).map_err(|error| error.to_string())
    }

    fn refused(normalizer: &Value, pre_tokenizer: &Value, post_processor: &Value, part: &str) {
        let message = of(normalizer, pre_tokenizer, post_processor).unwrap_err();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn tokenizers_in_use_pass() {
        let none = Value::Null;
        assert_eq!(of(&none, &none, &none), Ok(1.0));
        let llama = json!({"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u{2581}"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}]});
        let bos = json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}});
        assert_eq!(of(&llama, &none, &bos), Ok(12.0));
        let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false});
        let split = json!({"type": "Split", "pattern": {"Regex": "\\p{N}"}, "behavior": "Isolated"});
        let llama3 = json!({"type": "Sequence", "pretokenizers": [split, byte_level]});
        assert_eq!(of(&json!({"type": "NFC"}), &llama3, &none), Ok(8.0));
        let deberta = json!({"type": "Sequence", "normalizers": [
            {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Strip"},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]});
        assert!(of(&deberta, &json!({"type": "Metaspace", "replacement": "\u{2581}"}), &none).is_ok());
    }

    #[test]
    fn rules_that_multiply_a_text_are_refused() {
        let none = Value::Null;
        let many = json!({"type": "Replace", "pattern": {"String": "e"}, "content": "e".repeat(200)});
        let chain = |count: usize| json!({"type": "Sequence", "normalizers": vec![many.clone(); count]});
        assert_eq!(of(&chain(1), &none, &none), Ok(200.0));
        refused(&chain(2), &none, &none, "got rules for 40000 times");
        refused(&none, &none, &json!({"type": "Sequence", "processors": [many, many]}), "got rules for 40000 times");
        for pattern in [json!({"Regex": "x*"}), json!({"String": ""}), none.clone()] {
            let between = json!({"type": "Replace", "pattern": pattern, "content": "y".repeat(1 << 20)});
            refused(&between, &none, &none, "got rules for 1048577 times");
        }
        refused(&json!({"type": "Prepend", "prepend": "y".repeat(1 << 20)}), &none, &none, "for 1048577 times");
        let levels = vec![json!({"type": "ByteLevel"}); 20];
        refused(&none, &json!({"type": "Sequence", "pretokenizers": levels}), &none, "for 1048576 times");
        let strips = vec![json!({"type": "Strip"}); 65];
        refused(&json!({"type": "Sequence", "normalizers": strips}), &none, &none, "expected at most 64 rules");
    }

    /// The library takes them by their fields.
    #[test]
    fn rules_without_a_known_type_count() {
        let none = Value::Null;
        for kind in [Value::Null, json!("Other")] {
            let replace = json!({"type": kind, "pattern": {"String": "e"}, "content": "e".repeat(200)});
            refused(&json!({"normalizers": [replace, replace]}), &none, &none, "got rules for 40000 times");
            let prepend = json!({"type": kind, "prepend": "y".repeat(1 << 20)});
            refused(&prepend, &none, &none, "for 1048577 times");
            let text = json!({"Sequence": {"id": "A", "type_id": 0}});
            let twice = json!({"type": kind, "single": [text, text], "special_tokens": {}});
            refused(&none, &none, &twice, "got it 2 times");
        }
        let strips = vec![json!({"strip_left": true, "strip_right": true}); 65];
        refused(&json!({"normalizers": strips}), &none, &none, "expected at most 64 rules");
    }

    #[test]
    fn what_a_model_puts_around_letters_counts() {
        let of = |model: Value| growth(json!({"model": model}).to_string().as_bytes()).map(|growth| growth.0);
        let clip = json!({"type": "BPE", "continuing_subword_prefix": null, "end_of_word_suffix": "</w>"});
        assert_eq!(of(clip).unwrap(), 5.0);
        let message = of(json!({"continuing_subword_prefix": "y".repeat(1 << 20)})).unwrap_err().to_string();
        assert!(message.contains("for 1048577 times"), "{message}");
    }

    #[test]
    fn maps_and_templates_are_looked_into() {
        let none = Value::Null;
        let map = |texts: &[u8]| {
            let bytes = [&4_u32.to_le_bytes()[..], b"trie", texts].concat();
            json!({"type": "Precompiled", "precompiled_charsmap": STANDARD.encode(bytes)})
        };
        assert_eq!(of(&map(b"a\0bcd\0"), &none, &none), Ok(3.0));
        refused(&map(&[b'x'; 20_000]), &none, &none, "for 20000 times");
        refused(
            &json!({"type": "Precompiled", "precompiled_charsmap": "////"}),
            &none,
            &none,
            "expected texts behind its trie",
        );
        refused(&json!({"type": "Precompiled", "precompiled_charsmap": "?"}), &none, &none, "precompiled_charsmap");
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let twice = json!({"type": "TemplateProcessing", "single": [text, text], "special_tokens": {}});
        refused(&none, &none, &twice, "got it 2 times");
        let special = json!({"SpecialToken": {"id": "x", "type_id": 0}});
        let around = json!({"type": "TemplateProcessing", "single": vec![special; 101],
            "special_tokens": {"x": {"id": "x", "ids": vec![0; 10], "tokens": []}}});
        refused(&none, &none, &around, "with 1010 tokens");
    }

    #[test]
    fn texts_and_added_tokens_are_bounded() {
        assert!(Growth(1.0).check(&"x".repeat(1 << 20)).is_ok());
        let message = Growth(1000.0).check(&"x".repeat(1 << 20)).unwrap_err().to_string();
        assert!(message.ends_with("expected a text of at most 32000 bytes, got 1048576 bytes"), "{message}");
        let added = vec![json!({"content": "x"}); MOST_ADDED + 1];
        let message = growth(json!({"added_tokens": added}).to_string().as_bytes()).unwrap_err().to_string();
        assert!(message.contains("got 100001 of 100001 bytes"), "{message}");
    }
}
