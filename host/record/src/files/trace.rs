//! Trace records: how far a step moved the cache, one line of `trace.jsonl` each.

use serde::{Deserialize, Serialize};

/// One line of `trace.jsonl`. The fields are the keys, in this order; written and read back, every number is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRecord {
    /// The seed that chose the demonstrations.
    pub seed: u64,
    /// The Deep-Thinking step, from 2: step 1 makes the first cache and moves none.
    pub step: u32,
    /// The number of the demonstrations' tokens.
    pub tokens: usize,
    /// Seconds that the step's pass and update took.
    pub seconds: f64,
    /// The passes of the model that the optimizer asked for in the step, besides the one that proposes a cache; absent if
    /// there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<u32>,
    /// What the optimizer minimised, at the cache before its update; absent if it says no such number, or one that is not
    /// finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Whether the optimizer took its update (`true`) or kept the cache as it was; absent if it does not choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    /// The norms of each layer, from the first on.
    pub layers: Vec<LayerTrace>,
}

/// Euclidean norms over all numbers of one layer's keys and of its values, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTrace {
    /// Norms of the pseudo-gradient: the proposed cache less the one before the step.
    pub pseudo_gradient: [f64; 2],
    /// Norms of the update: the cache after the step less the one before it.
    pub update: [f64; 2],
    /// Norms of the cache before the step.
    pub cache: [f64; 2],
}

/// Why a line or value is no trace record.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The line is not a trace record in JSON.
    #[error("expected a trace record in JSON")]
    NotARecord(#[from] serde_json::Error),
    /// A norm or a time that is negative, NaN or infinite.
    #[error("expected a finite number from 0 for {what}, got {value}")]
    NotANorm {
        /// The norm or time with its layer.
        what: String,
        /// The number that is negative or not finite.
        value: f64,
    },
    /// A loss that is NaN or infinite.
    #[error("expected a finite number for `loss`, got {value}")]
    NotALoss {
        /// The loss.
        value: f64,
    },
}

impl TraceRecord {
    /// Reads one line of `trace.jsonl`.
    ///
    /// # Errors
    /// If the line is not a record, or one that [`TraceRecord::line`] would refuse.
    pub fn parse(line: &str) -> Result<Self, TraceError> {
        let record: Self = serde_json::from_str(line)?;
        record.check()?;
        Ok(record)
    }

    /// The record as one line, without a line feed.
    ///
    /// # Errors
    /// [`TraceError::NotANorm`] and [`TraceError::NotALoss`]: JSON has no number that is not finite.
    pub fn line(&self) -> Result<String, TraceError> {
        self.check()?;
        Ok(serde_json::to_string(self)?)
    }

    /// The pseudo-gradient's norm over the whole cache.
    pub fn pseudo_gradient_norm(&self) -> f64 {
        self.norm(|layer| layer.pseudo_gradient)
    }

    /// The update's norm over the whole cache.
    pub fn update_norm(&self) -> f64 {
        self.norm(|layer| layer.update)
    }

    fn norm(&self, part: impl Fn(&LayerTrace) -> [f64; 2]) -> f64 {
        let norms: Vec<f64> = self.layers.iter().flat_map(part).collect();
        let root = norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt();
        if root.is_finite() {
            return root;
        }
        // Squares of norms beyond 1e154 are beyond all numbers; their root need not be.
        let largest = norms.iter().copied().fold(0.0, f64::max);
        let scaled = norms.iter().map(|norm| (norm / largest).powi(2)).sum::<f64>().sqrt();
        (largest * scaled).min(f64::MAX)
    }

    /// Fails where a number is none that a line may have.
    pub(crate) fn check(&self) -> Result<(), TraceError> {
        let is_norm = |value: f64| value.is_finite() && value >= 0.0;
        if !is_norm(self.seconds) {
            return Err(TraceError::NotANorm { what: "`seconds`".into(), value: self.seconds });
        }
        if let Some(value) = self.loss.filter(|loss| !loss.is_finite()) {
            return Err(TraceError::NotALoss { value });
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let parts = [("pseudo_gradient", layer.pseudo_gradient), ("update", layer.update), ("cache", layer.cache)];
            for (name, norms) in parts {
                if let Some(value) = norms.into_iter().find(|value| !is_norm(*value)) {
                    return Err(TraceError::NotANorm { what: format!("`{name}` of layer {index}"), value });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(norms: [f64; 6]) -> TraceRecord {
        let [a, b, c, d, e, f] = norms;
        let layer = LayerTrace { pseudo_gradient: [a, b], update: [c, d], cache: [e, f] };
        let layers = vec![layer, layer];
        TraceRecord { seed: 3, step: 2, tokens: 57, seconds: 0.25, passes: None, loss: None, accepted: None, layers }
    }

    fn line(record: &TraceRecord) -> String {
        record.line().unwrap()
    }

    #[test]
    fn a_line_has_these_keys_in_this_order() {
        let expected = r#"{"pseudo_gradient":[3.0,4.0],"update":[0.5,0.0],"cache":[10.0,20.0]}"#;
        let expected = format!(r#"{{"seed":3,"step":2,"tokens":57,"seconds":0.25,"layers":[{expected},{expected}]}}"#);
        assert_eq!(line(&record([3.0, 4.0, 0.5, 0.0, 10.0, 20.0])), expected);
    }

    #[test]
    fn what_the_optimizer_says_stands_before_the_layers_where_it_says_it() {
        let plain = record([1.0; 6]);
        let told = TraceRecord { passes: Some(4), loss: Some(-0.5), accepted: Some(false), ..plain.clone() };
        let added = r#""seconds":0.25,"passes":4,"loss":-0.5,"accepted":false,"#;
        assert_eq!(line(&told), line(&plain).replace(r#""seconds":0.25,"#, added));
        assert_eq!(TraceRecord::parse(&line(&told)).unwrap(), told);
        for value in [f64::NAN, f64::NEG_INFINITY] {
            let message = TraceRecord { loss: Some(value), ..plain.clone() }.line().unwrap_err().to_string();
            assert_eq!(message, format!("expected a finite number for `loss`, got {value}"));
        }
    }

    #[test]
    fn a_norm_of_all_is_the_root_of_the_sum_of_squares() {
        let record = record([3.0, 4.0, 0.5, 0.0, 10.0, 20.0]);
        assert!((record.pseudo_gradient_norm() - 50f64.sqrt()).abs() < 1e-12);
        assert!((record.update_norm() - 0.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_norm_of_large_norms_is_a_number() {
        let record = record([3e300, 4e300, f64::MAX, f64::MAX, 0.0, 0.0]);
        assert!((record.pseudo_gradient_norm() / 1e300 - 50f64.sqrt()).abs() < 1e-12);
        assert_eq!(record.update_norm(), f64::MAX);
    }

    #[test]
    fn what_is_no_norm_is_refused_by_name() {
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            let message = record([0.0, 0.0, 0.0, value, 0.0, 0.0]).line().unwrap_err().to_string();
            assert_eq!(message, format!("expected a finite number from 0 for `update` of layer 0, got {value}"));
        }
        let good = line(&record([1.0; 6]));
        for bad in ["", "{", "[]", &good.replace("[1.0,1.0]", "[1.0]"), &good.replace("seed", "sead")] {
            assert!(matches!(TraceRecord::parse(bad), Err(TraceError::NotARecord(_))), "{bad}");
        }
        let negative = TraceRecord::parse(&good.replace("0.25", "-0.25")).unwrap_err();
        assert_eq!(negative.to_string(), "expected a finite number from 0 for `seconds`, got -0.25");
    }

    proptest! {
        #[test]
        fn every_number_reads_back_as_it_was(bits in prop::array::uniform6(any::<u64>())) {
            let norms = bits.map(|bits| f64::from_bits(bits).abs());
            prop_assume!(norms.iter().all(|norm| norm.is_finite()));
            let loss = f64::from_bits(bits[0]);
            let record = TraceRecord { loss: Some(loss).filter(|loss| loss.is_finite()), ..record(norms) };
            prop_assert_eq!(TraceRecord::parse(&line(&record)).unwrap(), record);
        }
    }
}
