//! A prompt with its token boundaries.

use super::screen::{Page, Screen};
use super::style::Emphasis;
use crate::run::{ChoicePreview, Preview};

/// The mark between two tokens.
const BOUNDARY: &str = "|";

/// Before the first scored token.
const SPAN: &str = "||";

/// The demonstrations, then each choice of the query, cut into tokens; the right choice has a star, its scored span
/// stands behind `||`.
pub(crate) fn render(preview: &Preview, screen: Screen) -> Page {
    let line = |text: &str, emphasis| screen.pieces(&[(text, emphasis)]);
    let mut out = line(&format!("{} demonstration tokens", preview.demonstration_ids.len()), Emphasis::Strong);
    out += preview.demonstrations.raw().lines().map(|text| line(text, Emphasis::None)).collect::<Page>();
    out + query(preview, screen)
}

/// Each choice of the query alone, in the same way.
pub(crate) fn query(preview: &Preview, screen: Screen) -> Page {
    let line = |text: &str, emphasis| screen.pieces(&[(text, emphasis)]);
    let (id, choices) = (preview.id.harmless(), preview.choices.len());
    let mut out = line(&format!("query {} (`{id}`), {choices} choices", preview.index), Emphasis::Strong);
    for (index, choice) in preview.choices.iter().enumerate() {
        let mark = if index == preview.answer { "*" } else { " " };
        let scored = choice.tokens.len().saturating_sub(choice.span_start);
        let head = format!("{mark} {index}: {} tokens, {scored} scored", choice.tokens.len());
        out += line(&head, Emphasis::Faint) + tokens(choice, screen);
    }
    out + preview.notes.iter().map(|note| screen.note(&note.harmless())).collect::<Page>()
}

/// On one line: line breaks are shown as `\n`.
fn tokens(choice: &ChoicePreview, screen: Screen) -> Page {
    let texts: Vec<&str> = choice.tokens.iter().map(|piece| piece.text.as_str()).collect();
    let (context, span) = texts.split_at(choice.span_start.min(texts.len()));
    let context = format!("    {}{SPAN}", context.join(BOUNDARY));
    screen.pieces(&[(&context, Emphasis::None), (&span.join(BOUNDARY), Emphasis::Strong)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ft_engine::model::tokenizer::Piece;

    #[test]
    fn token_boundaries_are_shown() {
        let piece = |text: &str| Piece { id: 1, text: text.into() };
        let choice = |last: &str| ChoicePreview {
            context: "a\n:".into(),
            full: format!("a\n:{last}").into(),
            tokens: vec![piece("a"), piece("\n"), piece(":"), piece(last)],
            span_start: 3,
        };
        let preview = Preview {
            description: String::new().into(),
            demonstration_tokens: Vec::new(),
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
        assert_eq!(render(&preview, Screen::PLAIN).as_str(), expected);
    }
}
