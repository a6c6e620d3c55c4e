//! A model's files in a folder, and what a folder without them has instead.

use std::path::{Path, PathBuf};

use crate::hub_id::HubId;
use crate::models::error::{Instead, ModelSourceError};
use crate::models::files::{ModelKind, TokenizerFiles};
use crate::models::names::{
    ADAPTER, ADAPTER_WEIGHTS, BPE_TOKENIZER, CONFIG, TOKENIZER, TOKENIZER_CONFIG, TOKENIZER_FILES, WEIGHTS,
    is_plain_name,
};
use crate::models::weight_files::weight_files;

/// Finds a model's files in a folder.
pub(crate) fn folder_files(folder: &Path) -> Result<ModelKind, ModelSourceError> {
    let adapter = ADAPTER_WEIGHTS.iter().any(|name| folder.join(name).is_file());
    if folder.join(ADAPTER).is_file() && (adapter || weight_files(folder).is_err()) {
        return Err(ModelSourceError::Adapter { folder: folder.to_owned() });
    }
    let weights = WEIGHTS.iter().flat_map(|names| [names.whole, names.index]);
    refuse_dangling(folder, weights.chain([CONFIG, ADAPTER]).chain(ADAPTER_WEIGHTS).chain(TOKENIZER_FILES))?;
    let config = member(folder, CONFIG)?;
    let weights = weight_files(folder)?;
    let tokenizer = folder_tokenizer(folder)?;
    Ok(ModelKind::Folder { config, weights, tokenizer })
}

/// Refuses a folder with a link that leads nowhere in the place of one of a tokenizer's files; see [`refuse_dangling`].
pub(crate) fn refuse_dangling_tokenizer(folder: &Path) -> Result<(), ModelSourceError> {
    refuse_dangling(folder, TOKENIZER_FILES)
}

/// Refuses a folder with a link that leads nowhere in the place of a file: as a missing file it would give way to
/// another format of weights or of the tokenizer, or leave the tokenizer without its configuration.
fn refuse_dangling(folder: &Path, names: impl IntoIterator<Item = &'static str>) -> Result<(), ModelSourceError> {
    for name in names {
        let path = folder.join(name);
        if let Ok(target) = std::fs::read_link(&path)
            && !path.exists()
        {
            return Err(ModelSourceError::Dangling { folder: folder.to_owned(), name, target });
        }
    }
    Ok(())
}

/// Finds the tokenizer in a folder.
pub(crate) fn folder_tokenizer(folder: &Path) -> Result<TokenizerFiles, ModelSourceError> {
    let config = member(folder, TOKENIZER_CONFIG).ok();
    let missing = match member(folder, TOKENIZER) {
        Ok(tokenizer) => return Ok(TokenizerFiles::Json { tokenizer, config }),
        Err(missing) => missing,
    };
    let [vocabulary, merges] = BPE_TOKENIZER.map(|name| member(folder, name).ok());
    match (vocabulary, merges) {
        (Some(vocabulary), Some(merges)) => Ok(TokenizerFiles::Bpe { vocabulary, merges, config }),
        _ => Err(missing),
    }
}

pub(crate) fn member(folder: &Path, name: &str) -> Result<PathBuf, ModelSourceError> {
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { Err(incomplete(folder, format!("`{name}`"))) }
}

pub(crate) fn incomplete(folder: &Path, missing: String) -> ModelSourceError {
    let instead = snapshots(folder).or_else(|| first_gguf(folder).map(Instead::Gguf)).unwrap_or(Instead::Nothing);
    ModelSourceError::Incomplete { folder: folder.to_owned(), missing, instead }
}

/// The snapshots of a repository in the hub's cache, where the folder is the repository's or the one that holds them.
fn snapshots(folder: &Path) -> Option<Instead> {
    let folder = folder.canonicalize().ok()?;
    let repository = if folder.ends_with("snapshots") { folder.parent()? } else { &folder };
    let name = repository.file_name()?.to_str()?.strip_prefix("models--")?.replacen("--", "/", 1);
    let snapshots = repository.join("snapshots");
    let main = std::fs::read_to_string(repository.join("refs").join(HubId::MAIN)).ok();
    let main = main.map(|commit| commit.trim().to_owned()).filter(|commit| is_plain_name(commit));
    let first = || std::fs::read_dir(&snapshots).ok()?.filter_map(|entry| Some(entry.ok()?.path())).min();
    let chosen = main.map(|commit| snapshots.join(commit)).filter(|folder| folder.is_dir()).or_else(first);
    snapshots.is_dir().then_some(Instead::Snapshots { repository: name, folder: chosen })
}

/// The first GGUF file in a folder, by name.
fn first_gguf(folder: &Path) -> Option<PathBuf> {
    let paths = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "gguf")).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_complete_or_says_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let lacks = |part: &str| {
            let error = folder_files(folder.path()).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            error
        };
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("x.gguf", "GGUF");
        assert!(lacks("has no `config.json`").hint().unwrap().contains("x.gguf"));
        write(CONFIG, "{}");
        lacks("has no weights: none of model.safetensors, model.safetensors.index.json, pytorch_model.bin");
        let [safetensors, pickles] = WEIGHTS;
        write(safetensors.index, "{\"weight_map\": {\"a\": \"../../secret\"}}");
        lacks("lists `../../secret`, which is not a plain file name");
        write(safetensors.index, "{\"weight_map\": {}}");
        lacks("its `weight_map` is empty");
        write(safetensors.index, "[");
        lacks("is not an index");
        write(safetensors.index, "{\"weight_map\": {\"a\": \"m-2\", \"b\": \"m-1\", \"c\": \"m-2\"}}");
        write("m-1", "");
        lacks("has no `m-2`, which its model.safetensors.index.json lists");
        write("m-2", "");
        lacks("has no `tokenizer.json`");
        write(TOKENIZER, "{}");
        let at = |name: &str| folder.path().join(name);
        let weights = vec![at("m-1"), at("m-2")];
        let expected = |config: Option<PathBuf>| ModelKind::Folder {
            config: at(CONFIG),
            weights: weights.clone(),
            tokenizer: TokenizerFiles::Json { tokenizer: at(TOKENIZER), config },
        };
        assert_eq!(folder_files(folder.path()).unwrap(), expected(None));
        write(TOKENIZER_CONFIG, "{}");
        assert_eq!(folder_files(folder.path()).unwrap(), expected(Some(at(TOKENIZER_CONFIG))));

        std::fs::remove_file(at(safetensors.index)).unwrap();
        write(pickles.whole, "");
        assert_eq!(weight_files(folder.path()).unwrap(), [at("pytorch_model.bin")]);
        std::fs::remove_file(at(pickles.whole)).unwrap();
        write(pickles.index, "{\"weight_map\": {\"a\": \"m-2\", \"b\": \"m-1\"}}");
        assert_eq!(weight_files(folder.path()).unwrap(), [at("m-1"), at("m-2")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_repository_in_the_hubs_cache_is_told_as_one() {
        let cache = tempfile::tempdir().unwrap();
        let repository = cache.path().join("models--acme--tiny--x");
        let hint = |folder: &Path| folder_files(folder).unwrap_err().hint();
        for commit in ["1111", "2222"] {
            std::fs::create_dir_all(repository.join("snapshots").join(commit)).unwrap();
        }
        let named = |commit: &str| {
            let folder = cache.path().canonicalize().unwrap().join("models--acme--tiny--x/snapshots").join(commit);
            let name = "this is a repository in the hub's cache: `--model acme/tiny--x`";
            Some(format!("{name} or `--model {}`", folder.display()))
        };
        assert_eq!(hint(&repository), named("1111"));
        std::fs::create_dir(repository.join("refs")).unwrap();
        std::fs::write(repository.join("refs/main"), "2222").unwrap();
        assert_eq!(hint(&repository), named("2222"));
        assert_eq!(hint(&repository.join("snapshots")), named("2222"));
        let snapshot = repository.join("snapshots/2222");
        assert_eq!(hint(&snapshot), None);

        // What a link stands for must not be looked for under another name.
        std::fs::write(snapshot.join(CONFIG), "{}").unwrap();
        std::fs::write(snapshot.join("pytorch_model.bin"), "").unwrap();
        std::fs::write(snapshot.join(TOKENIZER), "{}").unwrap();
        assert!(folder_files(&snapshot).is_ok());
        std::os::unix::fs::symlink("../../blobs/abc", snapshot.join("model.safetensors")).unwrap();
        let error = folder_files(&snapshot).unwrap_err();
        let message = "expected a file `model.safetensors`, got a link to `../../blobs/abc`, where nothing is";
        assert!(error.to_string().ends_with(message), "{error}");
        assert!(error.hint().unwrap().contains("`blobs`"), "{:?}", error.hint());
    }
}
