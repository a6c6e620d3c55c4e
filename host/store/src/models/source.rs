//! What `--model X` means.
//!
//! A path that exists wins; then a name of the catalogue; then `owner/name[@revision]` is a repository of the hub.
//! What looks like a path and is not there is never looked for elsewhere.

use std::path::{Path, PathBuf};

use crate::hub_id::HubId;
use crate::models::catalogue::{self, CatalogueModel};
use crate::models::error::ModelSourceError;

/// A place to look for a model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ModelSource {
    /// A GGUF file on this machine.
    File(PathBuf),
    /// A folder with `config.json`, `tokenizer.json` and weights.
    Folder(PathBuf),
    /// A model of the catalogue.
    Catalogue(&'static CatalogueModel),
    /// A repository of the hub.
    Hub(HubId),
}

impl ModelSource {
    /// Decides what `asked` means; looks at the disk, never at the network.
    pub(crate) fn resolve(asked: &str) -> Result<ModelSource, ModelSourceError> {
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
            ("src/models", Ok(ModelSource::Folder("src/models".into()))),
            ("smollm", Err("a name of the catalogue (smollm2-135m-instruct)")),
            ("owner/", Err("no model file or folder `owner/`")),
            ("models/x.gguf", Err("no model file or folder `models/x.gguf`")),
            ("./x", Err("no model file or folder `./x`")),
            ("a/b@../c", Err("a repository on the hub as `owner/name`")),
            ("a/b/c", Err("no model file or folder `a/b/c`")),
            ("~/x", Err("no model file or folder `~/x`")),
            ("a b/c", Err("a repository on the hub as `owner/name`")),
            ("", Err("unknown model ``")),
        ];
        for (asked, expected) in cases {
            match (ModelSource::resolve(asked), expected) {
                (Ok(source), Ok(expected)) => assert_eq!(source, expected, "{asked}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{asked}: {error}"),
                (got, expected) => panic!("{asked}: {got:?}, not {expected:?}"),
            }
        }
    }
}
