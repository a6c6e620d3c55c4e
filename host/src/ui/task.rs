//! What `ft-host task` says of definitions.

use super::screen::{Page, Screen};
use crate::task_dev::import::ImportError;

/// What became of a group: the tasks that cannot be translated, and why, and how many became definitions.
pub(crate) fn group(name: &str, written: usize, refused: &[(String, ImportError)], screen: Screen) -> Page {
    let mut page = Page::default();
    for (task, error) in refused {
        page += screen.prose(&format!("{task}: {error}"));
    }
    page += screen.prose(&format!("{name}: definitions of {written} of {} tasks", written + refused.len()));
    page
}
