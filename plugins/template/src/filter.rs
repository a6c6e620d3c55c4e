//! Which rows are the task's, by `data.filter`.

use std::collections::BTreeSet;

use ft_plugin::Row;

use crate::columns::Scope;
use crate::definition::Fault;
use crate::jinja::Formula;

/// The expression that is false for rows that are none of the task's.
pub(crate) struct Filter {
    formula: Formula,
    columns: BTreeSet<String>,
    /// Whether what it says depends on the answer.
    asks_answer: bool,
}

impl Filter {
    /// `of_answer` has the columns that only the answer is made of.
    pub(crate) fn new(formula: Formula, of_answer: &BTreeSet<String>) -> Self {
        let columns = formula.columns();
        let asks_answer = !columns.is_disjoint(of_answer);
        Self { formula, columns, asks_answer }
    }

    /// The expression.
    pub(crate) fn formula(&self) -> &Formula {
        &self.formula
    }

    /// Whether a row is one of the task's. To a row to predict a filter that asks for the answer does not apply, and neither does
    /// one that needs a column which the row does not have: data sets have columns that mark their rows, of which what a user
    /// asks has none.
    pub(crate) fn takes(&self, row: &Row<'_>, scope: &Scope) -> Result<bool, Fault> {
        if row.is_unlabelled() && self.asks_answer {
            return Ok(true);
        }
        let lacks = |column: &String| !scope.has(column) && !row.columns().contains_key(column);
        match self.formula.holds(scope) {
            Err(_) if row.is_unlabelled() && self.columns.iter().any(lacks) => Ok(true),
            holds => holds,
        }
    }
}

#[cfg(test)]
mod tests {
    use ft_plugin::{Row, Split, Task};

    use crate::testing::{definition, task};

    const ANSWER: &str = "labels = [\"no\", \"yes\"]\nanswer = \"row['The Label']\"";
    const PROMPT: &str = "context = \"{{ q }}\"";

    /// Whether a filter takes a row to predict.
    fn takes(filter: &str, json: &str) -> Result<bool, String> {
        let text = definition(ANSWER, PROMPT).replace("[row]", &format!("filter = \"{filter}\"\n[row]"));
        let row = Row::parse_unlabelled(0, json).unwrap();
        task(&text).unwrap().takes(Split::Unlabelled, &row).map_err(|error| error.to_string())
    }

    #[test]
    fn a_filter_that_asks_for_the_answer_does_not_apply_to_a_row_to_predict() {
        for filter in ["row['The Label'] != -1", "q != '' and row['The Label'] | int >= 0", "'The Label' in row"] {
            for json in [r#"{"q": "a"}"#, r#"{"q": "", "The Label": -1}"#] {
                assert_eq!(takes(filter, json), Ok(true), "{filter}, {json}");
            }
        }
    }

    #[test]
    fn a_filter_of_other_columns_applies_where_they_are() {
        assert_eq!(takes("q != ''", r#"{"q": ""}"#), Ok(false));
        assert_eq!(takes("q != ''", r#"{"q": "a"}"#), Ok(true));
        assert_eq!(takes("part == 'x'", r#"{"q": "a", "part": "y"}"#), Ok(false));
        assert_eq!(takes("part == 'x'", r#"{"q": "a"}"#), Ok(true));
        assert_eq!(takes("row.part == 'x'", r#"{"q": "a"}"#), Ok(true));
        assert_eq!(takes("row['part'] == 'x'", r#"{"q": "a", "part": "y"}"#), Ok(false));
        // What can do without a column is evaluated without it.
        assert_eq!(takes("part is defined and part == 'x'", r#"{"q": "a"}"#), Ok(false));
        let message = takes("part > 3", r#"{"q": "a", "part": "4"}"#).unwrap_err();
        assert!(
            message.starts_with("`data.filter` (line 6): expected two texts or two numbers to compare"),
            "{message}"
        );
    }

    #[test]
    fn a_column_that_the_prompt_has_too_is_not_the_answers() {
        let takes = |prompt: &str| {
            let text = definition("labels = [\"no\", \"yes\"]\nanswer = \"kind\"", prompt);
            let task = task(&text.replace("[row]", "filter = \"kind != 'x'\"\n[row]")).unwrap();
            let row = Row::parse_unlabelled(0, r#"{"q": "a", "kind": "x"}"#).unwrap();
            task.takes(Split::Unlabelled, &row).unwrap()
        };
        assert!(takes("context = \"What kind? {{ q }}\""));
        assert!(takes("context = \"{{ q }}\"\ndemonstration = \"{{ q }} {{ kind }}\""));
        assert!(!takes("context = \"{{ q }} {{ kind }}\""));
        assert!(!takes("context = \"{{ q }} {{ row['kind'] }}\""));
    }
}
