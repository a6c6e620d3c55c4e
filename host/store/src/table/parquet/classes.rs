//! The names of classes that the `datasets` library keeps in a Parquet file.
//!
//! A column of type `ClassLabel` is stored as whole numbers. What they stand for is said in the footer alone, under the
//! key `huggingface`: `{"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}`.

use parquet::basic::Type as Physical;
use parquet::file::metadata::FileMetaData;
use serde_json::Value;

use crate::table::rows::ClassColumn;

/// The columns of whole numbers that the footer names the classes of. What is written in another format names none.
pub(crate) fn of(metadata: &FileMetaData) -> Vec<ClassColumn> {
    let entries = metadata.key_value_metadata().into_iter().flatten();
    let said = entries.filter(|entry| entry.key == "huggingface").find_map(|entry| entry.value.as_deref());
    let fields = metadata.schema().get_fields();
    let is_whole = |name: &str| {
        let field = fields.iter().find(|field| field.name() == name);
        field.is_some_and(|field| {
            field.is_primitive() && matches!(field.get_physical_type(), Physical::INT32 | Physical::INT64)
        })
    };
    let mut columns = said.map(columns).unwrap_or_default();
    columns.retain(|column| is_whole(&column.column));
    columns
}

fn columns(said: &str) -> Vec<ClassColumn> {
    let said: Value = serde_json::from_str(said).unwrap_or_default();
    let features = said["info"]["features"].as_object();
    let column = |(name, feature): (&String, &Value)| {
        if feature["_type"] != "ClassLabel" {
            return None;
        }
        let names = feature["names"].as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
        Some(ClassColumn { column: name.clone(), names: names.collect::<Option<Vec<String>>>()? })
    };
    features.into_iter().flatten().filter_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_class_labels_alone() {
        let said = r#"{"info": {"features": {"text": {"dtype": "string", "_type": "Value"},
            "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "none": {"_type": "ClassLabel"},
            "tags": {"feature": {"names": ["x"], "_type": "ClassLabel"}, "_type": "Sequence"}}}}"#;
        let label = ClassColumn { column: "label".into(), names: vec!["neg".into(), "pos".into()] };
        assert_eq!(columns(said), [label]);
        for other in [
            "",
            "[]",
            r#"{"info": {"features": []}}"#,
            r#"{"info": {"features": {"a": {"names": [1], "_type": "ClassLabel"}}}}"#,
        ] {
            assert_eq!(columns(other), [], "{other}");
        }
    }
}
