//! Which files of a folder are a model's weights.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ft_engine::model::json;

use crate::fs::file::read_file;
use crate::fs::lfs::refuse_lfs_pointer;
use crate::models::error::ModelSourceError;
use crate::models::folder::{incomplete, member};
use crate::models::gguf_parts::Place;
use crate::models::names::{WEIGHTS, is_plain_name};

/// Finds the weights in a folder: one file, or those of an index.
pub fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, ModelSourceError> {
    for names in WEIGHTS {
        if let Ok(whole) = member(folder, names.whole) {
            return Ok(vec![whole]);
        }
        if let Ok(index) = member(folder, names.index) {
            let listed = |missing: String| incomplete(folder, format!("{missing}, which its {} lists", names.index));
            let shards = shard_names(&index)?;
            let found = shards.iter().map(|name| member(folder, name).map_err(|_| listed(format!("`{name}`"))));
            return found.collect();
        }
    }
    let names: Vec<_> = WEIGHTS.iter().flat_map(|names| [names.whole, names.index]).collect();
    let shards = shards_in(folder);
    let shards = shards.first().map(|shard| format!("; `{shard}` is there, and nothing lists it")).unwrap_or_default();
    Err(incomplete(folder, format!("weights: none of {}{shards}", names.join(", "))))
}

/// A file of other weights in the folder of those that are read: an index that lists others, or a shard that no index
/// lists. Which of the two somebody meant, the folder does not say.
pub fn other_weights(weights: &[PathBuf]) -> Option<PathBuf> {
    let first = weights.first()?;
    let folder = first.parent()?;
    let names: Vec<_> = weights.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let format = WEIGHTS.iter().find(|format| first.extension() == Path::new(format.whole).extension())?;
    let index = folder.join(format.index);
    if index.is_file() && shard_names(&index).is_ok_and(|listed| listed != names) {
        return Some(index);
    }
    let same = |shard: &String| Path::new(shard).extension() == first.extension() && !names.contains(&shard.as_str());
    shards_in(folder).into_iter().find(same).map(|shard| folder.join(shard))
}

/// The names of shards in a folder, like `model-00001-of-00002.safetensors`, in order.
fn shards_in(folder: &Path) -> Vec<String> {
    let is_shard = |name: &String| {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        ["safetensors", "bin"].contains(&extension) && Place::of(stem).is_some()
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut shards: Vec<String> = names.filter(is_shard).collect();
    shards.sort();
    shards
}

/// The names of the weight files that an index lists, each once, in order.
pub fn shard_names(index: &Path) -> Result<Vec<String>, ModelSourceError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }
    let bad = |reason: String| ModelSourceError::BadIndex { path: index.to_owned(), reason };
    refuse_lfs_pointer(index)?;
    let json = json::parse(&read_file(index, INDEX_LIMIT)?).map_err(bad)?;
    let parsed: Index = serde_json::from_value(json).map_err(|error| bad(error.to_string()))?;
    let names: BTreeSet<String> = parsed.weight_map.into_values().collect();
    if names.is_empty() {
        return Err(bad("its `weight_map` is empty".into()));
    }
    // The names are joined to folders and asked of servers: nothing but a plain file name may pass.
    match names.iter().find(|name| !is_plain_name(name)) {
        Some(name) => Err(bad(format!("it lists `{name}`, which is not a plain file name"))),
        None => Ok(names.into_iter().collect()),
    }
}

/// The most that is read of an index; those of the largest models have a few MiB.
const INDEX_LIMIT: u64 = 64 << 20;
