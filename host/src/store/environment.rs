//! Every environment variable that the host reads, and the only place that reads them.
//!
//! The rest of the host is handed an [`Environment`]; tests make one by hand. Three libraries look further by
//! themselves: the HTTP client knows the usual proxy and certificate variables, pip its own `PIP_*`, and `directories`
//! finds the user's home folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folder of this host's own cache, instead of the user's cache folder.
pub const FT_HOST_CACHE: &str = "FT_HOST_CACHE";
/// Folders with plugins, separated as those of `PATH` are; they are looked through before `plugins` in the current folder.
pub const FT_PLUGIN_PATH: &str = "FT_PLUGIN_PATH";
/// The user's data folder, by the XDG base directory specification; `~/.local/share` where it is not set.
pub const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// Where the Hugging Face tools keep what is theirs; `~/.cache/huggingface` where it is not set.
pub const HF_HOME: &str = "HF_HOME";
/// The hub's cache of downloaded repositories; `$HF_HOME/hub` where it is not set.
pub const HF_HUB_CACHE: &str = "HF_HUB_CACHE";
/// The older name of `HF_HUB_CACHE`, used where that is not set.
pub const HUGGINGFACE_HUB_CACHE: &str = "HUGGINGFACE_HUB_CACHE";
/// The user's cache folder, by the XDG base directory specification; `~/.cache` where it is not set.
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// The hub's address, for a mirror; `https://huggingface.co` where it is not set.
pub const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// The user's token for private and gated repositories.
pub const HF_TOKEN: &str = "HF_TOKEN";
/// The file with the token, where `HF_TOKEN` is not set; `$HF_HOME/token` where neither is.
pub const HF_TOKEN_PATH: &str = "HF_TOKEN_PATH";
/// When on (`1`, `true`, `yes`, `on`), no token is sent unless `HF_TOKEN` gives one.
pub const HF_HUB_DISABLE_IMPLICIT_TOKEN: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";
/// When on (`1`, `true`, `yes`, `on`), nothing is asked of any network.
pub const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// When set to anything but the empty text, output has no colour.
pub const NO_COLOR: &str = "NO_COLOR";
/// How many threads to compute with, where `--threads` does not say.
pub const RAYON_NUM_THREADS: &str = "RAYON_NUM_THREADS";

/// The hub's address where `HF_ENDPOINT` names no other.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// What the host takes from the process's environment, with all defaults filled in.
#[derive(Clone, Debug)]
pub struct Environment {
    /// This host's own cache folder; `None` where neither `FT_HOST_CACHE` nor a home folder is known.
    pub cache_folder: Option<PathBuf>,
    /// The user's folders of plugins.
    pub plugin_path: Vec<PathBuf>,
    /// This host's own data folder; `None` where no home folder is known.
    pub data_folder: Option<PathBuf>,
    /// The hub's cache, shared with all Hugging Face tools; `None` where no home folder is known.
    pub hub_cache: Option<PathBuf>,
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// The user's token for the hub.
    pub token: Option<Token>,
    /// To use no network at all.
    pub offline: bool,
    /// To print without colour.
    pub no_color: bool,
    /// The number of threads that the environment asks for.
    pub threads: Option<usize>,
    /// The Python that runs pip: a name to look up on the `PATH`, or a path.
    pub python: PathBuf,
}

/// A secret: it is shown by neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token from its text; blanks around it are dropped, and an empty one is none.
    pub fn new(text: &str) -> Option<Token> {
        let text = text.trim();
        (!text.is_empty()).then(|| Token(text.to_owned()))
    }

    /// The secret itself, for the one request that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Environment {
    /// Reads the process's environment, and the token file where the token comes from one.
    pub fn from_process() -> Environment {
        let directories = directories::ProjectDirs::from("", "", "ft-host");
        let home = directories::BaseDirs::new().map(|directories| directories.home_dir().to_owned());
        Environment::from_variables(
            &|name| std::env::var_os(name),
            home.as_deref(),
            directories.as_ref().map(|directories| directories.cache_dir()),
        )
    }

    /// Takes another folder for the hub's cache, where one is named.
    pub fn use_hub_cache(&mut self, folder: Option<PathBuf>) {
        self.hub_cache = folder.or_else(|| self.hub_cache.take());
    }

    /// The same from any source of variables: `home` is the user's home folder, `own_cache` the platform's place for
    /// this host's cache.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
        own_cache: Option<&Path>,
    ) -> Environment {
        // A variable set to nothing counts as not set, as it does for the Hugging Face tools.
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let folder = |name: &str| set(name).map(PathBuf::from);
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().trim().to_owned());

        let hf_home = folder(HF_HOME).or_else(|| {
            let cache = folder(XDG_CACHE_HOME).or_else(|| home.map(|home| home.join(".cache")));
            cache.map(|cache| cache.join("huggingface"))
        });
        let token = text(HF_TOKEN).and_then(|text| Token::new(&text)).or_else(|| {
            if is_on(text(HF_HUB_DISABLE_IMPLICIT_TOKEN)) {
                return None;
            }
            let file = folder(HF_TOKEN_PATH).or_else(|| hf_home.as_ref().map(|home| home.join("token")))?;
            // A token file that is missing or cannot be read means: not logged in. A repository that needs a token says so.
            Token::new(&std::fs::read_to_string(file).ok()?)
        });
        Environment {
            cache_folder: folder(FT_HOST_CACHE).or_else(|| own_cache.map(Path::to_owned)),
            plugin_path: set(FT_PLUGIN_PATH).map(|text| std::env::split_paths(&text).collect()).unwrap_or_default(),
            data_folder: folder(XDG_DATA_HOME)
                .or_else(|| home.map(|home| home.join(".local/share")))
                .map(|data| data.join("ft-host")),
            hub_cache: folder(HF_HUB_CACHE)
                .or_else(|| folder(HUGGINGFACE_HUB_CACHE))
                .or_else(|| hf_home.map(|home| home.join("hub"))),
            endpoint: text(HF_ENDPOINT).unwrap_or_else(|| DEFAULT_ENDPOINT.into()).trim_end_matches('/').to_owned(),
            token,
            offline: is_on(text(HF_HUB_OFFLINE)),
            no_color: set(NO_COLOR).is_some(),
            threads: text(RAYON_NUM_THREADS).and_then(|text| text.parse().ok()).filter(|&threads| threads > 0),
            python: PathBuf::from(if cfg!(windows) { "python" } else { "python3" }),
        }
    }
}

/// Whether a switch is on, in the spellings that the Hugging Face tools take.
fn is_on(value: Option<String>) -> bool {
    value.is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        Environment::from_variables(
            &|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value)),
            Some(Path::new("/home/u")),
            Some(Path::new("/home/u/.cache/ft-host")),
        )
    }

    #[test]
    fn defaults_are_those_of_the_hugging_face_tools() {
        let environment = read(&[]);
        assert_eq!(environment.hub_cache.as_deref(), Some(Path::new("/home/u/.cache/huggingface/hub")));
        assert_eq!(environment.cache_folder.as_deref(), Some(Path::new("/home/u/.cache/ft-host")));
        assert_eq!(environment.endpoint, DEFAULT_ENDPOINT);
        assert!(!environment.offline && !environment.no_color && environment.token.is_none());
    }

    #[test]
    fn plugins_have_a_path_and_a_folder() {
        let environment = read(&[("FT_PLUGIN_PATH", "/a:/b/c")]);
        let expected = std::env::split_paths("/a:/b/c").collect::<Vec<_>>();
        assert_eq!(environment.plugin_path, expected);
        assert_eq!(environment.data_folder.as_deref(), Some(Path::new("/home/u/.local/share/ft-host")));
        let named = read(&[("XDG_DATA_HOME", "/d"), ("FT_PLUGIN_PATH", "")]);
        assert_eq!((named.plugin_path.len(), named.data_folder.as_deref()), (0, Some(Path::new("/d/ft-host"))));
    }

    #[test]
    fn the_hub_cache_is_found_in_the_tools_order() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")], "/h/hub"),
            (&[("HF_HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/new")], "/new"),
            (&[("HF_HUB_CACHE", ""), ("HF_HOME", "/h")], "/h/hub"),
        ];
        for (variables, expected) in cases {
            assert_eq!(read(variables).hub_cache.as_deref(), Some(Path::new(expected)), "{variables:?}");
        }
    }

    #[test]
    fn a_named_hub_cache_wins_over_the_variables() {
        let mut environment = read(&[("HF_HUB_CACHE", "/new"), ("HF_HOME", "/h")]);
        environment.use_hub_cache(None);
        assert_eq!(environment.hub_cache.as_deref(), Some(Path::new("/new")));
        environment.use_hub_cache(Some("/named".into()));
        assert_eq!(environment.hub_cache.as_deref(), Some(Path::new("/named")));
    }

    #[test]
    fn switches_and_numbers() {
        for (value, on) in [("1", true), ("TRUE", true), ("yes", true), ("on", true), ("0", false), ("", false)] {
            assert_eq!(read(&[(HF_HUB_OFFLINE, value)]).offline, on, "{value:?}");
        }
        assert_eq!(read(&[(RAYON_NUM_THREADS, "3")]).threads, Some(3));
        assert_eq!(read(&[(RAYON_NUM_THREADS, "0")]).threads, None);
        assert_eq!(read(&[(HF_ENDPOINT, "http://mirror/")]).endpoint, "http://mirror");
    }

    #[test]
    fn the_token_comes_from_its_variable_or_a_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let token = |variables: &[(&str, &str)]| read(variables).token.map(|token| token.reveal().to_owned());
        assert_eq!(token(&[("HF_HOME", home)]).as_deref(), Some("hf_file"));
        assert_eq!(token(&[("HF_HOME", home), ("HF_TOKEN", " hf_set ")]).as_deref(), Some("hf_set"));
        let file = folder.path().join("other");
        std::fs::write(&file, "hf_other").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(token(&[("HF_HOME", home), ("HF_TOKEN_PATH", file)]).as_deref(), Some("hf_other"));
        assert_eq!(token(&[("HF_TOKEN_PATH", file), ("HF_TOKEN", "hf_set")]).as_deref(), Some("hf_set"));
        assert_eq!(token(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        assert!(!format!("{:?}", read(&[("HF_TOKEN", "hf_set")])).contains("hf_set"));
    }
}
