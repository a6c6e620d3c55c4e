//! Addresses of files on the hub, as the Hugging Face tools write them: `hf://datasets/OWNER/NAME@REVISION/PATH`.

use crate::hub_id::HubId;
use crate::models::names::is_plain_name;

/// What every address of a file on the hub begins with.
const SCHEME: &str = "hf://";

/// Files of a data set's repository on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFiles {
    /// The repository, and the revision to take.
    pub id: HubId,
    /// The file's path in the repository, or a pattern of such paths.
    pub path: String,
}

/// An address that is none of files of a data set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `hf://datasets/OWNER/NAME[@REVISION]/PATH`, got `{address}`")]
pub struct AddressError {
    /// The address, as it was written.
    pub address: String,
}

/// Whether a text is an address on the hub, and not a path on this machine.
pub fn is_address(text: &str) -> bool {
    text.starts_with(SCHEME)
}

impl HubFiles {
    /// Reads `hf://datasets/OWNER/NAME/PATH` or `hf://datasets/OWNER/NAME@REVISION/PATH`. `PATH` may be a pattern; a
    /// revision with `/` in it is `refs/convert/NAME`, `refs/pr/NUMBER`, or has `%2F` for each.
    ///
    /// # Errors
    /// If the address is another kind of repository's, or has no path.
    pub fn parse(address: &str) -> Result<HubFiles, AddressError> {
        read(address).ok_or_else(|| AddressError { address: address.to_owned() })
    }
}

fn read(address: &str) -> Option<HubFiles> {
    let rest = address.strip_prefix(SCHEME)?.strip_prefix("datasets/")?;
    let mut parts = rest.split('/');
    let (owner, name) = (parts.next()?, parts.next()?);
    let mut revision = name.split_once('@').map(|(_, revision)| revision.replace("%2F", "/").replace("%2f", "/"));
    if revision.as_deref() == Some("refs") {
        revision = Some(format!("refs/{}/{}", parts.next()?, parts.next()?));
    }
    let repository = format!("{owner}/{}", name.split_once('@').map_or(name, |(name, _)| name));
    let id = HubId::parse(&match revision {
        Some(revision) => format!("{repository}@{revision}"),
        None => repository,
    })?;
    let parts: Vec<&str> = parts.collect();
    let is_path = !parts.is_empty() && parts.iter().all(|part| is_plain_name(part));
    is_path.then(|| HubFiles { id, path: parts.join("/") })
}

impl std::fmt::Display for HubFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}datasets/{}", self.id.repository)?;
        if self.id.revision != HubId::MAIN {
            let revision = &self.id.revision;
            let is_plain = revision.starts_with("refs/") && revision.split('/').count() == 3;
            write!(f, "@{}", if is_plain { revision.clone() } else { revision.replace('/', "%2F") })?;
        }
        write!(f, "/{}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_hugging_face_tools() {
        for (address, repository, revision, path) in [
            ("hf://datasets/nyu-mll/glue/sst2/train-*.parquet", "nyu-mll/glue", "main", "sst2/train-*.parquet"),
            ("hf://datasets/a/b@v1.0/x.csv", "a/b", "v1.0", "x.csv"),
            (
                "hf://datasets/a/b@refs/convert/parquet/default/train/0000.parquet",
                "a/b",
                "refs/convert/parquet",
                "default/train/0000.parquet",
            ),
            ("hf://datasets/a/b@refs/pr/3/x.csv", "a/b", "refs/pr/3", "x.csv"),
            ("hf://datasets/a/b@dev%2Fnew/**/x.csv", "a/b", "dev/new", "**/x.csv"),
        ] {
            let files = HubFiles::parse(address).unwrap();
            assert_eq!((files.id.repository.as_str(), files.id.revision.as_str()), (repository, revision), "{address}");
            assert_eq!((files.path.as_str(), files.to_string().as_str()), (path, address));
        }
        let refs = HubFiles::parse("hf://datasets/a/b@refs%2Fpr%2F3/x.csv").unwrap();
        assert_eq!(refs.to_string(), "hf://datasets/a/b@refs/pr/3/x.csv");
    }

    #[test]
    fn what_is_no_file_of_a_data_set_is_refused() {
        for address in [
            "hf://a/b/x.csv",
            "hf://spaces/a/b/x.csv",
            "hf://datasets/squad",
            "hf://datasets/a/b",
            "hf://datasets/a/b/",
            "hf://datasets/a/b/x/",
            "hf://datasets/a/b/../c/x.csv",
            "hf://datasets/a/b@/x.csv",
            "hf://datasets/a/b@../x.csv",
            "hf://datasets/a/b@refs/pr",
            "hf://datasets/../b/x.csv",
        ] {
            let message = HubFiles::parse(address).unwrap_err().to_string();
            assert_eq!(message, format!("expected `hf://datasets/OWNER/NAME[@REVISION]/PATH`, got `{address}`"));
        }
        assert!(is_address("hf://datasets/a") && !is_address("runs/hf://x"));
    }
}
