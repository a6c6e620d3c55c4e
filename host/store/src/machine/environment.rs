//! Every environment variable that the host reads, and the only place that reads them.
//!
//! The rest of the host is handed an [`Environment`]; tests make one by hand. Three libraries look further by
//! themselves: the HTTP client knows the usual proxy and certificate variables, pip its own `PIP_*`, and `directories`
//! finds the user's home folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::machine::expand::expand;

/// The folder of this host's own cache, instead of the user's cache folder.
pub const FT_HOST_CACHE: &str = "FT_HOST_CACHE";
/// Folders with plugins, separated as those of `PATH` are; they are looked through before `plugins` in the current
/// folder.
pub(crate) const FT_PLUGIN_PATH: &str = "FT_PLUGIN_PATH";
/// What requests to this host's server have to know; on a command line everybody on the machine could read it.
pub(crate) const FT_SERVE_TOKEN: &str = "FT_SERVE_TOKEN";
/// The user's data folder, by the XDG base directory specification; `~/.local/share` where it is not set.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The variable for the folder in which the Hugging Face tools keep their files; `~/.cache/huggingface` where it is not
/// set.
pub(crate) const HF_HOME: &str = "HF_HOME";
/// The hub's cache of downloaded repositories; `$HF_HOME/hub` where it is not set.
pub(crate) const HF_HUB_CACHE: &str = "HF_HUB_CACHE";
/// The older name of `HF_HUB_CACHE`, used where that is not set.
pub(crate) const HUGGINGFACE_HUB_CACHE: &str = "HUGGINGFACE_HUB_CACHE";
/// The user's cache folder, by the XDG base directory specification; `~/.cache` where it is not set.
pub(crate) const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// The hub's address, for a mirror; `https://huggingface.co` where it is not set.
pub(crate) const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// The user's token for private and gated repositories.
pub(crate) const HF_TOKEN: &str = "HF_TOKEN";
/// The older name of `HF_TOKEN`, used where that is not set.
pub(crate) const HUGGING_FACE_HUB_TOKEN: &str = "HUGGING_FACE_HUB_TOKEN";
/// The file with the token, where no variable has one; `$HF_HOME/token` where it is not set.
pub(crate) const HF_TOKEN_PATH: &str = "HF_TOKEN_PATH";
/// When on (`1`, `true`, `yes`, `on`), no token is sent, wherever it would come from.
pub(crate) const HF_HUB_DISABLE_IMPLICIT_TOKEN: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";
/// When on (`1`, `true`, `yes`, `on`), nothing is asked of any network.
pub(crate) const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// The older name of `HF_HUB_OFFLINE`, used where that is not set.
pub(crate) const TRANSFORMERS_OFFLINE: &str = "TRANSFORMERS_OFFLINE";
/// When on, no data set is asked of any network.
pub(crate) const HF_DATASETS_OFFLINE: &str = "HF_DATASETS_OFFLINE";
/// When set to anything but the empty text, output has no colour.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// When set to anything but `0`, output has colour even where it is no terminal.
pub(crate) const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";
/// When `0`, output has no colour.
pub(crate) const CLICOLOR: &str = "CLICOLOR";
/// The kind of the terminal; none or `dumb` is one without escape sequences.
pub(crate) const TERM: &str = "TERM";
/// The width of lines, where it is to be another one than the terminal's own.
pub(crate) const COLUMNS: &str = "COLUMNS";
/// How many threads to compute with, where `--threads` does not say.
pub const RAYON_NUM_THREADS: &str = "RAYON_NUM_THREADS";

/// The hub's address where `HF_ENDPOINT` names no other.
pub(crate) const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

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
    /// What requests to this host's server have to know.
    pub server_token: Option<Token>,
    /// To use no network at all.
    pub offline: bool,
    /// To use no network for data sets, though it may be used for models.
    pub datasets_offline: bool,
    /// Whether output has colour.
    pub color: ColorChoice,
    /// Whether the terminal knows no escape sequences.
    pub dumb_terminal: bool,
    /// The width of lines on a terminal that the user asks for.
    pub columns: Option<usize>,
    /// The number of threads that the environment asks for.
    pub threads: Option<usize>,
    /// The Python that runs pip: a name to look up on the `PATH`, or a path.
    pub python: PathBuf,
}

/// Whether output has colour, by the customary variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorChoice {
    /// Only on a terminal that knows escape sequences.
    Auto,
    /// Always, in pipes and files too.
    Always,
    /// Never, not even on a terminal.
    Never,
}

/// A secret: it is shown by neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token from its text; line breaks in it and blanks around it are dropped, and an empty one is none.
    pub fn new(text: &str) -> Option<Token> {
        let text = text.replace(['\r', '\n'], "").trim().to_owned();
        (!text.is_empty()).then_some(Token(text))
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

    /// Takes another folder for the hub's cache, where one is named; `~` and variables in its path are expanded.
    pub fn use_hub_cache(&mut self, folder: Option<PathBuf>) {
        self.hub_cache = folder.map(|folder| expand_path(&folder)).or_else(|| self.hub_cache.take());
    }

    /// Reads an environment from any source of variables: `home` is the user's home folder, `own_cache` the platform's
    /// folder for this host's cache.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
        own_cache: Option<&Path>,
    ) -> Environment {
        // A variable set to nothing counts as not set.
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let expanded = |path: OsString| expand(Path::new(&path), variable, home);
        let folder = |name: &str| set(name).map(expanded);
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().trim().to_owned());

        let hf_home = folder(HF_HOME).or_else(|| {
            let cache = folder(XDG_CACHE_HOME).or_else(|| home.map(|home| home.join(".cache")));
            cache.map(|cache| cache.join("huggingface"))
        });
        let token = || {
            if is_on(text(HF_HUB_DISABLE_IMPLICIT_TOKEN)) {
                return None;
            }
            // A variable that holds nothing but blanks hides the older one, and not the file.
            let token = set(HF_TOKEN).or_else(|| set(HUGGING_FACE_HUB_TOKEN));
            token.and_then(|token| Token::new(&token.to_string_lossy())).or_else(|| {
                let file = folder(HF_TOKEN_PATH).or_else(|| hf_home.as_ref().map(|home| home.join("token")))?;
                // A token file that is missing or cannot be read means: not logged in. A repository that needs a token
                // says so.
                Token::new(&std::fs::read_to_string(file).ok()?)
            })
        };
        let offline = is_on(text(HF_HUB_OFFLINE).or_else(|| text(TRANSFORMERS_OFFLINE)));
        let plugin_folders =
            |paths: OsString| std::env::split_paths(&paths).map(PathBuf::into_os_string).map(expanded).collect();
        Environment {
            cache_folder: folder(FT_HOST_CACHE).or_else(|| own_cache.map(Path::to_owned)),
            plugin_path: set(FT_PLUGIN_PATH).map(plugin_folders).unwrap_or_default(),
            data_folder: folder(XDG_DATA_HOME)
                .or_else(|| home.map(|home| home.join(".local/share")))
                .map(|data| data.join("ft-host")),
            token: token(),
            server_token: text(FT_SERVE_TOKEN).and_then(|text| Token::new(&text)),
            hub_cache: folder(HF_HUB_CACHE)
                .or_else(|| folder(HUGGINGFACE_HUB_CACHE))
                .or_else(|| hf_home.as_ref().map(|home| home.join("hub"))),
            endpoint: text(HF_ENDPOINT).unwrap_or_else(|| DEFAULT_ENDPOINT.into()).trim_end_matches('/').to_owned(),
            offline,
            datasets_offline: is_on(text(HF_DATASETS_OFFLINE)),
            color: if set(NO_COLOR).is_some() {
                ColorChoice::Never
            } else if set(CLICOLOR_FORCE).is_some_and(|value| value != "0") {
                ColorChoice::Always
            } else if set(CLICOLOR).is_some_and(|value| value == "0") {
                ColorChoice::Never
            } else {
                ColorChoice::Auto
            },
            // Other systems' terminals do not name themselves.
            dumb_terminal: set(TERM).map_or(cfg!(unix), |kind| kind == "dumb"),
            columns: text(COLUMNS).and_then(|text| text.parse().ok()).filter(|&columns| columns > 0),
            threads: text(RAYON_NUM_THREADS).and_then(|text| text.parse().ok()).filter(|&threads| threads > 0),
            python: PathBuf::from(if cfg!(windows) { "python" } else { "python3" }),
        }
    }
}

/// A path with the user's home folder for `~` and with the values of variables: what a shell makes of an unquoted path
/// where one is written that no shell sees.
pub fn expand_path(path: &Path) -> PathBuf {
    let home = directories::BaseDirs::new().map(|directories| directories.home_dir().to_owned());
    expand(path, &|name| std::env::var_os(name), home.as_deref())
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
        assert!(!environment.offline && !environment.datasets_offline && environment.token.is_none());
        assert_eq!((environment.color, environment.columns), (ColorChoice::Auto, None));
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
    fn paths_of_this_hosts_own_are_expanded_too() {
        let environment = read(&[("FT_HOST_CACHE", "$D/c"), ("FT_PLUGIN_PATH", "~/p:/q"), ("D", "/d")]);
        assert_eq!(environment.cache_folder.as_deref(), Some(Path::new("/d/c")));
        assert_eq!(environment.plugin_path, [Path::new("/home/u/p"), Path::new("/q")]);
    }

    #[test]
    fn data_sets_may_be_offline_alone() {
        let offline = |variables: &[(&str, &str)]| {
            let environment = read(variables);
            (environment.offline, environment.datasets_offline)
        };
        assert_eq!(offline(&[(HF_DATASETS_OFFLINE, "1")]), (false, true));
        assert_eq!(offline(&[(HF_DATASETS_OFFLINE, "0"), (HF_HUB_OFFLINE, "1")]), (true, false));
    }

    #[test]
    fn colour_by_the_customary_variables() {
        use ColorChoice::{Always, Auto, Never};
        for (variables, color) in [
            (&[("NO_COLOR", "")][..], Auto),
            (&[("NO_COLOR", "0")], Never),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], Never),
            (&[("CLICOLOR_FORCE", "1")], Always),
            (&[("CLICOLOR_FORCE", "0")], Auto),
            (&[("CLICOLOR", "0")], Never),
            (&[("CLICOLOR", "1")], Auto),
            (&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], Always),
        ] {
            assert_eq!(read(variables).color, color, "{variables:?}");
        }
        for (value, dumb) in [("xterm", false), ("dumb", true), ("", cfg!(unix))] {
            assert_eq!(read(&[("TERM", value)]).dumb_terminal, dumb, "{value:?}");
        }
        assert_eq!(read(&[("COLUMNS", "72")]).columns, Some(72));
        assert_eq!(read(&[("COLUMNS", "0")]).columns, None);
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
