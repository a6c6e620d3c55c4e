//! Values of a plan as what is written of them.

use std::collections::BTreeMap;

use candle_core::Device;
use serde_json::Value;

use crate::options::Select;
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::model::OpenModel;
use ft_engine::model::device::DeviceChoice;
use ft_engine::text::Untrusted;
use ft_record::files::context::ContextRecord;
use ft_record::files::schema::{ConfigRecord, FileRecord, LimitsRecord, ModelRecord, PluginRecord};
use ft_sandbox::options::OptionSetting;
use ft_sandbox::{Description, Limits, PluginBinary};
use ft_store::models::files::{FileDigest, ModelOrigin, OriginKind};

/// The settings, with the shots, the selection, the device and the number format that they came to.
pub fn config(config: &RunConfig, (shots, select): (usize, Select), device: String, dtype: &str) -> ConfigRecord {
    ConfigRecord {
        model: config.model.clone().into(),
        data: config.task.data.to_string().into(),
        skip_bad_rows: config.task.skip_bad_rows,
        sampling: config.task.sampling.to_string().into(),
        shots,
        seeds: config.seeds.clone(),
        steps: config.steps,
        sample: config.task.sample,
        limit: config.limit,
        allow_overlap: config.allow_overlap,
        score_steps: config.score_steps.to_string().into(),
        select: select.to_string().into(),
        held_out: match select {
            Select::HeldOut(held_out) => Some(held_out.to_string().into()),
            _ => None,
        },
        until_norm: match select {
            Select::Converged { until_norm } => until_norm,
            _ => None,
        },
        positions: config.positions.to_string().into(),
        device: device.into(),
        dtype: dtype.into(),
        weights: config.weights.to_string().into(),
        threads: config.threads,
        batch_tokens: config.batch_tokens,
        limits: limits(&config.task.limits),
        optimizer_limits: (config.optimizer_limits != config.task.limits).then(|| limits(&config.optimizer_limits)),
        allow_nonfinite: config.allow_nonfinite,
        further: further(&config.recorded),
    }
}

/// The settings of a run that scores a saved context: those on demonstrations, steps and selection are what it was tuned with.
pub fn config_of_context(config: &RunConfig, context: &ContextRecord, device: String, dtype: &str) -> ConfigRecord {
    let tuned = &context.plan.config;
    // Of these settings of the run all are replaced by the context's.
    let now = self::config(config, (tuned.shots, Select::Last), device, dtype);
    ConfigRecord {
        sampling: tuned.sampling.clone(),
        steps: tuned.steps,
        score_steps: context.selected.step.to_string().into(),
        select: tuned.select.clone(),
        held_out: tuned.held_out.clone(),
        until_norm: tuned.until_norm,
        positions: tuned.positions.clone(),
        optimizer_limits: None,
        allow_nonfinite: tuned.allow_nonfinite,
        ..now
    }
}

/// Options that the record has no field of its own for.
fn further(recorded: &BTreeMap<&'static str, Value>) -> BTreeMap<Untrusted, Untrusted<Value>> {
    let unnamed = recorded.iter().filter(|(name, _)| !ConfigRecord::FIELDS.contains(name));
    unnamed.map(|(name, value)| ((*name).into(), Untrusted::new(value.clone()))).collect()
}

fn limits(limits: &Limits) -> LimitsRecord {
    LimitsRecord {
        fuel: limits.fuel,
        seconds: limits.time.as_secs_f64(),
        compile_seconds: Some(limits.compile_time.as_secs_f64()),
        compile_memory: Some(limits.compile_memory),
        memory: limits.memory,
        table_elements: limits.table_elements,
        call_bytes: limits.call_bytes,
        tensor_bytes: limits.tensor_bytes,
        passes: Some(limits.passes),
    }
}

/// The device that a choice came to.
pub fn device(device: &Device, config: &RunConfig) -> String {
    match config.device {
        _ if device.is_cpu() => DeviceChoice::Cpu,
        DeviceChoice::Auto => DeviceChoice::Cuda(0),
        chosen => chosen,
    }
    .to_string()
}

/// A plugin by its name in results, what it says of itself, and its bytes.
pub fn plugin(name: &str, description: &Description, binary: &PluginBinary) -> PluginRecord {
    PluginRecord {
        name: name.into(),
        version: description.version.clone().into(),
        file: binary.file().into(),
        sha256: binary.sha256().into(),
    }
}

/// Options by name.
pub fn options(settings: &[OptionSetting]) -> BTreeMap<Untrusted, Untrusted<Value>> {
    let of = |setting: &OptionSetting| (setting.name.clone().into(), Untrusted::new(setting.value.to_json()));
    settings.iter().map(of).collect()
}

/// A model by its origin, its files and its shape.
pub fn model(origin: &ModelOrigin, files: Vec<FileDigest>, model: &OpenModel) -> ModelRecord {
    let config = &model.family.config;
    ModelRecord {
        asked: origin.asked.clone().into(),
        source: match &origin.found {
            OriginKind::Path(path) => path.display().to_string().into(),
            OriginKind::Catalogue { name, source } => format!("{name}, from {source}").into(),
            OriginKind::Hub { repository, revision, commit } => {
                format!("{repository}@{revision} on the hub, commit {commit}").into()
            }
        },
        files: files
            .into_iter()
            .map(|file| FileRecord { name: file.name.into(), bytes: file.bytes, sha256: file.sha256.as_str().into() })
            .collect(),
        layers: config.layers.len(),
        hidden: config.hidden,
        max_positions: config.max_positions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_without_a_field_is_recorded_as_it_was_asked_for() {
        let recorded = BTreeMap::from([("steps", Value::from(4)), ("beam", Value::from(3))]);
        assert_eq!(further(&recorded), BTreeMap::from([("beam".into(), Untrusted::new(Value::from(3)))]));
    }
}
