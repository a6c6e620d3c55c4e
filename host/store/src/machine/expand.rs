//! Paths as people write them: `~`, `~user`, `$NAME` and `${NAME}`, by the rules of Python's `os.path.expanduser` and
//! `os.path.expandvars`, which the Hugging Face tools apply to the same paths.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file in which the system keeps its users, for `~user`.
const USERS: &str = "/etc/passwd";

/// The path with the user's folder in place of `~` or `~user` at its beginning, then with the values of the variables
/// in it. What is not known stays as it is written, and so does a path that is no Unicode.
pub(crate) fn expand(path: &Path, variable: &dyn Fn(&str) -> Option<OsString>, home: Option<&Path>) -> PathBuf {
    let Some(text) = path.to_str().filter(|text| text.starts_with('~') || text.contains('$')) else {
        return path.to_owned();
    };
    let user = |name: &str| {
        let folder = if name.is_empty() { home.map(Path::to_owned) } else { folder_of_user(name) };
        folder?.to_str().map(str::to_owned)
    };
    let text = with_home(text, user);
    PathBuf::from(with_variables(&text, |name| variable(name)?.into_string().ok()))
}

/// The text with what `folder` gives for the name behind `~`.
fn with_home(text: &str, folder: impl Fn(&str) -> Option<String>) -> String {
    let Some(rest) = text.strip_prefix('~') else { return text.to_owned() };
    let (name, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match folder(name) {
        Some(folder) => {
            let path = format!("{}{below}", folder.trim_end_matches('/'));
            if path.is_empty() { "/".to_owned() } else { path }
        }
        None => text.to_owned(),
    }
}

/// The text with the values of variables. What a value holds is not looked at again.
fn with_variables(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let (name, after) = match behind.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or(("", behind)),
            None => {
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                behind.split_at(behind.bytes().take_while(is_name).count())
            }
        };
        match value(name).filter(|_| !name.is_empty()) {
            Some(value) => {
                out.push_str(&value);
                rest = after;
            }
            None => {
                out.push('$');
                rest = behind;
            }
        }
    }
    out + rest
}

/// The home folder of a user of this machine.
fn folder_of_user(name: &str) -> Option<PathBuf> {
    let users = std::fs::read_to_string(USERS).ok()?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    // name:password:uid:gid:comment:folder:shell
    fields
        .into_iter()
        .find(|fields| fields.first() == Some(&name))
        .and_then(|fields| Some(PathBuf::from(fields.get(5)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_expanded_as_python_does() {
        let variables = [("A", "/a"), ("B_1", "b"), ("E", ""), ("N", "$A/~")];
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        // Each is what `os.path.expandvars(os.path.expanduser(...))` of Python 3.11 gives with these variables and
        // HOME=/home/u/.
        for (text, expected) in [
            ("~", "/home/u"),
            ("~/x", "/home/u/x"),
            ("~//x", "/home/u//x"),
            ("x/~", "x/~"),
            ("~no-such-user/x", "~no-such-user/x"),
            ("$A/x", "/a/x"),
            ("${A}x", "/ax"),
            ("x$B_1-y", "xb-y"),
            ("$B_12", "$B_12"),
            ("${NONE}/$NONE/x", "${NONE}/$NONE/x"),
            ("x/${A", "x/${A"),
            ("$", "$"),
            ("a$/b", "a$/b"),
            ("$$A", "$/a"),
            ("${}", "${}"),
            ("${A}$E${B_1}", "/ab"),
            ("$N", "$A/~"),
            ("~/$B_1", "/home/u/b"),
            ("\u{e9}$A\u{e9}", "\u{e9}/a\u{e9}"),
        ] {
            let expanded = expand(Path::new(text), &variable, Some(Path::new("/home/u/")));
            assert_eq!(expanded.to_str(), Some(expected), "{text}");
        }
        assert_eq!(expand(Path::new("~/x"), &variable, None), Path::new("~/x"));
        assert_eq!(expand(Path::new("~"), &variable, Some(Path::new("/"))), Path::new("/"));
    }

    #[test]
    #[cfg(unix)]
    fn another_users_folder_is_found() {
        let root = expand(Path::new("~root/x"), &|_| None, Some(Path::new("/home/u")));
        assert!(root.is_absolute() && root.ends_with("x"), "{}", root.display());
    }
}
