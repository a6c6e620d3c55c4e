//! The bundled samples: small data sets written for this project, inside the binary so that it runs in any folder.
//!
//! A sample shows that everything works. It is no data set of the paper's, and every output made from it says so.

/// One file of a sample.
struct SampleFile {
    /// The data set's folder name, as below `--data DIR`.
    folder: &'static str,
    /// The split's name.
    split: &'static str,
    /// JSON lines in the hub's columns.
    bytes: &'static [u8],
}

/// The files of `tasks/<folder>/sample/`.
const FILES: &[SampleFile] = &[
    SampleFile { folder: "sst2", split: "train", bytes: include_bytes!("../../../tasks/sst2/sample/train.jsonl") },
    SampleFile {
        folder: "sst2",
        split: "validation",
        bytes: include_bytes!("../../../tasks/sst2/sample/validation.jsonl"),
    },
];

/// The JSON lines of a split of a data set's sample, if it has one.
pub fn find(folder: &str, split: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|file| (file.folder, file.split) == (folder, split)).map(|file| file.bytes)
}

/// What there is, as `folder/split`, for messages.
pub fn names() -> Vec<String> {
    FILES.iter().map(|file| format!("{}/{}", file.folder, file.split)).collect()
}
