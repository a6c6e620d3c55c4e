//! How a repository of the hub is named: `owner/name`, perhaps with a revision.

/// A repository of the hub at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubId {
    /// The repository as `owner/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

impl HubId {
    /// The revision that is used if none is named.
    pub(crate) const MAIN: &str = "main";

    /// Reads `owner/name` or `owner/name@revision`; `None` where the text does not have that form.
    pub fn parse(text: &str) -> Option<HubId> {
        let (repository, revision) = text.split_once('@').unwrap_or((text, Self::MAIN));
        let (owner, name) = repository.split_once('/')?;
        let is_name = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && part.bytes().all(plain) && !part.starts_with(['.', '-']) && !part.contains("..")
        };
        // A revision becomes part of a path in the cache.
        let is_revision = revision.split('/').all(is_name);
        (is_name(owner) && is_name(name) && is_revision)
            .then(|| HubId { repository: repository.to_owned(), revision: revision.to_owned() })
    }

    /// This repository at a commit.
    pub fn at(&self, commit: &str) -> HubId {
        HubId { repository: self.repository.clone(), revision: commit.to_owned() }
    }
}

impl std::fmt::Display for HubId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.repository, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_form() {
        let id = HubId::parse("EleutherAI/pythia-70m@refs/pr/3").unwrap();
        assert_eq!((id.repository.as_str(), id.revision.as_str()), ("EleutherAI/pythia-70m", "refs/pr/3"));
        assert_eq!(HubId::parse("a/b").unwrap().to_string(), "a/b@main");
        for text in
            ["gpt2", "a/b/c", "/b", "a/", "a/b@", "a/b@../x", "a/b@x/../../y", "../b", "a b/c", "a/b@x//y", "-a/b"]
        {
            assert_eq!(HubId::parse(text), None, "{text}");
        }
    }
}
