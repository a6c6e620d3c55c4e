//! What the host takes for the name of an example.

use crate::RowError;

/// How many characters an id may have.
const LONGEST: usize = 200;

/// The host ends a plugin over an id that it could not print. As an id is copied from the row most of the time, it is the
/// row that is at fault, and the row that is rejected.
pub(crate) fn check_id(id: &str) -> Result<(), RowError> {
    if id.chars().count() <= LONGEST && !id.contains(cannot_be_shown) {
        return Ok(());
    }
    let start: String = id.chars().take(50).collect();
    Err(RowError::row(format!("expected an id of up to {LONGEST} characters on one line, got {start:?}")))
}

/// Control characters, and the invisible ones that change how the text around them reads.
fn cannot_be_shown(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_up_to_200_characters_on_one_line() {
        for id in ["", "train-7", &"é".repeat(200)] {
            check_id(id).unwrap();
        }
        for id in [&"é".repeat(201), "a\nb", "\u{0}", "\u{85}", "abc\u{202e}cba", "\u{feff}"] {
            let message = check_id(id).unwrap_err().message;
            assert!(message.starts_with("expected an id of up to 200 characters on one line, got \""), "{message}");
        }
    }
}
