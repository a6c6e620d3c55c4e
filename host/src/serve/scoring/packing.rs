//! Which rows are scored in the next pass.

/// For each of several requests, in the order in which they came, how many rows it has left: the rows of each that are scored in a
/// pass of `most` rows at most.
///
/// A pass is shared: each request has one row in it before any has a second, as long as there is room, so that a request of one row
/// does not wait for one of a thousand. The first request always has a row.
pub(super) fn shares(left: &[usize], most: usize) -> Vec<usize> {
    let mut shares = vec![0; left.len()];
    let mut room = most.max(1);
    while room > 0 {
        let wanting: Vec<usize> = (0..left.len()).filter(|&request| shares[request] < left[request]).collect();
        if wanting.is_empty() {
            break;
        }
        let each = (room / wanting.len()).max(1);
        for request in wanting {
            let more = each.min(left[request] - shares[request]).min(room);
            shares[request] += more;
            room -= more;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pass_is_shared() {
        assert_eq!(shares(&[1, 1, 1], 64), [1, 1, 1]);
        assert_eq!(shares(&[1000, 1], 64), [63, 1]);
        assert_eq!(shares(&[1000, 1000], 64), [32, 32]);
        assert_eq!(shares(&[2, 1000, 1], 10), [2, 7, 1]);
        // One at a time: in the order in which they came.
        assert_eq!(shares(&[3, 3, 3], 1), [1, 0, 0]);
        assert_eq!(shares(&[1, 1, 1, 1], 2), [1, 1, 0, 0]);
        assert_eq!(shares(&[], 64), [0; 0]);
    }

    proptest! {
        #[test]
        fn a_pass_is_as_full_as_it_can_be(left in prop::collection::vec(1usize..50, 0..20), most in 1usize..100) {
            let shares = shares(&left, most);
            prop_assert_eq!(shares.iter().sum::<usize>(), most.min(left.iter().sum()));
            prop_assert!(shares.iter().zip(&left).all(|(share, left)| share <= left));
            // Nobody has two rows more than somebody who wants more, unless that one came later.
            let wanting = shares.iter().zip(&left).filter(|(share, left)| share < left).map(|(share, _)| *share);
            if let Some(least) = wanting.min() {
                prop_assert!(shares.iter().all(|share| *share <= least + most.div_ceil(left.len())));
            }
        }
    }
}
