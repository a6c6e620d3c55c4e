//! The bundled samples: small data sets written for this project, inside the binary so that it runs in any folder.
//!
//! A sample shows that everything works. It is no data set of the paper's, and every output made from it says so.

/// A file of the bundled sample.
struct SampleFile {
    /// The data set's folder name, as below `--data DIR`.
    folder: &'static str,
    /// The split's name in the data set.
    split: &'static str,
    /// JSON lines in the hub's columns.
    bytes: &'static [u8],
}

/// The files `tasks/<task>/sample/<split>.jsonl` of some tasks, each with its data set's folder and its splits.
macro_rules! files {
    ($($task:literal, $folder:literal: $($split:literal)*;)*) => {
        &[$($(SampleFile {
            folder: $folder,
            split: $split,
            bytes: include_bytes!(concat!("../../../../tasks/", $task, "/sample/", $split, ".jsonl")),
        },)*)*]
    };
}

const FILES: &[SampleFile] = files! {
    "agnews", "ag_news": "train" "test";
    "arc", "arc": "train" "test";
    "bbh", "bbh": "test";
    "boolq", "boolq": "train" "validation";
    "cb", "cb": "train" "validation";
    "commonsense_qa", "commonsense_qa": "train" "validation";
    "copa", "copa": "train" "validation";
    "hellaswag", "hellaswag": "train" "validation";
    "mmlu", "mmlu": "dev" "test";
    "mr", "rotten_tomatoes": "train" "validation";
    "obqa", "openbookqa": "train" "validation";
    "piqa", "piqa": "train" "validation";
    "qasc", "qasc": "train" "validation";
    "rte", "rte": "train" "validation";
    "sst2", "sst2": "train" "validation";
    "sst5", "sst5": "train" "validation";
    "trec", "trec": "train" "test";
    "winogrande", "winogrande": "train" "validation";
};

/// The JSON lines of a split of a data set's sample, if it has one.
pub fn find(folder: &str, split: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|file| (file.folder, file.split) == (folder, split)).map(|file| file.bytes)
}

/// What there is, as `folder/split`, for messages.
pub fn names() -> Vec<String> {
    FILES.iter().map(|file| format!("{}/{}", file.folder, file.split)).collect()
}
