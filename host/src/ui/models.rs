//! Models on a terminal: which there are, what one is.

use super::screen::{Page, Screen};
use crate::run::ModelDescription;
use ft_store::models::files::ListedModel;

/// The models that `--model` can name, two lines for each: name, size and place, then what it is.
pub(crate) fn list(models: &[ListedModel], screen: Screen) -> Page {
    let of = |model: &ListedModel| {
        let place = model.path.as_ref().map_or_else(|| "not fetched".into(), |path| path.display().to_string());
        let rest = format!("  {:.1} MB  {place}", model.bytes as f64 / 1e6);
        let mut out = screen.headed(&model.name, &rest, 4);
        if !model.summary.is_empty() {
            out += screen.line(&format!("    {}", model.summary), 4);
        }
        out
    };
    models.iter().map(of).collect()
}

/// What a model is: its files, shape, positions and tokens, then what it does not need and notes.
pub(crate) fn describe(model: &ModelDescription, screen: Screen) -> Page {
    let ModelDescription { files, config, bos, unneeded, beyond_vocabulary, notes } = model;
    let mut page: Page = files.iter().map(|path| screen.prose(&path.display().to_string())).collect();
    page += screen.prose(&format!(
        "{} layers, {} wide, {} heads of {} ({} for keys and values), MLP {}, vocabulary {}",
        config.layers.len(),
        config.hidden,
        config.heads,
        config.head_dim,
        config.kv_heads,
        config.intermediate,
        config.vocabulary
    ));
    page += screen.prose(&match config.max_positions {
        Some(limit) => format!("{limit} positions"),
        None => "positions without a bound".into(),
    });
    page += screen.prose(&format!("{} bytes of cache for each position in f32", config.cache_bytes_per_position(4)));
    page += screen.prose(&match bos {
        Some(id) => format!("texts begin with token {id}"),
        None => "no token at the beginning of texts".into(),
    });
    if !unneeded.is_empty() {
        page += screen.prose(&format!("tensors that the model does not need: {unneeded}"));
    }
    if let Some(id) = beyond_vocabulary {
        page += screen.note(&format!(
            "the tokenizer has ids up to {id}, and the embedding ends at {}; a run whose texts need such a token is refused",
            config.vocabulary - 1
        ));
    }
    for note in notes {
        page += screen.note(note);
    }
    page
}
