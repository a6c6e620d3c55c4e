//! What attention needs to know about a batch: which token sees which, made once and used by every layer.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};

use super::super::super::alibi::alibi_slopes;
use super::super::super::config::{DecoderConfig, Positions};
use super::super::super::tree::TokenTree;

/// Stands for "not seen" in a mask. Finite, so that a row that sees nothing gives a vanishing weight instead of NaN.
pub(super) const UNSEEN: f32 = -1e30;

/// Queries of one long text are taken this many at a time, which bounds the memory of their scores.
pub(super) const CHUNK: usize = 512;

/// A run of query tokens whose scores are computed together.
pub(crate) struct Chunk {
    /// The first token, in the batch's packed order.
    pub start: usize,
    /// The number of tokens.
    pub len: usize,
    /// Per window variant, what each of them sees of the past, `[1, len, past]`; `None` where it sees all.
    pub past_masks: Vec<Option<Tensor>>,
    /// Per window variant, what each of them sees of a single tree's tokens `0 .. start + len`; empty for several trees.
    pub local_masks: Vec<Tensor>,
}

/// The trees of a batch side by side, each padded to the widest.
pub(crate) struct Padded {
    /// Number of trees.
    pub trees: usize,
    /// Tokens of the widest tree.
    pub width: usize,
    /// For each padded row its token in packed order (any token for padding), `[trees * width]`.
    pub gather: Tensor,
    /// For each packed token its padded row, `[tokens]`.
    pub scatter: Tensor,
    /// Per window variant, which tokens of its own tree each token sees, `[trees, width, width]`.
    pub masks: Vec<Tensor>,
    /// The keys' indices for ALiBi, `[trees, width]`.
    pub key_index: Option<Tensor>,
}

/// ALiBi's slopes and the indices that they are multiplied by.
pub(crate) struct Alibi {
    /// One slope per head, `[heads]`.
    pub slopes: Tensor,
    /// The indices of the past's keys, `[1, past]`.
    pub past_index: Option<Tensor>,
    /// The indices of a single tree's keys, `[1, tokens]`.
    pub local_index: Option<Tensor>,
}

/// What attention needs to know about a batch.
pub(crate) struct AttentionPlan {
    /// Query tokens in runs.
    pub chunks: Vec<Chunk>,
    /// The trees side by side, if there are several.
    pub padded: Option<Padded>,
    /// ALiBi's constants, if the model has ALiBi.
    pub alibi: Option<Alibi>,
    /// The window of each variant, in the order of the masks.
    windows: Vec<Option<usize>>,
    /// What each token sees, for the pass back.
    seen: Vec<Seen>,
    /// For each tree the cached positions that are hidden from it; empty where all trees see all.
    hidden: Vec<Vec<Range<usize>>>,
    past: usize,
    device: Device,
}

/// What one token sees, but for its window.
struct Seen {
    /// Tokens of its tree before it.
    depth: usize,
    /// The token that it follows, in packed order.
    parent: Option<usize>,
    /// Which tree of the batch it is in.
    tree: usize,
}

impl AttentionPlan {
    /// Plans attention over `past` cached positions, but for those that are hidden from a tree, and within each tree.
    ///
    /// # Errors
    /// A failed transfer to the device.
    pub(crate) fn new(
        config: &DecoderConfig,
        trees: &[TokenTree],
        past: usize,
        hidden: &[Vec<Range<usize>>],
        device: &Device,
    ) -> Result<Self> {
        let mut windows: Vec<Option<usize>> = Vec::new();
        for layer in &config.layers {
            if !windows.contains(&layer.window) {
                windows.push(layer.window);
            }
        }
        let seen = seen(trees);
        let depths: Vec<usize> = trees.iter().flat_map(|tree| tree.depths().iter().copied()).collect();
        let single = (trees.len() == 1).then(|| &trees[0]);
        let mut chunks = Vec::new();
        for start in (0..depths.len()).step_by(CHUNK) {
            let len = CHUNK.min(depths.len() - start);
            let rows = &seen[start..start + len];
            let past_masks =
                windows.iter().map(|window| past_mask((rows, hidden), past, *window, device)).collect::<Result<_>>()?;
            let local_masks = match single {
                Some(tree) => windows
                    .iter()
                    .map(|window| {
                        let mut mask = vec![UNSEEN; len * (start + len)];
                        fill_local(&mut mask, tree, start..start + len, start + len, *window);
                        Tensor::from_vec(mask, (1, len, start + len), device)
                    })
                    .collect::<Result<_>>()?,
                None => Vec::new(),
            };
            chunks.push(Chunk { start, len, past_masks, local_masks });
        }
        let alibi = match config.positions {
            Positions::Alibi => Some(Alibi {
                slopes: Tensor::new(alibi_slopes(config.heads), device)?,
                past_index: if past > 0 {
                    Some(Tensor::arange(0f32, past as f32, device)?.unsqueeze(0)?)
                } else {
                    None
                },
                local_index: match single {
                    Some(_) => {
                        let index: Vec<f32> = depths.iter().map(|depth| (past + depth) as f32).collect();
                        Some(Tensor::from_vec(index, (1, depths.len()), device)?)
                    }
                    None => None,
                },
            }),
            _ => None,
        };
        let padded = match single {
            Some(_) => None,
            None => Some(Padded::new(trees, &windows, alibi.is_some().then_some(past), device)?),
        };
        let (hidden, device) = (hidden.to_vec(), device.clone());
        Ok(Self { chunks, padded, alibi, windows, seen, hidden, past, device })
    }

    /// Which masks a layer with this window takes.
    pub(crate) fn variant(&self, window: Option<usize>) -> usize {
        self.windows.iter().position(|w| *w == window).unwrap_or(0)
    }
}

/// What some tokens add to their scores of all keys at once, the past's and the batch's.
pub(super) struct WholeRows {
    /// `[1, rows, past + tokens]`.
    pub mask: Tensor,
    /// The keys' indices for ALiBi, `[1, past + tokens]`, with its slopes.
    pub alibi: Option<(Tensor, Tensor)>,
}

impl AttentionPlan {
    /// The rows of some tokens over all keys, for layers of this window: the pass back takes the past and the trees together.
    ///
    /// # Errors
    /// A failed transfer to the device.
    pub(super) fn whole_rows(&self, rows: Range<usize>, window: Option<usize>) -> Result<WholeRows> {
        let keys = self.past + self.seen.len();
        let mut mask = vec![UNSEEN; rows.len() * keys];
        for (mask, token) in mask.chunks_mut(keys).zip(rows.clone()) {
            let row = &self.seen[token];
            let far = window.map_or(0, |window| (self.past + row.depth + 1).saturating_sub(window).min(self.past));
            mask[far..self.past].fill(0.0);
            let hidden = self.hidden.get(row.tree).into_iter().flatten();
            hidden.for_each(|positions| mask[positions.clone()].fill(UNSEEN));
            let path = std::iter::successors(Some(token), |token| self.seen[*token].parent);
            path.take(window.unwrap_or(usize::MAX)).for_each(|token| mask[self.past + token] = 0.0);
        }
        let alibi = match &self.alibi {
            Some(alibi) => {
                let own = self.seen.iter().map(|row| (self.past + row.depth) as f32);
                let index: Vec<f32> = (0..self.past).map(|key| key as f32).chain(own).collect();
                Some((alibi.slopes.clone(), Tensor::from_vec(index, (1, keys), &self.device)?))
            }
            None => None,
        };
        Ok(WholeRows { mask: Tensor::from_vec(mask, (1, rows.len(), keys), &self.device)?, alibi })
    }
}

impl Padded {
    fn new(trees: &[TokenTree], windows: &[Option<usize>], alibi_past: Option<usize>, device: &Device) -> Result<Self> {
        let width = trees.iter().map(TokenTree::len).max().unwrap_or(0);
        let tokens = trees.iter().map(TokenTree::len).sum();
        let mut gather = vec![0u32; trees.len() * width];
        let mut scatter = Vec::with_capacity(tokens);
        let mut first = 0;
        for (index, tree) in trees.iter().enumerate() {
            for node in 0..tree.len() {
                gather[index * width + node] = (first + node) as u32;
                scatter.push((index * width + node) as u32);
            }
            first += tree.len();
        }
        let mut masks = Vec::with_capacity(windows.len());
        for window in windows {
            let mut mask = vec![UNSEEN; trees.len() * width * width];
            for (tree, mask) in trees.iter().zip(mask.chunks_mut(width * width)) {
                fill_local(mask, tree, 0..tree.len(), width, *window);
            }
            masks.push(Tensor::from_vec(mask, (trees.len(), width, width), device)?);
        }
        let key_index = match alibi_past {
            Some(past) => {
                let mut index = vec![0f32; trees.len() * width];
                for (tree, row) in trees.iter().zip(index.chunks_mut(width)) {
                    for (index, depth) in row.iter_mut().zip(tree.depths()) {
                        *index = (past + depth) as f32;
                    }
                }
                Some(Tensor::from_vec(index, (trees.len(), width), device)?)
            }
            None => None,
        };
        Ok(Self {
            trees: trees.len(),
            width,
            gather: Tensor::new(gather, device)?,
            scatter: Tensor::new(scatter, device)?,
            masks,
            key_index,
        })
    }
}

/// Marks for each token of `rows` the tokens on its path, itself included, as far as the window reaches.
fn fill_local(mask: &mut [f32], tree: &TokenTree, rows: std::ops::Range<usize>, width: usize, window: Option<usize>) {
    for (row, node) in rows.enumerate() {
        for seen in tree.path(node).take(window.unwrap_or(usize::MAX)) {
            mask[row * width + seen] = 0.0;
        }
    }
}

/// A query whose key would stand at index `past + depth` sees the keys above `past + depth - window`, but for hidden ones.
fn past_mask(
    (rows, hidden): (&[Seen], &[Vec<Range<usize>>]),
    past: usize,
    window: Option<usize>,
    device: &Device,
) -> Result<Option<Tensor>> {
    let hidden = |row: &Seen| hidden.get(row.tree).map_or(&[][..], Vec::as_slice);
    let far = |row: &Seen| window.map_or(0, |window| (past + row.depth + 1).saturating_sub(window).min(past));
    if past == 0 || rows.iter().all(|row| far(row) == 0 && hidden(row).is_empty()) {
        return Ok(None);
    }
    let mut mask = vec![0f32; rows.len() * past];
    for (mask, row) in mask.chunks_mut(past).zip(rows) {
        mask[..far(row)].fill(UNSEEN);
        hidden(row).iter().for_each(|positions| mask[positions.clone()].fill(UNSEEN));
    }
    Tensor::from_vec(mask, (1, rows.len(), past), device).map(Some)
}

/// What each token of the trees sees, in packed order.
fn seen(trees: &[TokenTree]) -> Vec<Seen> {
    let mut seen = Vec::with_capacity(trees.iter().map(TokenTree::len).sum());
    for (place, tree) in trees.iter().enumerate() {
        let first = seen.len();
        seen.extend((0..tree.len()).map(|node| Seen {
            depth: tree.depths()[node],
            parent: tree.parents()[node].map(|parent| first + parent),
            tree: place,
        }));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_hides_the_far_past() {
        let row = |depth| Seen { depth, parent: None, tree: 0 };
        let mask = past_mask((&[row(0), row(2)], &[]), 4, Some(3), &Device::Cpu).unwrap().unwrap();
        let seen: Vec<Vec<bool>> = mask
            .squeeze(0)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap()
            .iter()
            .map(|row| row.iter().map(|x| *x == 0.0).collect())
            .collect();
        assert_eq!(seen, [[false, false, true, true], [false, false, false, false]]);
        assert!(past_mask((&[row(0)], &[]), 2, Some(3), &Device::Cpu).unwrap().is_none());
    }
}
