//! The runs: every small model, every task and optimizer, the settings that a result follows from, and refusals.

use super::place::Stock;

/// SST-2 on its bundled sample, a token for each character: a few hundred tokens of demonstrations.
const SST2: &str = "run --task plugins/sst2.wasm --model models/characters --data sample --limit 6";
/// SST-2 on rows of a few pieces, which fit behind each other into 64 positions.
const PIECES: &str = "run --task plugins/sst2.wasm --data rows --steps 3";

/// One call of the program.
pub struct Case {
    /// The name of its folder in a recording.
    pub name: String,
    pub arguments: Vec<String>,
    /// The exit status that it should have.
    pub status: i32,
    /// A file of which only the first half is left before the call, as if an earlier one had been killed.
    pub halved: Option<&'static str>,
}

impl Case {
    /// A call that does what is asked. A run computes with two threads on the CPU, selects the last step unless it says
    /// which, and writes to a folder of its name unless it says to which.
    fn good(name: &str, line: &str) -> Self {
        let mut arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if arguments.first().is_some_and(|command| command == "run") {
            arguments.extend(["--device", "cpu", "--threads", "2"].map(str::to_owned));
            // Versions whose default is another do the same.
            if !arguments.iter().any(|argument| argument == "--select") {
                arguments.extend(["--select", "last"].map(str::to_owned));
            }
            if !arguments.iter().any(|argument| argument == "--out") {
                arguments.extend(["--out".to_owned(), format!("runs/{name}")]);
            }
        }
        Self { name: name.to_owned(), arguments, status: 0, halved: None }
    }

    /// The folder of results.
    pub fn out(&self) -> Option<&str> {
        let flag = self.arguments.iter().position(|argument| argument == "--out")?;
        self.arguments.get(flag + 1).map(String::as_str)
    }
}

/// All runs, in the order in which they are done: some read what others left.
pub fn all(stock: &Stock) -> Vec<Case> {
    let mut cases = models(&stock.models);
    cases.extend(tasks(&stock.tasks));
    cases.extend(OPTIMIZERS.iter().map(|(name, line)| {
        Case::good(&format!("optimizer-{name}"), &format!("{SST2} --steps 4 --optimizer plugins/{line}"))
    }));
    cases.extend(SETTINGS.iter().map(|(name, more)| Case::good(name, &format!("{SST2} {more}"))));
    cases.extend(ROWS.iter().map(|(name, line)| Case::good(name, line)));
    cases.extend(resumed());
    cases.extend(READERS.iter().map(|(name, line)| Case::good(name, line)));
    for plugin in &stock.plugins {
        let line = format!("plugin inspect --json plugins/{plugin}.wasm");
        cases.push(Case::good(&format!("inspect-{plugin}"), &line));
    }
    for pickle in &stock.pickles {
        let refused = Case::good(&format!("refused-{pickle}"), &format!("{PIECES} --model models/{pickle}"));
        cases.push(Case { status: 2, ..refused });
    }
    cases.extend(REFUSED.iter().map(|(status, name, line)| {
        let refused = Case::good(&format!("refused-{name}"), line);
        Case { status: *status, ..refused }
    }));
    cases
}

/// Every model, and those of the seven families in the other number formats and with other positions too.
fn models(models: &[String]) -> Vec<Case> {
    let mut cases = Vec::new();
    for model in models {
        let line = format!("{PIECES} --model models/{model}");
        cases.push(Case::good(&format!("model-{model}"), &line));
        cases.push(Case::good(&format!("described-{model}"), &format!("model inspect models/{model}")));
        if model.starts_with("tiny-") {
            let formats = [
                ("quantized", "--weights quantized"),
                ("bf16", "--dtype bf16"),
                ("restart", "--positions restart"),
                ("continue", "--positions continue --seeds 1,2"),
            ];
            let with = |(name, more)| Case::good(&format!("model-{model}-{name}"), &format!("{line} {more}"));
            cases.extend(formats.map(with));
        }
    }
    cases.push(Case::good("model-gguf", &format!("{PIECES} --model models/tiny.gguf")));
    cases
}

/// Every task by its run file and on its bundled sample, and a prompt of each.
fn tasks(tasks: &[String]) -> Vec<Case> {
    let mut cases = Vec::new();
    for task in tasks {
        let source = "--model models/characters --data sample";
        let run = format!("run --config tasks/{task}/run.toml {source} --steps 2 --sample 6");
        cases.push(Case::good(&format!("task-{task}"), &run));
        let prompt = format!("prompt --json --task plugins/{task}.wasm {source} --index 1 --seed 1");
        cases.push(Case::good(&format!("prompt-{task}"), &prompt));
    }
    cases
}

/// What is behind `--optimizer plugins/`, by a name for the run.
const OPTIMIZERS: [(&str, &str); 21] = [
    ("adam", "adam.wasm"),
    ("adam-values", "adam.wasm -O step_size=0.02 -O beta1=0.5 -O update=values"),
    ("agreement", "agreement.wasm"),
    ("anderson", "anderson.wasm"),
    ("anderson-window", "anderson.wasm -O window=1 -O mixing=0.5 -O regularization=0.001"),
    ("context-tuning", "context-tuning.wasm"),
    ("gate", "gate.wasm"),
    ("gate-layer", "gate.wasm -O eta=0.5 -O layers=1..2"),
    ("line-search", "line-search.wasm"),
    ("lion", "lion.wasm -O beta2=0.9"),
    ("momentum", "momentum.wasm"),
    ("momentum-keys", "momentum.wasm -O step_size=0.1 -O momentum=0.5 -O update=keys"),
    ("momentum-skip", "momentum.wasm -O step_size=0.2 -O skip_first=4"),
    ("nesterov", "nesterov.wasm -O step_size=0.05"),
    ("orders", "orders.wasm -O orders=3"),
    ("rmsprop", "rmsprop.wasm -O decay=0.5"),
    ("sgd", "sgd.wasm"),
    ("sgd-long", "sgd.wasm -O step_size=1.5 -O layers=0..1"),
    ("spsa", "spsa.wasm -O directions=2"),
    ("trust-ratio", "trust-ratio.wasm -O step_size=0.1"),
    ("zero", "momentum.wasm -O step_size=0"),
];

/// Settings of a run of SST-2 that its results follow from.
const SETTINGS: [(&str, &str); 25] = [
    ("plain", "--steps 3"),
    ("seed-1", "--steps 3 --seed 1"),
    ("seeds", "--steps 3 --seeds 3,0"),
    ("sampling-first", "--steps 2 --sampling first --shots 3"),
    ("sampling-random", "--steps 2 --sampling random --shots 4"),
    ("sampling-stratified", "--steps 2 --sampling stratified --shots 2"),
    ("select-last", "--steps 3 --select last"),
    ("select-held-out", "--steps 4 --select held-out -O step_size=0.5"),
    ("select-held-out-rows", "--steps 4 --select held-out --held-out 6 --seeds 1,2 -O step_size=0.5"),
    ("select-converged", "--steps 30 --select converged --until-norm 80 --score-steps last"),
    ("select-converged-never", "--steps 3 --select converged --optimizer plugins/anderson.wasm"),
    ("quantized", "--steps 3 --weights quantized"),
    ("bf16", "--steps 3 --dtype bf16"),
    ("f16", "--steps 3 --dtype f16"),
    ("quantized-bf16", "--steps 3 --weights quantized --dtype bf16"),
    ("positions-restart", "--steps 3 --positions restart -O step_size=0.5"),
    ("positions-continue", "--steps 3 --positions continue -O step_size=0.5"),
    ("sample", "--steps 2 --sample 20 --seed 5"),
    ("sample-of-all", "--steps 2 --sample 1000 --skip-bad-rows"),
    ("score-steps-last", "--steps 5 --score-steps last"),
    ("score-steps-list", "--steps 5 --score-steps 2,4"),
    ("batches", "--steps 2 --batch-tokens 64"),
    ("nonfinite", "--steps 4 --allow-nonfinite -O step_size=1e38"),
    ("json", "--steps 2 --json"),
    ("again", "--steps 3 --out runs/plain"),
];

/// Rows of other forms, and other calls of `run`.
const ROWS: [(&str, &str); 9] = [
    (
        "written-obqa",
        "run --task plugins/obqa.wasm --model models/characters --data sample --sample 4 --steps 2 --sampling written",
    ),
    (
        "written-qasc",
        "run --task plugins/qasc.wasm --model models/characters --data sample --sample 4 --steps 2 --sampling written",
    ),
    (
        "winogrande-oneline",
        "run --task plugins/winogrande.wasm -T prompt=oneline --model models/characters --data sample --sample 6 \
         --steps 2",
    ),
    (
        "rows-tsv",
        "run --task plugins/sst2.wasm --model models/tiny-gpt2 --data rows --data evaluation=rows/more.tsv --steps 2 \
         --skip-bad-rows",
    ),
    (
        "rows-parquet",
        "run --task plugins/qasc.wasm --model models/characters --data evaluation=rows/qasc.parquet \
         --data demonstrations=rows/qasc.parquet --steps 2 --allow-overlap",
    ),
    (
        "rows-overlap",
        "run --task plugins/sst2.wasm --model models/tiny-opt --data rows --data evaluation=rows/sst2/train.jsonl \
         --steps 2",
    ),
    (
        "rows-too-long",
        "run --task plugins/sst2.wasm --model models/tiny-gpt2 --data rows --data evaluation=rows/sst2/train.jsonl \
         --shots 2 --steps 2 --skip-bad-rows",
    ),
    ("dry-run", "run --task plugins/sst2.wasm --model models/characters --data sample --dry-run --json"),
    (
        "print-config",
        "run --task plugins/sst2.wasm --model models/characters --seeds 1..3 -O step_size=0.5 --print-config",
    ),
];

/// A run that is stopped by a limit of a plugin, on which no result depends: it goes on from a journal that ends within a
/// line, to the same stop, and from there without the limit to its end.
fn resumed() -> [Case; 3] {
    let line = format!("{SST2} --steps 5 --optimizer plugins/anderson.wasm --batch-tokens 200 --out runs/stopped");
    let stopped = |name| Case { status: 3, ..Case::good(name, &format!("{line} --plugin-tensor-bytes 300k")) };
    let halved = Some("runs/stopped/samples.jsonl");
    [stopped("stopped"), Case { halved, ..stopped("stopped-again") }, Case::good("resumed", &line)]
}

/// Calls that read what the runs above left, or no weights.
const READERS: [(&str, &str); 12] = [
    ("prompt-first", "prompt --json --task plugins/sst2.wasm --model models/tiny-gpt2 --data rows --sampling first"),
    ("prompt-text", "prompt --task plugins/sst2.wasm --model models/characters --data sample --index 3"),
    ("prompt-merges", "prompt --json --task plugins/copa.wasm --model models/merges --data sample"),
    ("prompt-pieces", "prompt --json --task plugins/copa.wasm --model models/sentence_piece.gguf --data sample"),
    ("described-gguf", "model inspect models/tiny.gguf"),
    ("compare", "compare recorded/plain recorded/optimizer-momentum"),
    ("compare-json", "compare --json recorded/positions-restart recorded/positions-continue"),
    (
        "compare-steps",
        "compare --json --step-a 1 --step-b 4 recorded/select-held-out-rows recorded/select-held-out-rows",
    ),
    ("report-text", "report recorded/plain recorded/seeds"),
    ("report-json", "report --json recorded/plain recorded/seeds recorded/stopped"),
    ("report-html", "report --html recorded/plain recorded/select-held-out-rows"),
    ("inspect-hostile", "plugin inspect --json plugins/hostile/optimizer.wasm"),
];

/// Calls that end in a message, with their exit status.
const REFUSED: [(i32, &str, &str); 14] = [
    (2, "no-model", "run --task plugins/sst2.wasm --model models/nowhere --data sample"),
    (2, "no-task", "run --task plugins/nothing.wasm --model models/characters --data sample"),
    (2, "optimizer-as-task", "run --task plugins/adam.wasm --model models/characters --data sample"),
    (2, "option", "run --task plugins/sst2.wasm --model models/characters --data sample -O speed=1"),
    (2, "option-value", "run --task plugins/sst2.wasm --model models/characters --data sample -O momentum=2"),
    (2, "steps", "run --task plugins/sst2.wasm --model models/characters --data sample --steps 0"),
    (2, "written", "run --task plugins/sst2.wasm --model models/characters --data sample --sampling written"),
    (2, "too-long", "run --task plugins/sst2.wasm --model models/variants-llama --data rows --shots 4"),
    (2, "bad-row", "run --task plugins/sst2.wasm --model models/tiny-gpt2 --data rows --data evaluation=rows/more.tsv"),
    (
        3,
        "nonfinite",
        "run --task plugins/sst2.wasm --model models/characters --data sample --limit 6 -O step_size=1e38",
    ),
    // Of a run that has not come to its end.
    (
        2,
        "other-settings",
        "run --task plugins/sst2.wasm --model models/characters --data sample --limit 5 --out runs/refused-nonfinite",
    ),
    (
        3,
        "fuel",
        "run --task plugins/hostile/task.wasm -T attack=loop-in-read --plugin-fuel 10000000 --model models/characters \
         --data sample",
    ),
    (2, "world", "plugin inspect plugins/hostile/wrong-world.wasm"),
    (2, "version", "plugin inspect plugins/hostile/wrong-version.wasm"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn stock() -> Stock {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Stock {
            models: names(&["tiny-gpt2", "variants-llama"]),
            pickles: names(&["pickle-two"]),
            tasks: names(&["sst2"]),
            plugins: names(&["sst2", "adam"]),
        }
    }

    #[test]
    fn names_are_folders_of_their_own() {
        let cases = all(&stock());
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        let plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || b"0123456789-_".contains(&byte));
        assert_eq!(names.iter().find(|name| !plain(name)), None);
    }

    #[test]
    fn runs_have_fixed_threads_and_a_folder() {
        for case in all(&stock()).iter().filter(|case| case.arguments[0] == "run") {
            let line = case.arguments.join(" ");
            assert!(line.contains("--device cpu --threads 2"), "{line}");
            assert!(case.out().is_some_and(|out| out.starts_with("runs/")), "{line}");
        }
    }

    /// A new optimizer that nobody adds here would be compared with nothing.
    #[test]
    fn every_optimizer_has_a_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut optimizers = 0;
        for entry in std::fs::read_dir(root.join("plugins")).unwrap() {
            let folder = entry.unwrap().file_name().into_string().unwrap();
            let is_crate = root.join("plugins").join(&folder).join("Cargo.toml").exists();
            let is_kit = ["sdk", "template"].contains(&folder.as_str());
            if !is_crate || is_kit || root.join("tasks").join(&folder).is_dir() {
                continue;
            }
            let component = format!("{folder}.wasm");
            let has_run = |(_, line): &(&str, &str)| line.split(' ').next() == Some(component.as_str());
            assert!(OPTIMIZERS.iter().any(has_run), "{folder}");
            optimizers += 1;
        }
        assert!(optimizers >= 9, "{optimizers}");
    }
}
