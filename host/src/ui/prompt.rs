//! A prompt with its token boundaries.

use super::screen::Screen;
use super::style::Style;
use super::text::harmless;
use crate::run::{ChoicePreview, Preview};

/// Between two tokens.
const BOUNDARY: &str = "|";

/// Before the first scored token.
const SPAN: &str = "||";

/// The demonstrations, then each choice of the query, cut into tokens; the right choice has a star, its scored span stands
/// behind `||`.
pub fn render(preview: &Preview, screen: Screen) -> String {
    let style = screen.style;
    let mut lines = vec![style.strong(&format!("{} demonstration tokens", preview.demonstration_ids.len()))];
    lines.extend(preview.demonstrations.lines().map(harmless));
    let id = harmless(&preview.id);
    lines.push(style.strong(&format!("query {} (`{id}`), {} choices", preview.index, preview.choices.len())));
    for (index, choice) in preview.choices.iter().enumerate() {
        let mark = if index == preview.answer { "*" } else { " " };
        let scored = choice.tokens.len().saturating_sub(choice.span_start);
        let head = format!("{mark} {index}: {} tokens, {scored} scored", choice.tokens.len());
        lines.push(style.faint(&head));
        lines.push(format!("    {}", tokens(choice, style)));
    }
    let notes: String = preview.notes.iter().map(|note| screen.note(note)).collect();
    lines.join("\n") + "\n" + &notes
}

/// On one line: line breaks are shown as `\n`.
fn tokens(choice: &ChoicePreview, style: Style) -> String {
    let shown: Vec<String> = choice.tokens.iter().map(|piece| harmless(&piece.text)).collect();
    let (context, span) = shown.split_at(choice.span_start.min(shown.len()));
    format!("{}{SPAN}{}", context.join(BOUNDARY), style.strong(&span.join(BOUNDARY)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tokenizer::Piece;

    #[test]
    fn token_boundaries_are_shown() {
        let piece = |text: &str| Piece { id: 1, text: text.into() };
        let choice = |last: &str| ChoicePreview {
            context: "a\n:".into(),
            full: format!("a\n:{last}"),
            tokens: vec![piece("a"), piece("\n"), piece(":"), piece(last)],
            span_start: 3,
        };
        let preview = Preview {
            demonstrations: "b: no\n\n".into(),
            demonstration_ids: vec![1, 2, 3],
            index: 4,
            id: "row\x1b4".into(),
            answer: 1,
            choices: vec![choice(" no"), choice(" yes")],
            notes: vec!["left out".into()],
        };
        let expected = "3 demonstration tokens\nb: no\n\nquery 4 (`row\\u{1b}4`), 2 choices\n  0: 4 tokens, 1 scored\n    \
            a|\\n|:|| no\n* 1: 4 tokens, 1 scored\n    a|\\n|:|| yes\nnote: left out\n";
        assert_eq!(render(&preview, Screen::PLAIN), expected);
    }
}
