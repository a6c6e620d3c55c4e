//! The record of `group.json`: a run of several tasks under one name, with a folder for each, and their averages. It is read back
//! from folders that anybody may have made: names of folders are checked, and averages are for other programs to read, since
//! a report computes its own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::spread::SpreadRecord;
use ft_engine::text::{Untrusted, harmless_within};

/// The name of the file in the group's folder.
pub const GROUP: &str = "group.json";

/// The version of the format of a `group.json`; it grows with every change that a reader would notice.
pub const GROUP_FORMAT_VERSION: u32 = 1;

/// The size limit of a `group.json` that is read: 16 MiB. A thousand subtasks and a hundred smaller groups, with names of 64
/// characters and averages of 3 kB, come to less than 1 MB.
pub const GROUP_LIMIT: u64 = 16 << 20;

/// Subtasks of a group at most.
pub const MOST_SUBTASKS: usize = 1000;

/// Smaller groups at most: each has averages of its own.
pub const MOST_SMALLER_GROUPS: usize = 100;

/// Characters of a subtask's name at most.
const LONGEST_NAME: usize = 64;

/// The content of `group.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// The version of the file's format, [`GROUP_FORMAT_VERSION`] in files of this version of the host.
    pub format_version: u32,
    /// The version of the host that wrote the record.
    pub host_version: Untrusted,
    /// The name of the group.
    pub name: Untrusted,
    /// The tasks of the group, in the order in which they are run.
    pub subtasks: Vec<SubtaskRecord>,
    /// Whether all subtasks are complete.
    pub complete: bool,
    /// The averages of the subtasks that are complete; absent while none is. Reports compute them from the subtasks' samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub averages: Vec<AverageRecord>,
}

/// A task of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskRecord {
    /// The name of the subtask and of its folder in that of the group; see [`is_subtask_name`].
    pub name: Untrusted,
    /// The names of the smaller groups that the subtask is part of, like `stem` of MMLU; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Untrusted>,
}

/// The averages of a group's complete subtasks, or of those in one of its smaller groups, over the seeds that all complete
/// subtasks have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageRecord {
    /// The name of the smaller group; absent for the whole group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Untrusted>,
    /// The number of complete subtasks, of which the averages are.
    pub subtasks: usize,
    /// The number of all subtasks of the group.
    pub of: usize,
    /// The number of rows that one seed scores in the complete subtasks; the largest of the seeds.
    pub n: usize,
    /// The micro averages: every row counts the same.
    #[serde(rename = "micro")]
    pub micro_average: AverageScores,
    /// The macro averages: every subtask counts the same.
    #[serde(rename = "macro")]
    pub macro_average: AverageScores,
}

/// The averages of one kind at zero-shot, at in-context learning and at the results.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageScores {
    /// The accuracy at step 0; absent unless all subtasks have it for all seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_shot: Option<AverageAccuracy>,
    /// The accuracy at step 1; absent unless all subtasks have it for all seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_context: Option<AverageAccuracy>,
    /// The accuracy at the results, which may stand at another step in each subtask.
    pub result: AverageAccuracy,
    /// The accuracy at the results less that at step 1; absent where `in_context` is. A subtask whose result is step 1 differs by 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<AverageDifference>,
}

/// An average of accuracies, from 0 to 1, over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageAccuracy {
    /// Mean and spread over the seeds; the mean is the value itself for a single seed.
    #[serde(flatten)]
    pub spread: SpreadRecord,
    /// The 95 % interval of a single seed: Wilson's of all rows for a micro average, the subtasks' Wilson intervals combined by
    /// MOVER for a macro average. Absent for several seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// An average of differences between accuracies, from -1 to 1, over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AverageDifference {
    /// Mean and spread over the seeds; the mean is the value itself for a single seed.
    #[serde(flatten)]
    pub spread: SpreadRecord,
    /// The 95 % percentile bootstrap interval of a single seed, over all resamples of the rows; absent for macro averages and for
    /// several seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The p-value of McNemar's exact test of a single seed, two-sided; absent where `interval` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
}

/// Why bytes are no [`GroupRecord`] that can be used.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The bytes are not what this program writes.
    #[error("expected the record of a group")]
    Json(#[from] serde_json::Error),
    /// The record has the format of another version.
    #[error("expected format version {GROUP_FORMAT_VERSION}, got {0}")]
    Version(u32),
    /// No subtask, or too many.
    #[error("expected 1 to {MOST_SUBTASKS} subtasks, got {0}")]
    Subtasks(usize),
    /// Too many smaller groups.
    #[error("expected at most {MOST_SMALLER_GROUPS} smaller groups, got {0}")]
    SmallerGroups(usize),
    /// A name that is not one of a subtask, and might lead out of the folder.
    #[error(
        "subtask {number}: expected a name of 1 to {LONGEST_NAME} characters of a-z, 0-9, - and _, got `{}`",
        harmless_within(.name.raw(), LONGEST_NAME)
    )]
    Name {
        /// The place of the subtask, counted from 1.
        number: usize,
        /// The name in the file.
        name: Untrusted,
    },
    /// Two subtasks of one name.
    #[error("subtask {number}: expected a name of its own, got `{}` again", .name.harmless())]
    Twice {
        /// The place of the second subtask, counted from 1.
        number: usize,
        /// The name of both.
        name: Untrusted,
    },
}

impl GroupRecord {
    /// The record in the bytes of a `group.json`.
    ///
    /// # Errors
    /// If the bytes are no such record, are of another format version, or have no subtask, too many subtasks or smaller groups,
    /// a subtask's name that [`is_subtask_name`] refuses, or the same one twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, GroupError> {
        /// The part that all versions have.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let Version { format_version } = serde_json::from_slice(bytes)?;
        if format_version != GROUP_FORMAT_VERSION {
            return Err(GroupError::Version(format_version));
        }
        let record: Self = serde_json::from_slice(bytes)?;
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), GroupError> {
        if !(1..=MOST_SUBTASKS).contains(&self.subtasks.len()) {
            return Err(GroupError::Subtasks(self.subtasks.len()));
        }
        let mut names = BTreeSet::new();
        for (SubtaskRecord { name, .. }, number) in self.subtasks.iter().zip(1..) {
            if !is_subtask_name(name.raw()) {
                return Err(GroupError::Name { number, name: name.clone() });
            }
            if !names.insert(name) {
                return Err(GroupError::Twice { number, name: name.clone() });
            }
        }
        let groups: BTreeSet<&Untrusted> = self.subtasks.iter().flat_map(|subtask| &subtask.groups).collect();
        // A list may also be long by repetition.
        let longest = self.subtasks.iter().map(|subtask| subtask.groups.len()).max().unwrap_or_default();
        match longest.max(groups.len()) {
            0..=MOST_SMALLER_GROUPS => Ok(()),
            found => Err(GroupError::SmallerGroups(found)),
        }
    }
}

/// Whether a subtask may have this name: 1 to 64 characters of a-z, 0-9, - and _, so that it is a folder's name everywhere and
/// leads nowhere else.
pub fn is_subtask_name(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn group(names: &[&str]) -> Value {
        let subtasks: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        json!({"format_version": 1, "host_version": "0.1.0", "name": "g", "subtasks": subtasks, "complete": false})
    }

    fn parse(value: &Value) -> Result<GroupRecord, GroupError> {
        GroupRecord::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_record_reads_back_as_it_is_written() {
        let mut value = group(&["anatomy", "world_history-2"]);
        value["subtasks"][0]["groups"] = json!(["stem", "<b>"]);
        let accuracy = json!({"seeds": 1, "mean": 0.5, "sd": null, "min": 0.5, "max": 0.5, "interval": [0.25, 0.75]});
        let spread = json!({"seeds": 2, "mean": 0.5, "sd": 0.0, "min": 0.5, "max": 0.5});
        value["averages"] = json!([
            {"group": "stem", "subtasks": 1, "of": 1, "n": 8, "micro": {"result": accuracy}, "macro": {"result": spread}},
            {"subtasks": 1, "of": 2, "n": 8, "micro": {"zero_shot": accuracy, "in_context": accuracy, "result": accuracy,
                "difference": {"seeds": 1, "mean": 0.0, "sd": null, "min": 0.0, "max": 0.0, "interval": [0.0, 0.0],
                    "p_value": 1.0}}, "macro": {"result": accuracy}},
        ]);
        let record = parse(&value).unwrap();
        assert_eq!(record.averages[1].micro_average.difference.unwrap().p_value, Some(1.0));
        assert_eq!(record.averages[0].macro_average.result.spread.sd, Some(0.0));
        assert_eq!(serde_json::to_value(&record).unwrap(), value);
        let without = group(&["a"]);
        assert_eq!(serde_json::to_value(parse(&without).unwrap()).unwrap(), without);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let long = "a".repeat(65);
        for name in ["../x", "", ".", "..", "a/b", "/etc", "A", "a b", "a\\b", "a\u{1b}[2J", "é", long.as_str()] {
            let error = parse(&group(&["fine", name])).unwrap_err();
            assert!(
                matches!(&error, GroupError::Name { number: 2, name: found } if found == name),
                "{name:?}: {error}"
            );
            assert!(error.to_string().len() < 400 && !error.to_string().contains('\u{1b}'), "{error}");
        }
        let error = parse(&group(&["../x"])).unwrap_err().to_string();
        assert_eq!(error, "subtask 1: expected a name of 1 to 64 characters of a-z, 0-9, - and _, got `../x`");
        assert!(parse(&group(&[&"a".repeat(64)])).is_ok());
    }

    #[test]
    fn what_is_no_group_is_refused() {
        let message = |value: &Value| parse(value).unwrap_err().to_string();
        assert_eq!(message(&group(&["a", "b", "a"])), "subtask 3: expected a name of its own, got `a` again");
        assert_eq!(message(&group(&[])), "expected 1 to 1000 subtasks, got 0");
        let names: Vec<String> = (0..1001).map(|number| format!("t{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(message(&group(&names)), "expected 1 to 1000 subtasks, got 1001");
        assert!(parse(&group(&names[..1000])).is_ok());
        let mut other = group(&["a"]);
        other["format_version"] = json!(2);
        // Whatever else it has.
        other["subtasks"] = json!("by later rules");
        assert_eq!(message(&other), "expected format version 1, got 2");
        for bytes in [&b""[..], b"[]", b"{}", br#"{"format_version": 1}"#] {
            assert!(matches!(GroupRecord::parse(bytes), Err(GroupError::Json(_))), "{bytes:?}");
        }
        let mut many = group(&["a"]);
        many["subtasks"][0]["groups"] = (0..101).map(|number| json!(format!("g{number}"))).collect();
        assert_eq!(message(&many), "expected at most 100 smaller groups, got 101");
        many["subtasks"][0]["groups"] = json!(vec!["stem"; 102]);
        assert_eq!(message(&many), "expected at most 100 smaller groups, got 102");
    }
}
