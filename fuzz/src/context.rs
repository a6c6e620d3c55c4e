//! A saved context: `context.json` and `context.safetensors`, with `\xff\xff` in between. Each for itself, since what is fuzzed
//! has no digest that is right: the record is written again and shown, the tensors are compared with themselves.

use std::sync::Arc;

use ft_engine::model::saved_context::{SavedContext, SavedContextError};
use ft_host::ui;
use ft_host::ui::screen::Screen;
use ft_record::files::context::{ContextRecord, ContextUse};

use super::input::{assert_lines_fit_to_be_shown, parts};

const NAME: &str = "contexts/\u{1b}[2J\n\u{202e}";

/// Of any bytes.
pub fn run(bytes: &[u8]) {
    let [record, tensors] = parts(bytes);
    match ContextRecord::parse(record) {
        Ok(record) => check_record(&record),
        Err(error) => assert!(!error.to_string().is_empty() && error.hint().is_some(), "{error}"),
    }
    match SavedContext::read(NAME, Arc::new(tensors.to_vec())) {
        Ok(context) => check_tensors(&context, tensors.len()),
        Err(error) => assert!(error.to_string().contains(NAME) && error.hint().is_some(), "{error}"),
    }
}

/// What is accepted is written as it was read, fits what it was tuned with, and is shown.
fn check_record(record: &ContextRecord) {
    let json = record.json().expect("it was accepted");
    let again = ContextRecord::parse(&json).expect("it was accepted before");
    assert!(again.json().expect("it was accepted") == json, "the same record is written in another way");
    record.fits(&ContextUse::of_plan(&record.plan)).expect("it fits itself");
    for width in [None, Some(80), Some(20)] {
        let page = ui::context::describe(NAME, record, Screen { width, ..Screen::PLAIN });
        assert_lines_fit_to_be_shown(page.as_str());
    }
}

/// Tensors lie within the file, and do not differ from themselves.
fn check_tensors(context: &SavedContext, length: usize) {
    let facts = context.facts();
    assert!(facts.shape.cache_bytes(facts.stored) < length as u64 && facts.step > 0 && facts.next_position > 0);
    match context.distance_to(context) {
        Ok(distance) => {
            assert_eq!(distance.layers.len(), facts.shape.layers);
            let all = distance.layers.iter().flat_map(|layer| [layer.keys, layer.values]);
            for distance in all.chain([distance.last_hidden]) {
                assert!(distance.relative.is_none_or(|relative| relative == 0.0), "{distance:?}");
                assert!(distance.cosine.is_none_or(|cosine| (cosine - 1.0).abs() < 1e-9), "{distance:?}");
            }
        }
        Err(error) => assert!(matches!(error, SavedContextError::NotFiniteFile { .. }), "{error}"),
    }
}
