//! What a block computes is data: blocks that no family of today has, on both backends, against a plain decoder in double
//! precision that is written for this test, one token after the other and nothing shared.

use candle_core::{DType, Device, Tensor};
use ft_engine::model::decoder::config::{
    Activation, HalfNorms, LayerConfig, NormKind, Positions, Residual, Rotary, RotaryScaling,
};
use ft_engine::model::decoder::layout::{LayerNames, Layout, LinearName, NormName, QkvNames};
use ft_engine::model::decoder::{Batch, DecoderConfig, Placement, TokenTree};
use ft_engine::model::weights::{TensorSource, WeightFormat};
use ft_engine::model::{Context, Decoder, KvCache, ModelError};

/// Differences of logits and of keys and values, all of the size of 1, in f32 from those in f64.
const TOLERANCE: f64 = 2e-5;

const F32: Placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };

/// A text long enough for windows to hide tokens of the past and of the batch.
const TEXT: [u32; 12] = [3, 14, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9];

/// Weights that follow from a tensor's name.
struct Noise;

impl Noise {
    fn numbers(name: &str, count: usize) -> Vec<f32> {
        let seed = name.bytes().fold(17u64, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        // Gains are near 1, or near 0 where 1 is added to them, and both differ from it by much.
        let (middle, size) = if name.ends_with("norm.weight") { (0.4, 0.5) } else { (0.0, 0.35) };
        let number = |index: u64| {
            let mixed = (seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let unit = ((mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40) as f32 / (1 << 24) as f32;
            middle + size * (2.0 * unit - 1.0)
        };
        (0..count as u64).map(number).collect()
    }
}

impl TensorSource for Noise {
    fn file(&self) -> &str {
        "noise"
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn shape(&self, _name: &str) -> Option<&[usize]> {
        None
    }

    fn check(&self, _name: &str, _shape: &[usize]) -> Result<(), ModelError> {
        Ok(())
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        Ok(Tensor::from_vec(Self::numbers(name, shape.iter().product()), shape, device)?.to_dtype(dtype)?)
    }
}

const SANDWICH: HalfNorms<bool> = HalfNorms { input: true, output: true, sum: false };

fn rotary(base: f64, dimensions: usize) -> Rotary {
    Rotary { dimensions, base, interleaved: false, scaling: RotaryScaling::None }
}

/// A small model with a norm before each half.
fn base(layers: usize) -> DecoderConfig {
    DecoderConfig {
        vocabulary: 40,
        hidden: 24,
        embedding: 24,
        embedding_scale: None,
        intermediate: 36,
        gated: false,
        heads: 4,
        kv_heads: 2,
        head_dim: 8,
        max_positions: Some(64),
        positions: Positions::Learned { offset: 1 },
        norm: NormKind::Layer,
        norm_eps: 1e-3,
        norm_gain_offset: 0.0,
        activation: Activation::GeluTanh,
        logit_softcap: None,
        layers: vec![LayerConfig::pre_norm(8); layers],
    }
}

/// Four norms to a block with gains of `1 + w`, embeddings times `sqrt(hidden)`, caps on scores and logits, and layers with
/// a window and a small rotary base beside layers with neither.
fn gemma_like() -> DecoderConfig {
    let local = LayerConfig {
        attention_norms: SANDWICH,
        mlp_norms: SANDWICH,
        window: Some(4),
        rotary: Some(rotary(1e2, 8)),
        attention_scale: 0.6,
        attention_softcap: Some(1.5),
        ..LayerConfig::pre_norm(8)
    };
    let global = LayerConfig { window: None, rotary: Some(rotary(1e4, 8)), ..local.clone() };
    DecoderConfig {
        embedding_scale: Some(24f64.sqrt()),
        gated: true,
        positions: Positions::Rotary,
        norm: NormKind::Rms,
        norm_gain_offset: 1.0,
        logit_softcap: Some(2.0),
        layers: vec![local.clone(), global, local],
        ..base(0)
    }
}

/// All that a block can be, by name.
fn models() -> Vec<(&'static str, DecoderConfig)> {
    let plain = LayerConfig::pre_norm(8);
    let of = |layers: Vec<LayerConfig>| DecoderConfig { layers, ..base(0) };
    let output = HalfNorms { input: false, output: true, sum: false };
    let all = HalfNorms { input: true, output: true, sum: true };
    let parallel = LayerConfig { residual: Residual::Parallel, ..plain.clone() };
    let from_norm = LayerConfig { residual: Residual::SequentialFromNorm, ..plain.clone() };
    let mixed = vec![
        LayerConfig { rotary: Some(rotary(1e3, 4)), window: Some(3), ..plain.clone() },
        LayerConfig { attention_norms: HalfNorms::SUM, mlp_norms: HalfNorms::SUM, ..plain.clone() },
        LayerConfig { rotary: Some(Rotary { interleaved: true, ..rotary(1e2, 6) }), ..parallel.clone() },
        LayerConfig { attention_softcap: Some(0.7), ..from_norm.clone() },
    ];
    vec![
        ("four norms, caps and two rotary bases", gemma_like()),
        ("norms of outputs alone", {
            let layer = LayerConfig { attention_norms: output, mlp_norms: output, ..plain.clone() };
            of(vec![layer; 2])
        }),
        ("all norms", of(vec![LayerConfig { attention_norms: all, mlp_norms: all, ..plain.clone() }; 2])),
        ("no norms", {
            let layer = LayerConfig { attention_norms: HalfNorms::NONE, mlp_norms: HalfNorms::NONE, ..plain.clone() };
            of(vec![LayerConfig { residual_scale: Some(0.3), ..layer }; 2])
        }),
        ("residual scale", of(vec![LayerConfig { residual_scale: Some(0.4), ..plain.clone() }; 2])),
        ("parallel, a norm each", of(vec![LayerConfig { mlp_norms: SANDWICH, ..parallel.clone() }; 2])),
        ("parallel, one norm for both", {
            let layer = LayerConfig { mlp_norms: HalfNorms::NONE, residual_scale: Some(0.8), ..parallel.clone() };
            of(vec![layer; 2])
        }),
        ("parallel, no norm but of the sum", {
            let (attention_norms, mlp_norms) = (HalfNorms::NONE, HalfNorms::SUM);
            of(vec![LayerConfig { attention_norms, mlp_norms, ..parallel.clone() }; 2])
        }),
        ("residual from the norm, ALiBi, capped", {
            let layer = LayerConfig { attention_softcap: Some(1.0), window: Some(5), ..from_norm };
            DecoderConfig { positions: Positions::Alibi, ..of(vec![layer; 2]) }
        }),
        ("every layer another", of(mixed)),
    ]
}

fn norms(norms: HalfNorms<bool>, prefix: &str) -> HalfNorms<Option<NormName>> {
    let name = |there: bool, place: &str| there.then(|| NormName::new(format!("{prefix}.{place}.norm")));
    HalfNorms { input: name(norms.input, "in"), output: name(norms.output, "out"), sum: name(norms.sum, "sum") }
}

/// Names for a configuration; heads are normed where the model has rotary positions.
fn layout(config: &DecoderConfig) -> Layout {
    let names = |(index, layer): (usize, &LayerConfig)| {
        let linear = |name: &str| LinearName::new(&format!("{index}.{name}"), true);
        let head_norm = |name: &str| NormName::new(format!("{index}.{name}.norm"));
        LayerNames {
            attention_norms: norms(layer.attention_norms, &format!("{index}.attention")),
            mlp_norms: norms(layer.mlp_norms, &format!("{index}.mlp")),
            qkv: QkvNames::Separate { query: linear("q"), key: linear("k"), value: linear("v") },
            head_norms: (config.positions == Positions::Rotary).then(|| (head_norm("qh"), head_norm("kh"))),
            attention_output: linear("o"),
            gate: config.gated.then(|| linear("gate")),
            up: linear("up"),
            down: linear("down"),
        }
    };
    Layout {
        prefix: "",
        embedding: "embedding".into(),
        positions: matches!(config.positions, Positions::Learned { .. }).then(|| "positions".into()),
        embedding_norm: None,
        embedding_projections: None,
        final_norm: Some(NormName::new("final.norm")),
        head: LinearName { weight: "embedding".into(), bias: None },
        tied_head: None,
        rotary_factors: None,
        layers: config.layers.iter().enumerate().map(names).collect(),
        transposed: false,
    }
}

type Rows = Vec<Vec<f64>>;

/// The plain decoder.
struct Plain<'a>(&'a DecoderConfig);

/// Logits of every token, and per layer the keys and values of all tokens, heads side by side.
struct PlainOutput {
    logits: Rows,
    caches: Vec<(Rows, Rows)>,
}

impl Plain<'_> {
    fn numbers(name: &str, count: usize) -> Vec<f64> {
        Noise::numbers(name, count).into_iter().map(f64::from).collect()
    }

    /// `W x + b`.
    fn linear(name: &str, x: &[f64], outputs: usize) -> Vec<f64> {
        let weights = Self::numbers(&format!("{name}.weight"), outputs * x.len());
        let bias = Self::numbers(&format!("{name}.bias"), outputs);
        let rows = weights.chunks(x.len()).zip(bias);
        rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias).collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let count = x.len() as f64;
        let gain = Self::numbers(&format!("{name}.weight"), x.len()).into_iter().map(|w| w + self.0.norm_gain_offset);
        let (mean, bias) = match self.0.norm {
            NormKind::Rms => (0.0, vec![0.0; x.len()]),
            NormKind::Layer => (x.iter().sum::<f64>() / count, Self::numbers(&format!("{name}.bias"), x.len())),
        };
        let square = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let root = (square + self.0.norm_eps).sqrt();
        x.iter().zip(gain).zip(bias).map(|((x, gain), bias)| (x - mean) / root * gain + bias).collect()
    }

    /// The norm, where there is one.
    fn normed(&self, there: bool, name: &str, x: &[f64]) -> Vec<f64> {
        if there { self.norm(name, x) } else { x.to_vec() }
    }

    fn rotated(x: &[f64], rotary: Option<Rotary>, position: usize) -> Vec<f64> {
        let mut out = x.to_vec();
        let Some(Rotary { dimensions, base, interleaved, .. }) = rotary else { return out };
        for pair in 0..dimensions / 2 {
            let (sin, cos) = (position as f64 * base.powf(-2.0 * pair as f64 / dimensions as f64)).sin_cos();
            let (a, b) = if interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + dimensions / 2) };
            (out[a], out[b]) = (x[a] * cos - x[b] * sin, x[b] * cos + x[a] * sin);
        }
        out
    }

    fn activated(&self, x: f64) -> f64 {
        assert_eq!(self.0.activation, Activation::GeluTanh, "the only one that this decoder has");
        0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
    }

    /// The attention of all tokens over all before them, projected; and their keys and values.
    fn attention(&self, index: usize, inputs: &Rows) -> (Rows, (Rows, Rows)) {
        let (config, layer) = (self.0, &self.0.layers[index]);
        let (heads, kv_heads, head_dim) = (config.heads, config.kv_heads, config.head_dim);
        let project = |name: &str, norm: &str, heads: usize, x: &[f64], position: Option<usize>| -> Vec<f64> {
            let all = Self::linear(&format!("{index}.{name}"), x, heads * head_dim);
            let of_head = |x: &[f64]| {
                let is_normed = position.is_some() && config.positions == Positions::Rotary;
                let x = self.normed(is_normed, &format!("{index}.{norm}.norm"), x);
                position.map_or(x.clone(), |position| Self::rotated(&x, layer.rotary, position))
            };
            all.chunks(head_dim).flat_map(of_head).collect()
        };
        let places = || inputs.iter().enumerate();
        let queries: Rows = places().map(|(p, x)| project("q", "qh", heads, x, Some(p))).collect();
        let keys: Rows = places().map(|(p, x)| project("k", "kh", kv_heads, x, Some(p))).collect();
        let values: Rows = inputs.iter().map(|x| project("v", "", kv_heads, x, None)).collect();
        let mut outputs = Rows::new();
        for (place, query) in queries.iter().enumerate() {
            let first = layer.window.map_or(0, |window| (place + 1).saturating_sub(window));
            let mut joined = Vec::new();
            for head in 0..heads {
                let part = |row: &[f64], head: usize| row[head * head_dim..][..head_dim].to_vec();
                let group = head / (heads / kv_heads);
                let weight = |key: usize| {
                    let pairs = part(query, head).into_iter().zip(part(&keys[key], group));
                    let score = pairs.map(|(q, k)| q * k).sum::<f64>() * layer.attention_scale;
                    let score = layer.attention_softcap.map_or(score, |cap| cap * (score / cap).tanh());
                    // Four heads: slopes of a quarter, its square, and so on.
                    let slope = 0.25f64.powi(head as i32 + 1);
                    let bias = if config.positions == Positions::Alibi { slope * key as f64 } else { 0.0 };
                    (score + bias).exp()
                };
                let weights: Vec<f64> = (first..=place).map(weight).collect();
                let sum: f64 = weights.iter().sum();
                let mut out = vec![0.0; head_dim];
                for (weight, key) in weights.iter().zip(first..=place) {
                    out.iter_mut().zip(part(&values[key], group)).for_each(|(out, v)| *out += weight / sum * v);
                }
                joined.extend(out);
            }
            outputs.push(Self::linear(&format!("{index}.o"), &joined, config.hidden));
        }
        (outputs, (keys, values))
    }

    fn mlp(&self, index: usize, x: &[f64]) -> Vec<f64> {
        let width = self.0.intermediate;
        let up = Self::linear(&format!("{index}.up"), x, width);
        let inner: Vec<f64> = if self.0.gated {
            let gate = Self::linear(&format!("{index}.gate"), x, width);
            gate.iter().zip(up).map(|(gate, up)| self.activated(*gate) * up).collect()
        } else {
            up.into_iter().map(|x| self.activated(x)).collect()
        };
        Self::linear(&format!("{index}.down"), &inner, self.0.hidden)
    }

    fn run(&self, ids: &[u32]) -> PlainOutput {
        let config = self.0;
        let hidden = config.hidden;
        let table = Self::numbers("embedding", config.vocabulary * hidden);
        let row = |id: u32| &table[id as usize * hidden..][..hidden];
        let scale = config.embedding_scale.unwrap_or(1.0);
        let mut stream: Rows = ids.iter().map(|id| row(*id).iter().map(|x| x * scale).collect()).collect();
        if let Positions::Learned { offset } = config.positions {
            let positions = Self::numbers("positions", (64 + offset) * hidden);
            for (place, x) in stream.iter_mut().enumerate() {
                x.iter_mut().zip(&positions[(place + offset) * hidden..]).for_each(|(x, position)| *x += position);
            }
        }
        let mut caches = Vec::new();
        for (index, layer) in config.layers.iter().enumerate() {
            let (around, mlp) = (layer.attention_norms, layer.mlp_norms);
            let name = |half: &str, place: &str| format!("{index}.{half}.{place}.norm");
            let factor = layer.residual_scale.unwrap_or(1.0);
            // A half's output on its way to the stream, and the stream with it.
            let add = |x: &[f64], half: &str, norms: HalfNorms<bool>, output: &[f64]| {
                let output = self.normed(norms.output, &name(half, "out"), output);
                let sum: Vec<f64> = x.iter().zip(output).map(|(x, output)| x + factor * output).collect();
                self.normed(norms.sum, &name(half, "sum"), &sum)
            };
            let normed: Rows = stream.iter().map(|x| self.normed(around.input, &name("attention", "in"), x)).collect();
            let (attended, cache) = self.attention(index, &normed);
            caches.push(cache);
            for ((x, normed), attended) in stream.iter_mut().zip(normed).zip(attended) {
                *x = match layer.residual {
                    Residual::Sequential => {
                        let x = add(x, "attention", around, &attended);
                        let read = self.normed(mlp.input, &name("mlp", "in"), &x);
                        add(&x, "mlp", mlp, &self.mlp(index, &read))
                    }
                    Residual::SequentialFromNorm => {
                        let x = add(&normed, "attention", around, &attended);
                        let read = self.normed(mlp.input, &name("mlp", "in"), &x);
                        add(&read, "mlp", mlp, &self.mlp(index, &read))
                    }
                    Residual::Parallel => {
                        let read = if mlp.input { self.norm(&name("mlp", "in"), x) } else { normed };
                        let x = add(x, "attention", around, &attended);
                        add(&x, "mlp", mlp, &self.mlp(index, &read))
                    }
                };
            }
        }
        let logits = stream.iter().map(|x| {
            let x = self.norm("final.norm", x);
            let logit = |row: &[f64]| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
            let capped = |l: f64| config.logit_softcap.map_or(l, |cap| cap * (l / cap).tanh());
            table.chunks(hidden).map(|row| capped(logit(row))).collect()
        });
        PlainOutput { logits: logits.collect(), caches }
    }
}

/// Holds rows to the plain decoder's. Not `<=` on a maximum: a NaN is no agreement.
fn hold(what: &str, found: &[f32], plain: &[f64]) {
    assert_eq!(found.len(), plain.len(), "{what}");
    for (index, (found, plain)) in found.iter().zip(plain).enumerate() {
        assert!(
            (f64::from(*found) - plain).abs() <= TOLERANCE,
            "{what}: number {index} is {found}, and {plain} in f64"
        );
    }
}

/// A pass over `trees` behind `past`: the logits of all its tokens, both ways that a decoder has, and its cache.
fn pass(decoder: &Decoder, trees: &[TokenTree], past: Option<&KvCache>) -> (Vec<Vec<f32>>, KvCache) {
    let output_rows: Vec<usize> = (0..trees.iter().map(TokenTree::len).sum()).collect();
    let next_position = past.map_or(0, KvCache::positions);
    let cache = past.cloned().unwrap_or_default();
    let context = Context { cache, next_position, ..Context::zero_shot(None) };
    let output = decoder.forward(Batch::after(&context, trees, &output_rows)).unwrap();
    let logits: Vec<Vec<f32>> = decoder.logits(&output.hidden_states).unwrap().to_vec2().unwrap();
    let (step, mut some) = (Decoder::LOGIT_STEP, Vec::new());
    let rest = step..decoder.config().vocabulary;
    decoder.logits_of(&output.hidden_states, rest.clone(), &mut some).unwrap();
    assert_eq!(some.len(), logits.len() * rest.len());
    for (row, some) in logits.iter().zip(some.chunks(rest.len())) {
        let close = row[step..].iter().zip(some).all(|(a, b)| (a - b).abs() <= 1e-6);
        assert!(close, "{:?} {some:?}", &row[step..]);
    }
    (logits, output.cache)
}

/// Keys or values as the plain decoder has them: a row per position, heads side by side.
fn by_position(tensor: &Tensor) -> Vec<f32> {
    tensor.transpose(0, 1).unwrap().contiguous().unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn decoders(config: &DecoderConfig) -> [(&'static str, Decoder); 2] {
    let layout = layout(config);
    [
        ("CPU", Decoder::load(config.clone(), &layout, &Noise, &F32).unwrap()),
        ("library", Decoder::load_for_library(config.clone(), &layout, &Noise, &F32).unwrap()),
    ]
}

#[test]
fn blocks_compute_what_their_data_say() {
    for (name, config) in models() {
        let plain = Plain(&config).run(&TEXT);
        for (backend, decoder) in decoders(&config) {
            let (logits, cache) = pass(&decoder, &[TokenTree::chain(&TEXT)], None);
            for (place, (found, plain)) in logits.iter().zip(&plain.logits).enumerate() {
                hold(&format!("{name}, {backend}: logits of token {place}"), found, plain);
            }
            for (index, (layer, (keys, values))) in cache.layers().iter().zip(&plain.caches).enumerate() {
                hold(&format!("{name}, {backend}: keys of layer {index}"), &by_position(&layer.keys), &keys.concat());
                let what = format!("{name}, {backend}: values of layer {index}");
                hold(&what, &by_position(&layer.values), &values.concat());
            }
        }
    }
}

#[test]
fn a_past_and_trees_change_nothing() {
    // Two queries behind seven tokens; the first has two endings.
    let (past, first, second) = (&TEXT[..7], &TEXT[7..], [4u32, 30, 2, 2, 17]);
    let other_ending = [first[0], first[1], 21, 22, 23];
    let mut branching = TokenTree::chain(first);
    other_ending.iter().fold(None, |parent, token| Some(branching.insert(*token, parent)));
    let nodes: Vec<usize> = vec![0, 1, 5, 6, 7];
    for (name, config) in models() {
        for (backend, decoder) in decoders(&config) {
            let (_, cache) = pass(&decoder, &[TokenTree::chain(past)], None);
            let (chain, _) = pass(&decoder, &[TokenTree::chain(first)], Some(&cache));
            let trees = [branching.clone(), TokenTree::chain(&second)];
            let (packed, _) = pass(&decoder, &trees, Some(&cache));
            let of_second: Vec<usize> = (branching.len()..branching.len() + second.len()).collect();
            let own: Vec<usize> = (0..first.len()).collect();
            let texts = [
                (first, &own, &chain),
                (first, &own, &packed),
                (&other_ending, &nodes, &packed),
                (&second, &of_second, &packed),
            ];
            for (case, (text, rows, logits)) in texts.into_iter().enumerate() {
                let plain = Plain(&config).run(&[past, text].concat()).logits;
                for (row, plain) in rows.iter().zip(&plain[past.len()..]) {
                    hold(&format!("{name}, {backend}, text {case}: row {row}"), &logits[*row], plain);
                }
            }
        }
    }
}

#[test]
fn only_the_rows_that_are_asked_for_come_out() {
    for (name, config) in models() {
        for (backend, decoder) in decoders(&config) {
            let trees = [TokenTree::chain(&TEXT)];
            let (all, cache) = pass(&decoder, &trees, None);
            for output_rows in [&[][..], &[11], &[7, 2, 2]] {
                let output = decoder.forward(Batch::after(&Context::zero_shot(None), &trees, output_rows)).unwrap();
                assert_eq!(output.hidden_states.dims(), [output_rows.len(), 24]);
                assert_eq!(output.cache.positions(), cache.positions());
                if output_rows.is_empty() {
                    continue;
                }
                let logits: Vec<Vec<f32>> = decoder.logits(&output.hidden_states).unwrap().to_vec2().unwrap();
                for (row, found) in output_rows.iter().zip(logits) {
                    let close = found.iter().zip(&all[*row]).all(|(a, b)| (a - b).abs() <= 1e-5);
                    assert!(close, "{name}, {backend}: row {row} of {output_rows:?}");
                }
            }
        }
    }
}

#[test]
fn names_that_do_not_fit_the_data_are_refused() {
    let config = gemma_like();
    let refusal = |layout: &Layout| {
        let error = Decoder::load(config.clone(), layout, &Noise, &F32).err().unwrap();
        error.to_string()
    };
    let mut missing = layout(&config);
    missing.layers[1].mlp_norms.output = None;
    let message = refusal(&missing);
    assert!(message.contains("of layer 1") && message.contains("output: false"), "{message}");
    let mut gate = layout(&config);
    gate.layers[2].gate = None;
    assert!(refusal(&gate).contains("expected a name for the gate of layer 2, got none"), "{}", refusal(&gate));
    let mut fewer = layout(&config);
    fewer.layers.pop();
    assert!(refusal(&fewer).contains("expected names for 3 layers, got 2"), "{}", refusal(&fewer));
}
