//! What a Deep-Thinking step costs through the momentum component and through the same rule natively, in one run.
//!
//! The model has the shape of SmolLM2-135M and random weights. Steps of both kinds alternate, so that both meet the same
//! machine; figures are medians. The component comes from `plugins/momentum.wasm` (`cargo xtask plugins`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use ft_host::model::decoder::Placement;
use ft_host::model::families;
use ft_host::model::weights::{TensorSource, WeightFormat};
use ft_host::model::{Decoder, ModelError};
use ft_host::plugin::{Limits, OptimizerPlugin, PluginBinary, PluginEngine, options};
use ft_host::tune::{MetaOptimizer, Momentum, Positions, Slot, State, Update};

const CONFIG: &str = r#"{
    "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "hidden_act": "silu", "tie_word_embeddings": true
}"#;
const PLUGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/momentum.wasm");
/// Tokens of demonstrations, and how many steps of each kind: more where a step is short, since noise is not.
const CASES: [(u32, usize); 3] = [(28, 50), (128, 20), (512, 8)];

struct RandomWeights;

impl TensorSource for RandomWeights {
    fn file(&self) -> &str {
        "random weights"
    }

    fn contains(&self, _name: &str) -> bool {
        true
    }

    fn tensor(&self, name: &str, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let (mean, deviation) = if name.contains("norm") { (1.0, 0.0) } else { (0.0, 0.02) };
        Ok(Tensor::randn(mean as f32, deviation as f32, shape, device)?.to_dtype(dtype)?)
    }
}

/// Times the updates within the steps.
struct Timed<'a> {
    rule: &'a mut dyn MetaOptimizer,
    spent: Duration,
}

impl MetaOptimizer for Timed<'_> {
    fn step(&mut self, step: usize, slots: Vec<Slot>) -> Result<Update, Box<dyn std::error::Error + Send + Sync>> {
        let started = Instant::now();
        let update = self.rule.step(step, slots);
        self.spent += started.elapsed();
        update
    }
}

#[derive(Default)]
struct Times {
    whole: Vec<Duration>,
    update: Vec<Duration>,
}

impl Times {
    fn medians(&mut self) -> (f64, f64) {
        let median = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e3
        };
        (median(&mut self.whole), median(&mut self.update))
    }
}

fn component(engine: &PluginEngine) -> OptimizerPlugin {
    let bytes = std::fs::read(PLUGIN).unwrap_or_else(|error| panic!("{PLUGIN}: {error}; run `cargo xtask plugins`"));
    let binary = PluginBinary::new("momentum.wasm", bytes);
    let mut plugin =
        OptimizerPlugin::load(engine, binary, Limits::default(), Arc::new(|_| ()), &Device::Cpu).expect("loads");
    let settings = options::resolve(&plugin.description().options, &[]).expect("defaults");
    plugin.open(&settings).expect("opens");
    plugin
}

fn main() {
    let family = families::from_config_json("config.json", CONFIG.as_bytes()).expect("a config");
    let placement = Placement { device: Device::Cpu, dtype: DType::F32, weights: WeightFormat::Dense };
    let decoder = Decoder::load(family.config, &family.layout, &RandomWeights, &placement).expect("loads");
    let engine = PluginEngine::new(None).expect("an engine");
    println!("a step of Deep-Thinking, medians in ms    (SmolLM2-135M's shape, f32, CPU)");
    println!(
        "{:>14} {:>15} {:>15} {:>15} {:>15} {:>8} {:>10}",
        "tokens", "native update", "comp. update", "native step", "comp. step", "ratio", "by update"
    );
    for (length, pairs) in CASES {
        let ids: Vec<u32> = (0..length).map(|token| token * 7 % 49152).collect();
        let first = State::first(&decoder, &ids).expect("a first pass");
        let mut native = Momentum::new(0.01, 0.9);
        let mut plugin = component(&engine);
        let rules: [&mut dyn MetaOptimizer; 2] = [&mut native, &mut plugin];
        let mut rules = rules.map(|rule| Timed { rule, spent: Duration::ZERO });
        let mut states = [first.clone(), first];
        let mut times = [Times::default(), Times::default()];
        for pair in 0..pairs {
            for turn in 0..2 {
                // Which of the two goes first alternates too.
                let which = (pair + turn) % 2;
                rules[which].spent = Duration::ZERO;
                let started = Instant::now();
                let next = states[which].next(&decoder, &ids, Positions::Continue, &mut rules[which]).expect("a step");
                times[which].whole.push(started.elapsed());
                times[which].update.push(rules[which].spent);
                states[which] = next;
            }
        }
        let [(native, native_update), (component, component_update)] = times.each_mut().map(Times::medians);
        println!(
            "{length:>14} {native_update:>15.2} {component_update:>15.2} {native:>15.1} {component:>15.1} {:>8.3} {:>10.4}",
            component / native,
            // The passes are the same work: what the updates differ by is what the component costs.
            1.0 + (component_update - native_update) / native
        );
    }
}
