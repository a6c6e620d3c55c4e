//! The list of models on a terminal.

use super::screen::{Page, Screen};
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
