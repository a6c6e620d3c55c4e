use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::context::testing::{context, decoder, new_context, plan};
use crate::diagnosis::{Diagnosis, Fault};
use ft_engine::model::saved_context::HalfFormat;

const TOKENS: [u32; 5] = [5, 17, 3, 42, 8];

fn bytes(context: &Context) -> Vec<u8> {
    ContextToSave::new(context, None).unwrap().pieces().collect::<Result<Vec<_>, _>>().unwrap().concat()
}

fn write(folder: &Path, context: &Context, step: u32) -> Result<Option<PathBuf>, ContextError> {
    let to_save = ContextToSave::new(context, None)?;
    Ok(ContextFolder::write(folder, new_context(&plan(), step), &to_save)?.earlier)
}

fn told(folder: &Path) -> String {
    let error = ContextFolder::open(folder).map(drop).unwrap_err();
    assert_eq!(error.fault(), Fault::Input);
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

#[test]
fn a_context_is_the_same_bit_for_bit_wherever_its_folder_is() {
    let place = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (place.path().join("c"), place.path().join("elsewhere"));
    let decoder = decoder();
    let context = context(&decoder, &TOKENS);
    assert_eq!(write(&folder, &context, 2).unwrap(), None);
    fs::create_dir(&elsewhere).unwrap();
    for name in [CONTEXT_TENSORS, CONTEXT_RECORD] {
        fs::copy(folder.join(name), elsewhere.join(name)).unwrap();
    }
    assert_eq!(fs::read(folder.join(CONTEXT_TENSORS)).unwrap(), bytes(&context));
    for folder in [&folder, &elsewhere] {
        let opened = ContextFolder::open(folder).unwrap();
        let again = opened.context(&decoder).unwrap();
        assert!(bytes(&again) == bytes(&context));
        assert_eq!((again.next_position, again.provenance), (context.next_position, context.provenance));
        assert_eq!((opened.record().selected.step, opened.record().trace.len()), (2, 1));
        assert_eq!(opened.record().tensors.positions, 5);
    }
}

#[test]
fn an_earlier_context_is_kept_and_what_does_not_belong_together_is_not_written() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let decoder = decoder();
    let (first, second) = (context(&decoder, &TOKENS), context(&decoder, &TOKENS[..3]));
    write(folder, &first, 2).unwrap();
    // The tensors are those of step 2.
    let error = write(folder, &second, 3).unwrap_err().to_string();
    assert!(error.ends_with("context.json`: `step` of the tensors: expected 3, got 2"), "{error}");
    assert!(bytes(&ContextFolder::open(folder).unwrap().context(&decoder).unwrap()) == bytes(&first));
    assert_eq!(write(folder, &second, 2).unwrap(), Some(folder.join("context.1.safetensors")));
    assert_eq!(fs::read(folder.join("context.1.safetensors")).unwrap(), bytes(&first));
    assert!(folder.join("context.1.json").is_file());
    let half = ContextToSave::new(&first, Some(HalfFormat::Bf16)).unwrap();
    let written = ContextFolder::write(folder, new_context(&plan(), 2), &half).unwrap();
    assert_eq!((written.record.tensors.dtype, written.record.tensors.stored_dtype), ("f32".into(), "bf16".into()));
    assert_eq!(written.record.tensors.file.bytes, half.bytes());
    assert_eq!(fs::metadata(folder.join(CONTEXT_TENSORS)).unwrap().len(), half.bytes());
}

#[test]
fn files_that_are_cut_exchanged_or_changed_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let decoder = decoder();
    assert!(told(folder).starts_with("cannot open"));
    write(folder, &context(&decoder, &TOKENS), 2).unwrap();
    let (tensors, record) = (folder.join(CONTEXT_TENSORS), folder.join(CONTEXT_RECORD));
    let whole = fs::read(&tensors).unwrap();
    fs::write(&tensors, &whole[..whole.len() - 1]).unwrap();
    assert!(told(folder).contains("context.safetensors`: expected "));
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&tensors, &other).unwrap();
    assert!(told(folder).contains("context.safetensors`: expected sha256 "));
    fs::write(&tensors, &whole).unwrap();

    let good: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        fs::write(&record, changed.to_string()).unwrap();
        told(folder)
    };
    assert!(changed("/tensors/sha256", json!("ab".repeat(32))).contains("context.safetensors`: expected sha256 abab"));
    let position = changed("/tensors/next_position", json!(6));
    assert!(position.ends_with("context.json`: `next_position` of the tensors: expected 6, got 5"), "{position}");
    let version = changed("/format_version", json!(9));
    assert!(version.ends_with("context.json`: expected format version 1, got 9"), "{version}");
    fs::write(&record, "{").unwrap();
    assert!(told(folder).ends_with("context.json`: expected the record of a context"));
    fs::write(&record, good.to_string()).unwrap();
    ContextFolder::open(folder).unwrap();
}

#[test]
fn what_it_was_not_tuned_with_is_told_with_the_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("c");
    write(&folder, &context(&decoder(), &TOKENS), 2).unwrap();
    let opened = ContextFolder::open(&folder).unwrap();
    let mut plan = plan();
    opened.check_use(&ContextUse::of_plan(&plan)).unwrap();
    plan.task.name = "other".into();
    plan.config.dtype = "bf16".into();
    let error = opened.check_use(&ContextUse::of_plan(&plan)).unwrap_err();
    let expected = format!(
        "`{}`: expected the model and the task that the context was tuned with, got others:\n\
         number format (`--dtype`): expected `f32`, got `bf16`\n\
         task: expected `t`, got `other`",
        folder.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().unwrap().contains("ft-host context inspect"));
}
