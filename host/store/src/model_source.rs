//! What `--model X` means.
//!
//! A path that exists wins; then a name of the catalogue; then `owner/name[@revision]` is a repository of the hub.
//! What looks like a path and is not there is never looked for elsewhere.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::catalogue::{self, CatalogueModel};
use super::file::{FileError, open_regular, read_file};
use super::gguf_parts::{Place, parts};
use super::hub::HubId;
use super::lfs::refuse_lfs_pointer;
use super::model_files::{ModelKind, TokenizerFiles};
use ft_engine::model::json;

/// Where to look for a model.
#[derive(Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// A GGUF file.
    File(PathBuf),
    /// A folder with `config.json`, `tokenizer.json` and weights.
    Folder(PathBuf),
    /// A model of the catalogue.
    Catalogue(&'static CatalogueModel),
    /// A repository of the hub.
    Hub(HubId),
}

/// What is wrong with a model that the user named.
#[derive(Debug, thiserror::Error)]
pub enum ModelSourceError {
    /// It looks like a path, and nothing is there.
    #[error("no model file or folder `{}`", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// It is neither a path nor a name nor a repository.
    #[error(
        "`{asked}` is no model: there is no file or folder of that name, it is not in the catalogue ({catalogue}), \
         and it does not have the form `owner/name` of a repository on the hub"
    )]
    Unknown {
        /// What the user asked for.
        asked: String,
        /// The names of the catalogue.
        catalogue: String,
    },
    /// A file that is not GGUF.
    #[error("`{}` is not a GGUF file: it begins with {begins:?}, not with \"GGUF\"", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
        /// Its first bytes, at most four, as text.
        begins: String,
    },
    /// A part of a split GGUF model without others of its parts.
    #[error(
        "`{}` is part {number} of {count} of a split model; missing: {}{}",
        path.display(),
        missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        and_more(*more)
    )]
    PartsMissing {
        /// The part that was named.
        path: PathBuf,
        /// Which it is, counted from 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// The names of the first that are missing.
        missing: Vec<String>,
        /// How many others are missing.
        more: usize,
    },
    /// A folder without a file that a model needs.
    #[error("the model folder `{}` has no {missing}", folder.display())]
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        missing: String,
        /// What it has instead.
        instead: Instead,
    },
    /// A folder with a link that leads nowhere in the place of a file that counts.
    #[error(
        "`{}`: expected a file `{name}`, got a link to `{}`, where nothing is",
        folder.display(), target.display()
    )]
    Dangling {
        /// The folder.
        folder: PathBuf,
        /// The file's name in it.
        name: &'static str,
        /// Where the link leads.
        target: PathBuf,
    },
    /// A folder with an adapter in it.
    #[error("`{}`: expected a whole model, got an adapter (`adapter_config.json`)", folder.display())]
    Adapter {
        /// The folder.
        folder: PathBuf,
    },
    /// An index of weight files that cannot be used.
    #[error("`{}` is not an index of weight files: {reason}", path.display())]
    BadIndex {
        /// The index.
        path: PathBuf,
        /// What was expected and what came.
        reason: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What a folder without a model's files has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Nothing that is known.
    Nothing,
    /// A GGUF file.
    Gguf(PathBuf),
    /// Snapshots of a repository: it is the hub's cache.
    Snapshots {
        /// `owner/name`, as far as the folder's name tells.
        repository: String,
        /// The snapshot to take, where there is one.
        folder: Option<PathBuf>,
    },
}

/// What helps against an adapter in a model's place.
pub(super) const MERGE_THE_ADAPTER: &str = "merge it into its base model and save that (`merge_and_unload` and \
                                            `save_pretrained` in PEFT), or name the base model";

impl ModelSourceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ModelSourceError::Missing { .. } => {
                Some("`ft-host model list` shows the models that are known by name".into())
            }
            ModelSourceError::NotGguf { begins, .. } if OLD_FORMATS.contains(&begins.as_str()) => Some(
                "it is in a format that llama.cpp had before GGUF, which it left in August 2023; convert the original model"
                    .into(),
            ),
            ModelSourceError::PartsMissing { .. } => Some(
                "put all parts into one folder, under the names they were published with; \
                 `llama-gguf-split --merge` makes one file of them"
                    .into(),
            ),
            ModelSourceError::Unknown { .. } | ModelSourceError::NotGguf { .. } => Some(
                "name a .gguf file, a folder with config.json, tokenizer.json and weights, a model of the \
                 catalogue, or `owner/name` on the hub"
                    .into(),
            ),
            ModelSourceError::Incomplete { instead, .. } => match instead {
                Instead::Nothing => None,
                Instead::Gguf(gguf) => Some(format!("for the GGUF file in it: `--model {}`", gguf.display())),
                Instead::Snapshots { repository, folder } => {
                    let snapshot = folder.as_ref().map(|folder| format!(" or `--model {}`", folder.display()));
                    Some(format!(
                        "this is a repository in the hub's cache: `--model {repository}`{}",
                        snapshot.unwrap_or_default()
                    ))
                }
            },
            ModelSourceError::Dangling { .. } => Some(
                "in the hub's cache the files of a snapshot are links into `blobs`: copy that folder too, or the files \
                 themselves with `cp -rL`"
                    .into(),
            ),
            ModelSourceError::Adapter { .. } => Some(MERGE_THE_ADAPTER.into()),
            ModelSourceError::BadIndex { .. } => None,
            ModelSourceError::File(error) => error.hint(),
        }
    }
}

impl ModelSource {
    /// Decides what `asked` means; looks at the disk, never at the network.
    pub fn resolve(asked: &str) -> Result<ModelSource, ModelSourceError> {
        let path = Path::new(asked);
        if path.is_dir() {
            return Ok(ModelSource::Folder(path.to_owned()));
        }
        if path.exists() {
            return Ok(ModelSource::File(path.to_owned()));
        }
        if let Some(model) = catalogue::find(asked) {
            return Ok(ModelSource::Catalogue(model));
        }
        if looks_like_a_path(asked) {
            return Err(ModelSourceError::Missing { path: path.to_owned() });
        }
        HubId::parse(asked).map(ModelSource::Hub).ok_or_else(|| {
            let names: Vec<_> = catalogue::MODELS.iter().map(|model| model.name).collect();
            ModelSourceError::Unknown { asked: asked.to_owned(), catalogue: names.join(", ") }
        })
    }
}

/// Whether a text can only have been meant as a path, so that no download is tried for a mistyped one.
pub fn looks_like_a_path(asked: &str) -> bool {
    // A revision may have slashes of its own: `owner/name@refs/pr/1`.
    let (name, _revision) = asked.split_once('@').unwrap_or((asked, ""));
    let path = Path::new(name);
    path.is_absolute()
        || asked.starts_with(['.', '~'])
        || asked.ends_with(['/', '\\'])
        || name.matches('/').count() > 1
        || path.extension().is_some_and(|extension| extension == "gguf" || extension == "safetensors")
}

/// What files of llama.cpp's older formats begin with: `ggml`, `ggmf`, `ggjt` and `ggla`, the bytes in reverse.
const OLD_FORMATS: [&str; 4] = ["lmgg", "fmgg", "tjgg", "algg"];

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" and {more} more") }
}

/// Finds all parts of the model that a file is or belongs to, and checks that they begin as GGUF does. Whether all of a
/// part is there only its reader can tell.
pub fn gguf_file(path: &Path) -> Result<ModelKind, ModelSourceError> {
    refuse_lfs_pointer(path)?;
    let parts = parts(path)?;
    parts.iter().try_for_each(|part| check_magic(part))?;
    Ok(ModelKind::Gguf(parts))
}

fn check_magic(path: &Path) -> Result<(), ModelSourceError> {
    refuse_lfs_pointer(path)?;
    let file = open_regular(path)?;
    let mut begins = Vec::new();
    file.take(4).read_to_end(&mut begins).map_err(|source| FileError::io("read", path, source))?;
    if begins != b"GGUF" {
        let begins = String::from_utf8_lossy(&begins).into_owned();
        return Err(ModelSourceError::NotGguf { path: path.to_owned(), begins });
    }
    Ok(())
}

/// Name of the model's configuration in a folder or repository.
pub const CONFIG: &str = "config.json";
/// Name of the tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// Names of the files that a tokenizer had before: vocabulary and merges.
pub const BPE_TOKENIZER: [&str; 2] = ["vocab.json", "merges.txt"];
/// Name of the tokenizer's configuration, which not every tokenizer has beside its other files.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Name of an adapter's configuration, as PEFT saves it.
pub(super) const ADAPTER: &str = "adapter_config.json";
/// Names of its weights.
pub(super) const ADAPTER_WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];

/// The names under which a form of weights is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightNames {
    /// Of the weights, where they are in one file.
    pub whole: &'static str,
    /// Of the list of weight files, where there are several.
    pub index: &'static str,
}

/// The forms of weights, the preferred one first: many models have both, and only safetensors can be mapped whole.
pub const WEIGHTS: [WeightNames; 2] = [
    WeightNames { whole: "model.safetensors", index: "model.safetensors.index.json" },
    WeightNames { whole: "pytorch_model.bin", index: "pytorch_model.bin.index.json" },
];

/// Finds a model's files in a folder.
pub fn folder_files(folder: &Path) -> Result<ModelKind, ModelSourceError> {
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

/// Every file of a tokenizer, in all its forms.
const TOKENIZER_FILES: [&str; 4] = [TOKENIZER, BPE_TOKENIZER[0], BPE_TOKENIZER[1], TOKENIZER_CONFIG];

/// Refuses a folder with a link that leads nowhere in the place of one of a tokenizer's files; see [`refuse_dangling`].
pub fn refuse_dangling_tokenizer(folder: &Path) -> Result<(), ModelSourceError> {
    refuse_dangling(folder, TOKENIZER_FILES)
}

/// Refuses a folder with a link that leads nowhere in the place of a file: as a missing file it would give way to another
/// form of weights or of the tokenizer, or leave the tokenizer without its configuration.
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
pub fn folder_tokenizer(folder: &Path) -> Result<TokenizerFiles, ModelSourceError> {
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
    let form = WEIGHTS.iter().find(|form| first.extension() == Path::new(form.whole).extension())?;
    let index = folder.join(form.index);
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

fn member(folder: &Path, name: &str) -> Result<PathBuf, ModelSourceError> {
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { Err(incomplete(folder, format!("`{name}`"))) }
}

fn incomplete(folder: &Path, missing: String) -> ModelSourceError {
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

/// Whether a text names a file or folder right here, without a way to elsewhere.
pub fn is_plain_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let plain = matches!(components.next(), Some(std::path::Component::Normal(first)) if first == name);
    plain && components.next().is_none() && !name.contains(['/', '\\', '\0'])
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
    fn a_name_means_one_thing() {
        let hub = |repository: &str, revision: &str| {
            Ok(ModelSource::Hub(HubId { repository: repository.into(), revision: revision.into() }))
        };
        let cases = [
            ("smollm2-135m-instruct", Ok(ModelSource::Catalogue(&catalogue::MODELS[0]))),
            ("facebook/opt-125m", hub("facebook/opt-125m", "main")),
            ("EleutherAI/pythia-70m@step1000", hub("EleutherAI/pythia-70m", "step1000")),
            ("owner/name@refs/pr/1", hub("owner/name", "refs/pr/1")),
            ("Cargo.toml", Ok(ModelSource::File("Cargo.toml".into()))),
            ("src/store", Ok(ModelSource::Folder("src/store".into()))),
            ("smollm", Err("it is not in the catalogue (smollm2-135m-instruct)")),
            ("owner/", Err("no model file or folder `owner/`")),
            ("models/x.gguf", Err("no model file or folder `models/x.gguf`")),
            ("./x", Err("no model file or folder `./x`")),
            ("a/b@../c", Err("does not have the form `owner/name`")),
            ("a/b/c", Err("no model file or folder `a/b/c`")),
            ("~/x", Err("no model file or folder `~/x`")),
            ("a b/c", Err("does not have the form `owner/name`")),
            ("", Err("`` is no model")),
        ];
        for (asked, expected) in cases {
            match (ModelSource::resolve(asked), expected) {
                (Ok(source), Ok(expected)) => assert_eq!(source, expected, "{asked}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{asked}: {error}"),
                (got, expected) => panic!("{asked}: {got:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn only_plain_names_pass() {
        for name in ["model-00001-of-00002.safetensors", "sst2", "a.b"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "/x", "a\\b", "a/", "x\0"] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }

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

    #[test]
    fn a_file_that_is_not_gguf_is_named_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.gguf");
        for (bytes, begins) in [("", "\"\""), ("GG", "\"GG\""), ("<html>", "\"<htm\"")] {
            std::fs::write(&path, bytes).unwrap();
            let error = gguf_file(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("begins with {begins}")), "{error}");
        }
        std::fs::write(&path, "GGUF\x03").unwrap();
        assert_eq!(gguf_file(&path).unwrap(), ModelKind::Gguf(vec![path.clone()]));
        std::fs::write(&path, "tjgg").unwrap();
        assert!(gguf_file(&path).unwrap_err().hint().unwrap().contains("before GGUF"));
    }
}
