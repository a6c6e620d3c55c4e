//! The text of all demonstrations.

/// The demonstration text: every rendered demonstration, each followed by the separator, the last one too.
/// No demonstrations give the empty text.
pub fn demonstration_text<S: AsRef<str>>(rendered: &[S], separator: &str) -> String {
    rendered.iter().flat_map(|demonstration| [demonstration.as_ref(), separator]).collect()
}

#[cfg(test)]
mod tests {
    use super::demonstration_text;

    #[test]
    fn the_separator_follows_every_demonstration() {
        assert_eq!(demonstration_text(&["a b", "c"], "\n\n"), "a b\n\nc\n\n");
        assert_eq!(demonstration_text::<&str>(&[], "\n\n"), "");
    }
}
