//! Token trees: what several continuations of one text share is there once.

use std::collections::HashMap;

/// Tokens of one query, each with the token that it follows. A path from a root to a token is a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTree {
    tokens: Vec<u32>,
    parents: Vec<Option<usize>>,
    depths: Vec<usize>,
    /// The index of each token by the one that it follows. How many choices a query has is up to a task, and to look
    /// through all tokens for each would take the square of that.
    children: HashMap<(Option<usize>, u32), usize>,
}

impl TokenTree {
    /// One text: every token follows the one before it.
    pub fn chain(tokens: &[u32]) -> Self {
        let mut tree = Self::default();
        let mut last = None;
        for token in tokens {
            last = Some(tree.push(*token, last));
        }
        tree
    }

    /// Adds a token after `parent`, or at the start, and gives its index. A token that already follows `parent` is found, not doubled.
    ///
    /// # Panics
    /// If `parent` is no token of this tree.
    pub fn insert(&mut self, token: u32, parent: Option<usize>) -> usize {
        let known = self.children.get(&(parent, token)).copied();
        known.unwrap_or_else(|| self.push(token, parent))
    }

    fn push(&mut self, token: u32, parent: Option<usize>) -> usize {
        let node = self.tokens.len();
        self.depths.push(parent.map_or(0, |parent| self.depths[parent] + 1));
        self.tokens.push(token);
        self.parents.push(parent);
        self.children.insert((parent, token), node);
        node
    }

    /// The token ids, in the order in which they were added; a parent comes before its children.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The token that each follows; `None` at the start of a text.
    pub(crate) fn parents(&self) -> &[Option<usize>] {
        &self.parents
    }

    /// How many tokens stand before each.
    pub(crate) fn depths(&self) -> &[usize] {
        &self.depths
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token itself and all before it, from the last to the first.
    pub(crate) fn path(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(node), |node| self.parents[*node])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_prefixes_are_there_once() {
        let mut tree = TokenTree::default();
        for text in [[1, 2, 3], [1, 2, 4], [5, 2, 3]] {
            text.iter().fold(None, |parent, token| Some(tree.insert(*token, parent)));
        }
        assert_eq!(tree.tokens(), [1, 2, 3, 4, 5, 2, 3]);
        assert_eq!(tree.depths(), [0, 1, 2, 2, 0, 1, 2]);
        assert_eq!(tree.path(3).collect::<Vec<_>>(), [3, 1, 0]);
        assert_eq!(tree.path(6).collect::<Vec<_>>(), [6, 5, 4]);
    }

    #[test]
    fn many_texts_are_found_without_looking_through_all() {
        let mut tree = TokenTree::default();
        let root = tree.insert(0, None);
        // Half a million tokens after one, twice: a look through all of them for each would take hours.
        for _ in 0..2 {
            (0..500_000).for_each(|token| assert_eq!(tree.insert(token, Some(root)), 1 + token as usize));
        }
        assert_eq!(tree.len(), 500_001);
    }

    #[test]
    fn a_chain_keeps_repeated_tokens() {
        let tree = TokenTree::chain(&[7, 7, 7]);
        assert_eq!(tree.tokens(), [7, 7, 7]);
        assert_eq!(tree.depths(), [0, 1, 2]);
    }
}
