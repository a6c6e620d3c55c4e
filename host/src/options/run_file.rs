//! Run files: options in TOML.

use std::io;
use std::path::{Path, PathBuf};

use super::define::OptionGroup;
use super::paths::PathKind;
use super::run_options::RunOptions;
use ft_store::fs::error::FileError;
use ft_store::fs::file::read_file;
use ft_store::plugin_path::is_bare;

/// A run file has some lines; what is larger is something else.
const RUN_FILE_LIMIT: u64 = 1 << 20;

/// Why there are no options from a run file.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file's text is not that of a run file.
    #[error("`{}`: {message}", path.display())]
    Malformed {
        /// The path of the run file.
        path: PathBuf,
        /// What is wrong in the file, with the line if the parser has one.
        message: String,
    },
}

/// Why options cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// A path cannot be made absolute: the current folder is gone.
    #[error(transparent)]
    Path(#[from] io::Error),
    /// A number that TOML does not have.
    #[error(transparent)]
    Toml(#[from] toml::ser::Error),
}

impl RunOptions {
    /// Reads a run file, whose paths are relative to it. `expand` replaces `~` and variables in them.
    ///
    /// # Errors
    /// A file that cannot be read, or is none.
    pub fn read(path: &Path, expand: fn(&Path) -> PathBuf) -> Result<Self, RunFileError> {
        let wrong = |message: String| RunFileError::Malformed { path: path.to_owned(), message };
        let bytes = read_file(path, RUN_FILE_LIMIT)?;
        let text = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, expand).map_err(|error| wrong(error.to_string().trim_end().to_owned()))
    }

    /// Reads the text of a run file whose paths are relative to `folder`. `expand` replaces `~` and variables in them.
    ///
    /// # Errors
    /// What is wrong with it, with the line.
    pub(crate) fn parse(text: &str, folder: &Path, expand: fn(&Path) -> PathBuf) -> Result<Self, toml::de::Error> {
        let mut options: Self = toml::from_str(text)?;
        options.expand(folder, expand);
        options.change_paths(&mut |kind, path| {
            // A bare name is looked for beside the file, and later on the plugin path.
            match kind {
                PathKind::Plugin if is_bare(path) && !folder.join(path).is_file() => path.to_owned(),
                _ => folder.join(path),
            }
        });
        Ok(options)
    }

    /// Replaces `~` and variables in all paths: no shell has seen those of a run file, and none expands `~` behind the `=`
    /// of a flag. A name with `$` in it that is there, below `folder`, is taken as it is written.
    pub(crate) fn expand(&mut self, folder: &Path, expand: fn(&Path) -> PathBuf) {
        let is_there =
            |path: &Path| !path.as_os_str().as_encoded_bytes().starts_with(b"~") && folder.join(path).exists();
        self.change_paths(&mut |_, path| if is_there(path) { path.to_owned() } else { expand(path) });
    }

    /// A run file that says the same from any folder.
    ///
    /// # Errors
    /// A number that TOML does not have, and a current folder that is gone.
    pub(crate) fn to_toml(&self) -> Result<String, PrintError> {
        let mut options = self.clone();
        let mut failed = None;
        options.change_paths(&mut |kind, path| match (std::path::absolute(path), kind) {
            (Ok(absolute), _) => absolute,
            (Err(_), PathKind::Data | PathKind::Model) => path.to_owned(),
            (Err(error), PathKind::File | PathKind::Plugin) => {
                failed.get_or_insert(error);
                path.to_owned()
            }
        });
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(toml::to_string(&options)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use proptest::prelude::*;

    use super::*;
    use crate::options::{HeldOut, Select};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: RunOptions,
    }

    fn flags(arguments: &[&str]) -> RunOptions {
        Line::try_parse_from([&["ft-host"], arguments].concat()).unwrap().options
    }

    fn file(text: &str) -> RunOptions {
        RunOptions::parse(text, Path::new("tasks/x"), Path::to_owned).unwrap()
    }

    #[test]
    fn a_run_file_has_the_flags_by_their_names() {
        let text = "task = \"../a.wasm\"\nsteps = 3\nseeds = \"0..3\"\nsample = 9\nlimit = 7\nallow-overlap = true\nscore-steps = \"last\"\nheld-out = 5\n\
            select = \"held-out\"\nplugin-memory = 1024\n[optimizer-options]\nstep_size = 0.5\nnesterov = true\n";
        let expected = [
            "--task",
            "tasks/x/../a.wasm",
            "--steps",
            "3",
            "--seeds",
            "0,1,2",
            "--sample",
            "9",
            "--limit",
            "7",
            "--allow-overlap",
            "--score-steps",
            "last",
            "--held-out",
            "5",
            "--select",
            "held-out",
            "--plugin-memory",
            "1k",
            "-O",
            "nesterov=true",
            "-O",
            "step_size=0.5",
        ];
        assert_eq!(file(text), flags(&expected));
    }

    #[test]
    fn flags_win_over_the_file() {
        let both = flags(&["--steps", "2", "--seed", "9", "-O", "a=1"])
            .overlay(file("steps = 5\nshots = 4\nseeds = \"0..3\"\n[optimizer-options]\na = 2\nb = 3\n"));
        assert_eq!(both, flags(&["--steps", "2", "--shots", "4", "--seed", "9", "-O", "a=1", "-O", "b=3"]));
        let chosen = flags(&["--select", "last"]).overlay(file("select = \"held-out\"\nheld-out = 8\n"));
        assert_eq!(chosen.selection.resolve(), Ok(Some(Select::Last)));
        let held_out = flags(&["--held-out", "8"]).overlay(file("select = \"last\"\n"));
        assert_eq!(held_out.selection.resolve(), Ok(Some(Select::HeldOut(HeldOut::Rows(8)))));
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let options = flags(&[
            "--task",
            "/t.wasm",
            "--seeds",
            "1..4",
            "--held-out",
            "4",
            "--select",
            "held-out",
            "-T",
            "prompt=sp",
        ]);
        let options = options.with_defaults();
        let text = options.to_toml().unwrap();
        assert_eq!(RunOptions::parse(&text, Path::new("/elsewhere"), Path::to_owned).unwrap(), options, "{text}");
    }

    /// Whether or not something is there: what a file says does not depend on where the user stands.
    #[test]
    fn paths_of_a_run_file_are_relative_to_it() {
        let text = "task = \"../a.wasm\"\nout = \"res\"\nmodel = \"./m\"\ncache-dir = \"/c\"\n\
            data = [\"evaluation=e.jsonl\", \"d\", \"sample\"]\n";
        let options = file(text);
        let paths = [&options.task.task, &options.output.out, &options.hub_cache.cache_dir]
            .map(|path| path.as_deref().unwrap());
        assert_eq!(paths, ["tasks/x/../a.wasm", "tasks/x/res", "/c"].map(Path::new));
        assert_eq!(options.data.data, ["evaluation=tasks/x/e.jsonl", "tasks/x/d", "sample"]);
        assert_eq!(options.model.model.as_deref(), Some("tasks/x/./m"));
        for name in ["owner/name", "owner/name@refs/pr/1", "smollm2-135m-instruct"] {
            assert_eq!(file(&format!("model = \"{name}\"")).model.model.as_deref(), Some(name));
        }
        assert_eq!((file("task = \"a\"").task.task, file("task = \"a\"").output.out), (Some("a".into()), None));
    }

    #[test]
    fn paths_of_a_run_file_are_expanded() {
        fn expand(path: &Path) -> PathBuf {
            path.to_str().unwrap().replace('~', "/home/u").replace("$D", "sub").into()
        }
        let text = "task = \"~/a.wasm\"\nout = \"$D/res\"\nmodel = \"~/m\"\ndata = \"evaluation=~/$D/e.jsonl\"\n";
        let options = RunOptions::parse(text, Path::new("tasks/x"), expand).unwrap();
        assert_eq!(options.task.task, Some("/home/u/a.wasm".into()));
        assert_eq!(options.output.out, Some("tasks/x/sub/res".into()));
        assert_eq!(options.model.model.as_deref(), Some("/home/u/m"));
        assert_eq!(options.data.data, ["evaluation=/home/u/sub/e.jsonl"]);
    }

    #[test]
    fn a_mistake_in_a_run_file_is_named_with_its_line() {
        for (text, part) in [
            ("steps = 3\nsteeps = 4\n", "unknown field `steeps`"),
            ("steps = 3\nseeds = \"x\"\n", "invalid seed list `x`"),
            ("steps = 3\nselect = \"best\"\n", "expected one of last, held-out, converged, got `best`"),
            ("steps = 3\nshots = \"many\"\n", "invalid type"),
        ] {
            let error = RunOptions::parse(text, Path::new(""), Path::to_owned).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("line 2"), "{error}");
        }
    }

    #[test]
    fn a_run_file_is_held_to_what_the_flags_take() {
        let refused =
            |text: &str| RunOptions::parse(text, Path::new("x"), Path::to_owned).err().map(|error| error.to_string());
        for name in ["steps", "shots", "sample", "limit", "threads", "batch-tokens"] {
            let message = refused(&format!("{name} = 0")).unwrap();
            assert!(message.contains("line 1"), "{message}");
            assert!(message.contains(&format!("`{name} = 0`: expected a whole number from 1 to ")), "{message}");
        }
        for text in ["plugin-time = -1.0", "plugin-time = nan", "plugin-time = 1e300", "until-norm = inf"] {
            let message = refused(text).unwrap();
            assert!(message.contains("a positive number"), "{text}: {message}");
        }
        assert!(refused("require-digest = \"abc\"").unwrap().contains("64 hexadecimal digits"));
        let capital = format!("require-digest = \"{}\"", "A".repeat(64));
        assert_eq!(file(&capital).digests.require_digest, ["a".repeat(64)]);
    }

    /// An option is one thing by two names: each flag that is no command's own has a key of a run file, and the other way.
    #[test]
    fn every_option_is_a_flag_and_a_key() {
        let mut flags: Vec<String> = Line::command()
            .get_arguments()
            .filter_map(|argument| argument.get_long())
            .map(|name| match name {
                "task-option" | "optimizer-option" => format!("{name}s"),
                _ => name.to_owned(),
            })
            .collect();
        flags.extend(["task-limits", "optimizer-limits"].map(str::to_owned));
        let mut keys: Vec<String> = RunOptions::declared().iter().map(|option| option.name.to_string()).collect();
        flags.sort();
        keys.sort();
        assert_eq!(keys, flags);
        keys.dedup();
        assert_eq!(keys.len(), flags.len(), "no name is there twice");
    }

    /// A file of another kind can take a group alone, with the same names and errors.
    #[test]
    fn a_group_is_a_table_by_itself() {
        use crate::options::RowOptions;
        let rows: RowOptions = toml::from_str("sampling = \"random\"\nshots = 3\n").unwrap();
        assert_eq!(rows, file("sampling = \"random\"\nshots = 3\n").rows);
        let error = toml::from_str::<RowOptions>("shots = 3\nsteps = 4\n").unwrap_err().to_string();
        assert!(error.contains("unknown field `steps`") && error.contains("line 2"), "{error}");
    }

    /// Names of the options that take no text of all kinds.
    fn choosy() -> Vec<String> {
        let takes_all = |name: &str| Line::try_parse_from(["ft-host", &format!("--{name}=x")]).is_ok();
        let command = Line::command();
        let with_value = command.get_arguments().filter(|argument| argument.get_action().takes_values());
        with_value
            .filter_map(|argument| argument.get_long())
            .filter(|name| !takes_all(name))
            .map(str::to_owned)
            .collect()
    }

    /// Numbers at the edges of what types hold, as a run file and a shell write them.
    fn extreme() -> impl Strategy<Value = String> {
        let whole =
            [0, 1, -1, 255, 256, 65536, i64::from(u32::MAX), 1 << 53, i64::MAX, i64::MIN].map(|n| n.to_string());
        let broken = ["0.0", "-0.0", "0.5", "1e-320", "1e15", "1e308", "-1e308", "nan", "-nan", "inf", "-inf"];
        let edges: Vec<String> = whole.into_iter().chain(broken.map(str::to_owned)).collect();
        prop_oneof![prop::sample::select(edges), any::<i64>().prop_map(|n| n.to_string())]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever number an option is given, a run file takes it if the flag does, as the same, and if not, says which
        /// option is wrong.
        #[test]
        fn files_and_flags_take_the_same_numbers(name in prop::sample::select(choosy()), value in extreme()) {
            let flag = Line::try_parse_from(["ft-host", &format!("--{name}={value}")]).ok().map(|line| line.options);
            let read = |text: String| RunOptions::parse(&text, Path::new(""), Path::to_owned);
            let (number, text) = (read(format!("{name} = {value}")), read(format!("{name} = \"{value}\"")));
            for options in [&number, &text] {
                match options {
                    Ok(options) => prop_assert_eq!(Some(options), flag.as_ref(), "{} = {}", &name, &value),
                    Err(error) => prop_assert!(error.to_string().contains(&name), "{} = {}: {}", &name, &value, error),
                }
            }
            prop_assert!(flag.is_none() || number.is_ok() || text.is_ok(), "{} = {}", name, value);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (arguments, message) in [
            (&["--until-norm", "3"][..], "`--until-norm`: expected `--select converged`, got none"),
            (
                &["--select", "last", "--until-norm", "3"],
                "`--until-norm`: expected `--select converged`, got `--select last`",
            ),
            (&["--held-out", "3", "--until-norm", "3"], "`--until-norm`: expected `--select converged`, got none"),
            (
                &["--select", "last", "--held-out", "3"],
                "`--held-out`: expected `--select held-out`, got `--select last`",
            ),
            (
                &["--select", "converged", "--held-out", "3"],
                "`--held-out`: expected `--select held-out`, got `--select converged`",
            ),
        ] {
            let error = flags(arguments).with_defaults().selection.resolve().unwrap_err();
            assert_eq!(error.to_string(), message, "{arguments:?}");
        }
        let resolved = |arguments: &[&str]| flags(arguments).with_defaults().selection.resolve();
        assert_eq!(resolved(&[]), Ok(None));
        assert_eq!(resolved(&["--held-out", "3"]), Ok(Some(Select::HeldOut(HeldOut::Rows(3)))));
    }

    /// The help says defaults in words; they are those of `RunOptions::defaults`.
    #[test]
    fn the_help_names_the_defaults() {
        let defaults = toml::Table::try_from(RunOptions::defaults()).unwrap();
        let command = Line::command();
        for (name, value) in &defaults {
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(name)).unwrap();
            let help = argument.get_help().unwrap().to_string();
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value = value.trim_end_matches(".0");
            assert!(help.ends_with(&format!("[default: {value}]")), "--{name}: {value}, {help}");
        }
    }
}
