use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;

use super::*;
use crate::model::decoder::{Batch, LayerCache, Origin, Placement, Provenance, TokenTree};
use crate::model::families::{UnknownSettings, from_config_json};
use crate::model::weights::{Arrays, WeightFormat};
use crate::model::{Context, Decoder, KvCache};

const CONFIG: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tiny/llama/config.json"));
const WEIGHTS: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/tiny/llama/model.safetensors"));

const FILE: &str = "c/context.safetensors";

/// The tiny model: 2 layers, 2 key/value heads of 8, hidden states of 32, 128 positions.
fn decoder(dtype: DType, library: bool) -> Decoder {
    let family = from_config_json("config.json", CONFIG, UnknownSettings::Refuse).unwrap();
    let weights = Arrays::new(vec![("model.safetensors".into(), Arc::new(WEIGHTS.to_vec()))]).unwrap();
    let placement = Placement { device: Device::Cpu, dtype, weights: WeightFormat::Dense };
    let load = if library { Decoder::load_for_library } else { Decoder::load };
    load(family.config, &family.layout, &weights, &placement).unwrap()
}

/// What the model has read of 5 tokens, as the third step of the method.
fn read_by(decoder: &Decoder) -> Context {
    let trees = [TokenTree::chain(&[5, 17, 3, 42, 8])];
    let output = decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &[4])).unwrap();
    Context { next_position: 5, ..with_step(output.cache, output.hidden_states) }
}

fn with_step(cache: KvCache, last_hidden: Tensor) -> Context {
    let provenance = Provenance { origin: Origin::Demonstrations { step: 3 }, shared_start: 1 };
    Context { cache, last_hidden: Some(last_hidden), next_position: 2, provenance }
}

/// One layer of one head of two numbers, a position for each two of `keys`; the hidden state is [1, -1].
fn by_hand(keys: &[f32], values: &[f32]) -> Context {
    let matrix = |numbers: &[f32]| Tensor::from_slice(numbers, (1, numbers.len() / 2, 2), &Device::Cpu).unwrap();
    let cache = KvCache::new(vec![LayerCache { keys: matrix(keys), values: matrix(values) }]).unwrap();
    with_step(cache, Tensor::new(&[[1f32, -1.0]], &Device::Cpu).unwrap())
}

fn saved(context: &Context, half: Option<HalfFormat>) -> Vec<u8> {
    let to_save = ContextToSave::new(context, half).unwrap();
    let bytes = to_save.pieces().collect::<Result<Vec<_>, _>>().unwrap().concat();
    assert_eq!(bytes.len() as u64, to_save.bytes());
    bytes
}

fn read(bytes: Vec<u8>) -> Result<SavedContext, SavedContextError> {
    SavedContext::read(FILE, Arc::new(bytes))
}

/// A file with another header, whose length is right.
fn edited(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replacen(from, to, 1);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + length..]].concat()
}

#[test]
fn what_is_read_back_is_the_same_bit_for_bit() {
    let cases =
        [(DType::F32, false), (DType::BF16, false), (DType::F16, false), (DType::F32, true), (DType::BF16, true)];
    for (dtype, library) in cases {
        let decoder = decoder(dtype, library);
        let context = read_by(&decoder);
        let bytes = saved(&context, None);
        let file = read(bytes.clone()).unwrap();
        assert_eq!((file.facts().held, file.facts().stored), (dtype, dtype));
        let again = file.context(&decoder).unwrap();
        assert_eq!((again.next_position, again.provenance), (5, context.provenance));
        assert!(saved(&again, None) == bytes, "{dtype:?}, library {library}");
        let logits = |context: &Context| {
            let trees = [TokenTree::chain(&[7, 9])];
            let output = decoder.forward(Batch::after(context, &trees, &[1])).unwrap();
            decoder.logits(&output.hidden_states).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(logits(&again), logits(&context), "{dtype:?}, library {library}");
    }
}

#[test]
fn a_context_of_one_backend_is_taken_by_the_other() {
    let (cpu, library) = (decoder(DType::BF16, false), decoder(DType::BF16, true));
    let file = read(saved(&read_by(&library), None)).unwrap();
    let context = file.context(&cpu).unwrap();
    assert_eq!(context.last_hidden.unwrap().dtype(), DType::F32);
    let file = read(saved(&read_by(&cpu), None)).unwrap();
    assert_eq!(file.context(&library).unwrap().last_hidden.unwrap().dtype(), DType::BF16);
}

#[test]
fn the_file_is_safetensors_and_as_large_as_it_is_said_to_be() {
    let context = read_by(&decoder(DType::F32, false));
    let bytes = saved(&context, None);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = tensors.names();
    names.sort_unstable();
    assert_eq!(names, ["last_hidden", "layers.0.keys", "layers.0.values", "layers.1.keys", "layers.1.values"]);
    assert_eq!(tensors.tensor("layers.1.values").unwrap().shape(), [2, 5, 8]);
    let shape = ContextShape::of(decoder(DType::F32, false).config(), 5);
    let expected = ContextShape { layers: 2, kv_heads: 2, positions: 5, head_dim: 8, embedding: 32 };
    assert_eq!(shape, expected);
    assert_eq!(read(bytes.clone()).unwrap().facts().shape, expected);
    // 2 * 2 * 2 * 8 * 5 numbers.
    assert_eq!((shape.cache_bytes(DType::F32), shape.cache_bytes(DType::BF16)), (1280, 640));
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(bytes.len() as u64, 8 + header + 32 * 4 + 1280);
    assert!(header.is_multiple_of(8));
    let huge = ContextShape { layers: usize::MAX, ..shape };
    assert_eq!(huge.cache_bytes(DType::F32), u64::MAX);
}

#[test]
fn half_precision_rounds_to_the_nearest_even() {
    // 1 + 1/256 and 1 + 3/256 lie in the middle of two numbers of bf16, 1 + 1/2048 of two of f16.
    let (one, three) = (1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0);
    let keys = [one, three, 1.0 + 1.0 / 2048.0, -2.5];
    let context = by_hand(&keys, &[0.0, -0.0, 65504.0, 1.0]);
    let numbers = |half: HalfFormat| {
        let bytes = saved(&context, Some(half));
        let numbers = bytes[bytes.len() - 16..].chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        numbers.collect::<Vec<_>>()
    };
    // 65504 is 2047 * 32, and 2048 * 32 with 8 bits.
    assert_eq!(numbers(HalfFormat::Bf16), [0x3f80, 0x3f82, 0x3f80, 0xc020, 0, 0x8000, 0x4780, 0x3f80]);
    assert_eq!(numbers(HalfFormat::F16), [0x3c04, 0x3c0c, 0x3c00, 0xc100, 0, 0x8000, 0x7bff, 0x3c00]);
}

#[test]
fn half_precision_comes_back_as_the_decoder_holds_it() {
    let decoder = decoder(DType::F32, false);
    let context = read_by(&decoder);
    for half in HalfFormat::ALL {
        let bytes = saved(&context, Some(half));
        let file = read(bytes).unwrap();
        assert_eq!((file.facts().held, file.facts().stored), (DType::F32, half.dtype()));
        let again = file.context(&decoder).unwrap();
        let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (before, after) in context.cache.matrices().zip(again.cache.matrices()) {
            let rounded = before.to_dtype(half.dtype()).unwrap().to_dtype(DType::F32).unwrap();
            assert_eq!(numbers(after), numbers(&rounded));
        }
        assert_eq!(numbers(&again.last_hidden.unwrap()), numbers(context.last_hidden.as_ref().unwrap()));
    }
    assert_eq!("bf16".parse(), Ok(HalfFormat::Bf16));
    assert_eq!("f32".parse::<HalfFormat>().unwrap_err(), "expected one of f16, bf16, got `f32`");
}

#[test]
fn what_cannot_be_saved_is_refused() {
    let refused = |context: &Context, half| ContextToSave::new(context, half).map(drop).unwrap_err().to_string();
    let empty = "expected a context of one position or more to save, got an empty one";
    assert_eq!(refused(&Context::zero_shot(Some(1)), None), empty);
    let half = read_by(&decoder(DType::BF16, false));
    let message = "expected keys and values in f32 to store in f16, got bf16";
    assert_eq!(refused(&half, Some(HalfFormat::F16)), message);

    let uneven = Tensor::zeros((1, 2, 4), DType::F32, &Device::Cpu).unwrap();
    let context = by_hand(&[1.0; 4], &[1.0; 4]);
    let layers = vec![context.cache.layers()[0].clone(), LayerCache { keys: uneven.clone(), values: uneven }];
    let uneven = Context { cache: KvCache::new(layers).unwrap(), ..context };
    let message = "layer 1 of the context: expected keys and values f32 [1, 2, 2], got f32 [1, 2, 4]";
    assert_eq!(refused(&uneven, None), message);

    let fails = |values: &[f32], half| {
        let context = by_hand(&[1.0; 4], values);
        let to_save = ContextToSave::new(&context, half).unwrap();
        to_save.pieces().find_map(Result::err).map(|error| error.to_string())
    };
    let not_finite = "tensor `layers.0.values` of the context: expected finite numbers, got NaN or infinity";
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(fails(&[0.0, 0.0, 0.0, number], None).as_deref(), Some(not_finite));
    }
    let too_large = "tensor `layers.0.values` of the context: expected numbers that f16 can hold, got larger ones";
    assert_eq!(fails(&[0.0, 7e4, 0.0, 0.0], Some(HalfFormat::F16)).as_deref(), Some(too_large));
    assert_eq!(fails(&[0.0, 7e4, 0.0, 0.0], Some(HalfFormat::Bf16)), None);
}

/// What is said of a file that is refused, behind its name.
fn message(bytes: Vec<u8>) -> String {
    let message = read(bytes).map(drop).unwrap_err().to_string();
    message.strip_prefix("`c/context.safetensors`: ").expect("the file is named").to_owned()
}

#[test]
fn files_that_are_cut_or_no_safetensors_are_refused_by_name() {
    let whole = saved(&by_hand(&[1.0; 4], &[2.0; 4]), None);
    let other_bytes = "expected a context in safetensors, got other bytes: ";
    for cut in [0, 7, 8, 100, whole.len() - 1] {
        assert!(message(whole[..cut].to_vec()).starts_with(other_bytes), "{cut}");
    }
    assert!(message([&whole[..], &[0]].concat()).starts_with(other_bytes));
    let too_long = |length: u64| message([&length.to_le_bytes()[..], &whole[8..]].concat());
    assert_eq!(
        too_long(5 << 20),
        format!("{other_bytes}expected a header of at most 4194304 bytes, got one of 5242880")
    );
    assert!(too_long(u64::MAX).starts_with(other_bytes));
    let twice = message(edited(&whole, "{", r#"{"last_hidden":1,"#));
    assert!(twice.contains("expected the key `last_hidden` once"), "{twice}");
}

#[test]
fn parts_that_no_context_has_are_named() {
    let whole = saved(&by_hand(&[1.0; 4], &[2.0; 4]), None);
    let table = [
        ("ft-host context", "x", "`format` of the metadata: expected `ft-host context`, got `x`"),
        (
            r#""format_version":"1""#,
            r#""format_version":"2""#,
            "`format_version` of the metadata: expected `1`, got `2`",
        ),
        (r#""dtype":"f32""#, r#""dtype":"f64""#, "`dtype` of the metadata: expected one of f32, f16, bf16, got `f64`"),
        (
            r#""dtype":"f32""#,
            r#""dtype":"bf16""#,
            "dtype: expected keys and values in bf16 or in half precision of f32, got f32",
        ),
        (r#""step":"3","#, "", "`step` of the metadata: expected a number from 1 to 2147483647, got none"),
        (
            r#""next_position":"2""#,
            r#""next_position":"2147483648""#,
            "`next_position` of the metadata: expected a number from 1 to 2147483647, got `2147483648`",
        ),
        (r#""shared_start":"1""#, r#""shared_start":"-1""#, "`shared_start` of the metadata: expected a number from 0"),
        ("layers.0.keys", "layers.1.keys", "tensor `layers.0.keys`: expected one of that name, got none"),
        ("last_hidden", "last", "tensor `last_hidden`: expected one of that name, got none"),
        ("[1, 2, 2]", "[4]", "tensor `layers.0.keys`: expected a shape [kv_heads, positions, head_dim] of numbers"),
        (
            r#"values":{"dtype":"F32","shape":[1, 2, 2]"#,
            r#"values":{"dtype":"F32","shape":[2, 1, 2]"#,
            "tensor `layers.0.values`: expected f32 [1, 2, 2] as the keys of layer 0, got f32 [2, 1, 2]",
        ),
        (
            r#"values":{"dtype":"F32","shape":[1, 2, 2]"#,
            r#"values":{"dtype":"BF16","shape":[1, 2, 4]"#,
            "tensor `layers.0.values`: expected f32 [1, 2, 2] as the keys of layer 0, got bf16 [1, 2, 4]",
        ),
        ("F32", "I32", "tensor `last_hidden`: expected one of f32, f16, bf16, got I32"),
        ("[1, 2]", "[2, 1]", "tensor `last_hidden`: expected the shape [1, embedding], got [2, 1]"),
    ];
    for (from, to, expected) in table {
        let found = message(edited(&whole, from, to));
        assert!(found.starts_with(expected), "{from} as {to}: {found}");
    }
    let (before, end) = (
        r#""data_offsets":[24,40]}"#,
        r#""data_offsets":[24,40]},"x":{"dtype":"F32","shape":[0],"data_offsets":[40,40]}"#,
    );
    assert_eq!(message(edited(&whole, before, end)), "tensors: expected two for each layer and `last_hidden`, got 4");
}

#[test]
fn a_number_that_is_none_is_refused_where_it_is_read() {
    let decoder = decoder(DType::F32, false);
    let whole = saved(&read_by(&decoder), None);
    let mut bytes = whole.clone();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let expected = "`c/context.safetensors`: tensor `layers.1.values`: expected finite numbers, got NaN or infinity";
    let damaged = read(bytes.clone()).unwrap();
    assert_eq!(damaged.context(&decoder).map(drop).unwrap_err().to_string(), expected);
    let whole = read(whole).unwrap();
    assert_eq!(whole.distance_to(&damaged).unwrap_err().to_string(), expected);
    assert_eq!(damaged.distance_to(&whole).unwrap_err().to_string(), expected);
}

#[test]
fn another_model_is_told_by_what_differs() {
    let single = decoder(DType::F32, false);
    let whole = saved(&read_by(&single), None);
    let told =
        |bytes: Vec<u8>, decoder: &Decoder| read(bytes).unwrap().context(decoder).map(drop).unwrap_err().to_string();
    let file = "`c/context.safetensors`";
    let half = decoder(DType::BF16, false);
    assert_eq!(told(whole.clone(), &half), format!("{file}: number format: expected bf16 as the model has, got f32"));
    let other = saved(&by_hand(&[1.0; 4], &[1.0; 4]), None);
    assert_eq!(told(other, &single), format!("{file}: layers: expected 2 as the model has, got 1"));
    let beyond = edited(&whole, r#""next_position":"5""#, r#""next_position":"128""#);
    let message = format!("{file}: next position: expected a next position below 128 as the model has, got 128");
    assert_eq!(told(beyond, &single), message);
    read(edited(&whole, r#""next_position":"5""#, r#""next_position":"127""#)).unwrap().context(&single).unwrap();
}

#[test]
fn distances_are_those_of_vectors() {
    const TOLERANCE: f64 = 1e-12;
    let file = |keys: &[f32], values: &[f32], half| read(saved(&by_hand(keys, values), half)).unwrap();
    let distance = |a: &SavedContext, b: &SavedContext| a.distance_to(b).unwrap().layers[0];
    let close = |found: Option<f64>, expected: f64| {
        assert!(found.is_some_and(|found| (found - expected).abs() < TOLERANCE), "{found:?} for {expected}");
    };
    let a = file(&[3.0, 0.0, 0.0, 4.0], &[1.0, 2.0, 3.0, 4.0], None);
    // <A, B> = 16, ||A|| = 5, ||B|| = 4, ||A - B|| = 3.
    let b = file(&[0.0, 0.0, 0.0, 4.0], &[-1.0, -2.0, -3.0, -4.0], None);
    let LayerDistance { keys, values } = distance(&a, &b);
    close(keys.relative, 0.6);
    close(keys.cosine, 0.8);
    close(values.relative, 2.0);
    close(values.cosine, -1.0);
    close(distance(&b, &a).keys.relative, 0.75);
    let same = a.distance_to(&a).unwrap();
    close(same.last_hidden.relative, 0.0);
    close(same.last_hidden.cosine, 1.0);
    // These numbers are whole in bf16 too.
    close(distance(&a, &file(&[3.0, 0.0, 0.0, 4.0], &[1.0; 4], Some(HalfFormat::Bf16))).keys.relative, 0.0);
    let zero = file(&[0.0; 4], &[1.0; 4], None);
    assert_eq!(distance(&zero, &a).keys, Distance { relative: None, cosine: None });
    close(distance(&a, &zero).keys.relative, 1.0);
    assert_eq!(distance(&a, &zero).keys.cosine, None);
    // A small difference is not lost: 2^-20 of 1 in one of four numbers of 1.
    let (ones, near) =
        (file(&[1.0; 4], &[1.0; 4], None), file(&[1.0 + 2f32.powi(-20), 1.0, 1.0, 1.0], &[1.0; 4], None));
    close(distance(&ones, &near).keys.relative, 2f64.powi(-21));

    let longer = file(&[1.0; 6], &[1.0; 6], None);
    let name = "`c/context.safetensors`";
    let message = format!("{name} and {name} cannot be compared: positions: expected 2 as in the first, got 3");
    assert_eq!(a.distance_to(&longer).unwrap_err().to_string(), message);
}

#[test]
fn distances_by_position_are_over_all_heads_and_folded() {
    const TOLERANCE: f64 = 1e-12;
    // Two heads of three positions and one number: [2, 3, 1].
    let file = |keys: [f32; 6], values: [f32; 6]| {
        let matrix = |numbers: [f32; 6]| Tensor::from_slice(&numbers, (2, 3, 1), &Device::Cpu).unwrap();
        let cache = KvCache::new(vec![LayerCache { keys: matrix(keys), values: matrix(values) }]).unwrap();
        let hidden = Tensor::new(&[[1f32, -1.0]], &Device::Cpu).unwrap();
        read(saved(&with_step(cache, hidden), None)).unwrap()
    };
    let a = file([3.0, 0.0, 1.0, 4.0, 0.0, 1.0], [1.0; 6]);
    let b = file([0.0, 1.0, 1.0, 4.0, 0.0, 3.0], [2.0; 6]);
    let is = |found: &[Option<f64>], expected: &[Option<f64>]| {
        let close = |(found, expected): (&Option<f64>, &Option<f64>)| match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < TOLERANCE,
            (None, None) => true,
            _ => false,
        };
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(close), "{found:?} for {expected:?}");
    };
    // Keys of A: (3, 4), (0, 0), (1, 1); of A - B: (3, 0), (-1, 0), (0, -2).
    let root = |number: f64| Some(number.sqrt());
    let table: [(usize, usize, &[Option<f64>], usize); 4] = [
        (256, 1, &[Some(0.6), None, root(2.0)], 3),
        (3, 1, &[Some(0.6), None, root(2.0)], 3),
        (2, 2, &[root(10.0 / 25.0), root(2.0)], 2),
        (0, 3, &[root(14.0 / 27.0)], 1),
    ];
    for (bins, per_bin, keys, count) in table {
        let (distance, by_position) = a.distance_by_position(&b, bins).unwrap();
        assert_eq!((by_position.positions, by_position.per_bin), (3, per_bin), "{bins}");
        assert_eq!(by_position.layers.len(), 1);
        is(&by_position.layers[0].keys, keys);
        is(&by_position.layers[0].values, &vec![Some(1.0); count]);
        // However positions are folded, a layer's distance is the same to the last bit.
        assert_eq!(distance, a.distance_to(&b).unwrap());
        is(&[distance.layers[0].keys.relative], &[root(14.0 / 27.0)]);
    }
}
