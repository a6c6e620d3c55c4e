//! Completions and manual pages.

use std::process::{Command, Output};

use crate::support::*;

/// What a program does, or none and a line on stderr where it is not there.
fn output(command: &mut Command) -> Option<Output> {
    let done = command.output();
    if let Err(error) = &done {
        eprintln!("skipped: {:?}: {error}", command.get_program());
    }
    done.ok()
}

#[test]
fn every_shell_has_a_script() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.host(&["completions", shell]).good().stdout;
        for known in ["ft-host", "held-out", "plugin-fuel", "quantized"] {
            assert!(script.contains(known), "{shell}: {known}");
        }
    }
    place.host(&["completions", "tcsh"]).failed(2, &["'tcsh'", "bash, elvish, fish, powershell, zsh"]);
}

#[test]
fn bash_completes_flags_and_their_values() {
    let place = Place::empty();
    let script = place.write("ft-host.bash", place.host(&["completions", "bash"]).good().stdout);
    let Some(checked) = output(Command::new("bash").arg("-n").arg(&script)) else { return };
    assert!(checked.status.success() && checked.stderr.is_empty(), "{}", String::from_utf8_lossy(&checked.stderr));
    // The function that `complete` names is called as bash does: the command, the word, the word before it.
    let ask = r#"
        source "$1"; shift
        function=$(complete -p ft-host | sed -E 's/.* -F ([^ ]+) .*/\1/')
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        "$function" ft-host "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let completed = |words: &[&str]| -> Vec<String> {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", ask, "bash"]).arg(&script).args(words);
        let done = output(&mut bash).expect("it was there");
        String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
    };
    assert_eq!(completed(&["ft-host", "run", "--samp"]), ["--sampling", "--sample"]);
    assert_eq!(completed(&["ft-host", "run", "--select", "h"]), ["held-out"]);
    assert_eq!(completed(&["ft-host", "plugin", "va"]), ["validate"]);
    // A hidden command is not offered, and each command has the flags that all have.
    assert_eq!(completed(&["ft-host", "com"]), ["compare", "completions"]);
    assert_eq!(completed(&["ft-host", "run", "--vers"]), ["--version"]);
}

#[test]
fn manual_pages_have_the_flags_with_their_help() {
    let place = Place::empty();
    for (command, title, flag) in [
        (&[][..], ".TH ft-host 1", "ft\\-host\\-run"),
        (&["run"][..], ".TH ft-host-run 1", "\\-\\-score\\-steps"),
        (&["plugin", "new"][..], ".TH ft-host-plugin-new 1", "\\-\\-lang"),
    ] {
        let page = place.host(&[&["man"], command].concat()).good().stdout;
        assert!(page.contains(title) && page.contains(flag), "{command:?}: {page}");
        let file = place.write("page.1", &page);
        let Some(shown) = output(Command::new("groff").args(["-man", "-Tascii", "-ww", "-P-cbou"]).arg(&file)) else {
            continue;
        };
        assert!(shown.status.success() && shown.stderr.is_empty(), "{}", String::from_utf8_lossy(&shown.stderr));
        assert!(String::from_utf8_lossy(&shown.stdout).contains("OPTIONS"), "{command:?}");
    }
    place.host(&["man", "runn"]).failed(2, &["expected one of run, tune, predict, serve, prompt,", "got `runn`"]);
    place.host(&["man", "run", "x"]).failed(2, &["expected no command below `run`, got `x`"]);
}
