//! Tokenizers from GGUF metadata against the programs they come from; `data/tokenizers/make.py` made the files.

use std::path::Path;
use std::sync::Arc;

use ft_host::model::Tokenizer;
use ft_host::model::weights::{Gguf, WeightBytes};

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
