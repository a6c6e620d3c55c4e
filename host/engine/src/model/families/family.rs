//! What a checkpoint's own description comes to.

use crate::model::ModelError;
use crate::model::decoder::DecoderConfig;
use crate::model::decoder::layout::Layout;
use crate::model::weights::Fp8;

/// A model's shape and where its weights are.
#[derive(Clone, Debug)]
pub struct Family {
    /// What the forward pass needs to know.
    pub config: DecoderConfig,
    /// The names of its tensors in the files.
    pub layout: Layout,
    /// How weights in FP8 are scaled, where the description says that they are.
    pub fp8: Option<Fp8>,
    /// What a reader of results has to know about how the description was read, such as settings that were passed over.
    pub notes: Vec<String>,
}

/// What to do about a setting of a checkpoint that this host does not know, and that may change what the model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSettings {
    /// Refuse the model and name the setting.
    Refuse,
    /// Go on without it, and say so in [`Family::notes`].
    Note,
}

/// How many unknown settings a message lists.
const LISTED: usize = 10;

impl UnknownSettings {
    /// What comes of the settings that nobody knows, each with its value: a note on those that are passed over, if any.
    ///
    /// # Errors
    /// [`ModelError::UnknownSettings`] where they are to be refused.
    pub(super) fn judge(self, file: &str, mut settings: Vec<String>) -> Result<Option<String>, ModelError> {
        if settings.is_empty() {
            return Ok(None);
        }
        let more = settings.len().saturating_sub(LISTED);
        settings.truncate(LISTED);
        settings.extend((more > 0).then(|| format!("and {more} more")));
        match self {
            Self::Refuse => Err(ModelError::UnknownSettings { file: file.into(), settings }),
            Self::Note => Ok(Some(format!(
                "settings of the model's configuration were passed over, which may change what it computes: {}",
                settings.join(", ")
            ))),
        }
    }
}
