//! Why a step of an optimizer is not the run's.

use crate::diagnosis::{Diagnosis, Fault};
use ft_engine::tune::TuneError;
use ft_record::files::samples::SampleError;

/// A cache that an optimizer moved, and that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// An update that does not fit the cache.
    #[error("plugin {plugin}: {source}")]
    BadUpdate {
        /// The optimizer's name, version and file.
        plugin: String,
        /// What does not fit.
        source: Box<TuneError>,
    },
    /// A score that is not a number.
    #[error("plugin {plugin}: example `{id}` over the cache of step {step}")]
    Sample {
        /// The optimizer's name, version and file.
        plugin: String,
        /// The id of the example that was scored.
        id: String,
        /// The step whose cache it was scored over.
        step: usize,
        /// What is wrong with its record.
        #[source]
        source: SampleError,
    },
}

/// The hint for numbers that are not finite.
const BLOWN_UP: &str = "a step size that is too large makes a cache blow up, and so does an optimizer that divides by what does not \
                        change (the values of layer 0 never do); the earlier steps are kept";

impl Diagnosis for StepError {
    fn fault(&self) -> Fault {
        match self {
            // The first steps' scores are finite, or the model is at fault: later ones are of the optimizer's making.
            Self::BadUpdate { .. } | Self::Sample { source: SampleError::NotFinite { .. }, .. } => Fault::Plugin,
            Self::Sample { .. } => Fault::Host,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::BadUpdate { source, .. } if !matches!(**source, TuneError::NotFinite { .. }) => {
                Some("this is a bug in the plugin; please report it to its author".into())
            }
            Self::BadUpdate { .. } | Self::Sample { .. } => Some(BLOWN_UP.into()),
        }
    }
}
