//! Models on a terminal.

use super::screen::Screen;
use super::text::harmless;
use crate::store::model_files::ListedModel;

/// The models that `--model` can name, two lines for each: name, size and place, then what it is.
pub fn list(models: &[ListedModel], screen: Screen) -> String {
    let of = |model: &ListedModel| {
        let place = model.path.as_ref().map_or_else(|| "not fetched".into(), |path| path.display().to_string());
        let rest = format!("  {:.1} MB  {}", model.bytes as f64 / 1e6, harmless(&place));
        let mut out = screen.headed(&harmless(&model.name), &rest, 4);
        if !model.summary.is_empty() {
            out += &screen.line(&format!("    {}", harmless(&model.summary)), 4);
        }
        out
    };
    models.iter().map(of).collect()
}
