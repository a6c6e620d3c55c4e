//! What baselines show before a query, held to the model's positions.

use super::error::DrawError;
use super::fit::Room;
use ft_record::files::controls::Baseline;

/// A baseline of one seed.
pub struct BaselineContext {
    /// Which baseline.
    pub baseline: Baseline,
    /// The token ids that the queries are scored behind, read in one plain pass.
    pub ids: Vec<u32>,
}

impl BaselineContext {
    /// What a seed's demonstrations come to behind a baseline. `ids` are their token ids, of which the first `before` stand
    /// before the first demonstration, those that the model expects at the beginning of a text and the description's: they
    /// stand there once.
    pub fn new(baseline: Baseline, ids: &[u32], before: usize) -> Self {
        let Baseline::Repeat(times) = baseline;
        let text = ids.get(before..).unwrap_or_default();
        let further = (1..times).flat_map(|_| text);
        Self { baseline, ids: ids.iter().chain(further).copied().collect() }
    }
}

/// Holds baselines of a seed, with the longest of its queries, to the room that there is, before any is made.
///
/// # Errors
/// [`DrawError::ContextTooLong`], with the lengths of the seed.
pub(super) fn check_fit(
    room: Room,
    seed: u64,
    (demonstrations, before): (usize, usize),
    longest_query: usize,
    baselines: impl IntoIterator<Item = Baseline>,
) -> Result<(), DrawError> {
    let Some(limit) = room.limit else { return Ok(()) };
    for Baseline::Repeat(times) in baselines {
        let shown = before + (times as usize).saturating_mul(demonstrations.saturating_sub(before));
        let needed = shown.saturating_add(longest_query);
        if needed > limit {
            return Err(DrawError::ContextTooLong {
                what: format!(
                    "`--baseline repeat={times}` with seed {seed}: a pass over the demonstrations' {demonstrations} tokens {times} \
                     times and the longest query's {longest_query}"
                ),
                longest: None,
                needed,
                limit,
                hint: "ask for fewer repetitions with `--baseline`, for fewer `--shots` or another `--seed`",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Diagnosis;

    #[test]
    fn what_stands_before_the_demonstrations_is_not_repeated() {
        let ids = |times, before| BaselineContext::new(Baseline::Repeat(times), &[1, 5, 6], before).ids;
        assert_eq!(ids(2, 0), [1, 5, 6, 1, 5, 6]);
        assert_eq!(ids(3, 1), [1, 5, 6, 5, 6, 5, 6]);
        assert_eq!(ids(2, 3), [1, 5, 6]);
    }

    #[test]
    fn what_does_not_fit_is_told_with_the_lengths_of_the_seed() {
        let check = |limit, times: &[u32]| {
            let room = Room { limit, ..Room::UNBOUNDED };
            check_fit(room, 7, (11, 1), 5, times.iter().map(|times| Baseline::Repeat(*times)))
        };
        assert!(check(None, &[1000]).is_ok());
        assert!(check(Some(46), &[2, 4]).is_ok());
        let error = check(Some(45), &[2, 4]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected at most 45 positions, got 46 for `--baseline repeat=4` with seed 7: a pass over the demonstrations' 11 \
             tokens 4 times and the longest query's 5"
        );
        assert!(error.hint().unwrap().contains("--baseline"));
    }
}
