//! The meta-optimizer of "Iterative Forward Tuning Boosts In-Context Learning in Language Models" (arXiv 2305.13016) on a
//! proposal that does not depend on one order of the demonstrations: the mean over passes that read them in several orders.
//! In-context learning depends much on the order (Lu et al., "Fantastically ordered prompts and where to find them", arXiv
//! 2104.08786).
//!
//! `g_t = mean(P_t) - C_{t-1}` is a direction of ascent: it is added.

use ft_plugin::{Description, Error, MetaOptimizer, Options, Pass, Selected, Step, Tensor, Update, mixed};

struct Orders {
    step_size: f64,
    momentum: f64,
    orders: u64,
    /// `m` of the last step, one for each slot; empty before the first.
    moments: Vec<Tensor>,
}

impl MetaOptimizer for Orders {
    fn describe() -> Description {
        let summary = "gradient descent with momentum along what further passes propose, on average over orders of the \
            demonstrations (arXiv 2305.13016; arXiv 2104.08786)";
        let orders =
            "how many orders a step is the mean of, their own and others at random, each at the cost of a pass";
        Description::new("orders", env!("CARGO_PKG_VERSION"), summary)
            .number("step_size", 0.01, .., "how far to go along the momentum in each step")
            .number("momentum", 0.9, 0.0..=1.0, "how much of the last step's momentum stays")
            .integer("orders", 4, 1..=64, orders)
    }

    fn new(options: &Options) -> Result<Self, Error> {
        let (step_size, momentum, orders) =
            (options.number("step_size")?, options.number("momentum")?, options.integer("orders")?);
        let orders = u64::try_from(orders)
            .map_err(|_| Error::invalid_option(format!("`orders`: expected a number of orders, got {orders}")))?;
        Ok(Self { step_size, momentum, orders, moments: Vec::new() })
    }

    /// `g_t = mean of P_t over the orders - C_{t-1}`, `m_2 = g_2`, `m_t = g_t + momentum * m_{t-1}`,
    /// `C_t = C_{t-1} + step_size * m_t`.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let mut cache = step.cache();
        let mut sum: Vec<Tensor> = step.proposal()?.into_iter().map(|slot| slot.proposed).collect();
        let others = other_orders(step.demonstrations().len(), self.orders, step.seed());
        let share = 1.0 / (others.len() + 1) as f64;
        for order in others {
            let proposed = step.propose(&cache, &Pass { order, ..Pass::default() })?;
            sum = sum.iter().zip(&proposed).map(|(sum, proposed)| sum.add_scaled(proposed, 1.0)).collect();
        }
        let mut last = std::mem::take(&mut self.moments).into_iter();
        for (matrix, sum) in cache.iter_mut().zip(sum) {
            let gradient = sum.scale(share).add_scaled(matrix, -1.0);
            let moment = match last.next() {
                Some(last) => gradient.add_scaled(&last, self.momentum),
                None => gradient,
            };
            *matrix = matrix.add_scaled(&moment, self.step_size);
            self.moments.push(moment);
        }
        Ok(Update::new(cache))
    }
}

/// Orders of so many demonstrations besides their own, so that there are `most` with that, or as many as there can be. All
/// differ, and follow from the seed.
fn other_orders(demonstrations: usize, most: u64, seed: u64) -> Vec<Vec<u32>> {
    let own: Vec<u32> = (0..).take(demonstrations).collect();
    let permutations = (1..).take(demonstrations).fold(1_u64, u64::saturating_mul);
    let mut numbers = (1..).map(|count| mixed(mixed(seed).wrapping_add(count)));
    let mut others: Vec<Vec<u32>> = Vec::new();
    while (others.len() as u64) + 1 < most.min(permutations) {
        let mut order = own.clone();
        // Fisher and Yates's shuffle.
        for (last, number) in (1..demonstrations).rev().zip(&mut numbers) {
            order.swap(last, (number % (last as u64 + 1)) as usize);
        }
        if order != own && !others.contains(&order) {
            others.push(order);
        }
    }
    others
}

ft_plugin::export_optimizer!(Selected<Orders>);

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ft_plugin::Value;
    use ft_plugin::testing::{Model, Question, cache, numbers};

    use super::*;

    fn rule(orders: i64) -> Orders {
        let options = Options::defaults(&Orders::describe())
            .with("step_size", Value::Number(0.5))
            .with("momentum", Value::Number(0.25))
            .with("orders", Value::Integer(orders));
        Orders::new(&options).unwrap()
    }

    /// So many demonstrations. A pass proposes 4 in their own order, and ten times the first of another one.
    fn model(demonstrations: usize) -> Model {
        let propose =
            |_: &[Vec<f32>], pass: &Pass| vec![vec![pass.order.first().map_or(4.0, |&first| 10.0 * first as f32)]];
        Model::quadratic(&vec![[[0.0]]; demonstrations]).with_proposals(propose)
    }

    fn caches(model: &Model, orders: i64, count: u32) -> Vec<f32> {
        let updates = model.steps(&mut rule(orders), cache([[0.0]]), count).unwrap();
        updates.iter().map(|update| numbers(&update.cache)[0][0]).collect()
    }

    #[test]
    fn steps_by_hand() {
        // Two demonstrations have the orders 0 1 and 1 0, which propose 4 and 10, on average 7: m = 7, C = 3.5. Then m = 3.5 +
        // 0.25 * 7 = 5.25, C = 3.5 + 2.625.
        let model = model(2).with_limit(2);
        assert_eq!(caches(&model, 4, 2), [3.5, 6.125]);
        let asked = [Pass::default(), Pass { order: vec![1, 0], ..Pass::default() }].map(Question::Propose);
        assert_eq!(model.questions(), [asked.clone(), asked].concat());
    }

    #[test]
    fn with_one_order_it_is_the_momentum_optimizer() {
        // m = 4, C = 2, m = 2 + 1, C = 3.5; demonstrations that are not known one by one have one order too.
        for (model, orders) in [(model(1), 4), (model(3), 1), (model(0), 4)] {
            assert_eq!(caches(&model, orders, 2), [2.0, 3.5]);
            assert_eq!(model.questions(), vec![Question::Propose(Pass::default()); 2]);
        }
    }

    #[test]
    fn orders_are_permutations_that_all_differ() {
        for (demonstrations, most, expected) in
            [(0, 4, 0), (1, 4, 0), (2, 4, 1), (3, 4, 3), (3, 64, 5), (8, 64, 63), (40, 4, 3)]
        {
            let others = other_orders(demonstrations, most, 2);
            let distinct: BTreeSet<_> = others.iter().collect();
            assert_eq!((others.len(), distinct.len()), (expected, expected), "{demonstrations}, {most}");
            for order in &others {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.iter().copied().eq((0..).take(demonstrations)) && *order != sorted, "{order:?}");
            }
        }
    }

    #[test]
    fn orders_follow_from_the_seed_and_are_all_as_likely() {
        assert_eq!(other_orders(8, 4, 7), other_orders(8, 4, 7));
        assert_ne!(other_orders(8, 4, 7), other_orders(8, 4, 8));
        let mut drawn = BTreeMap::new();
        for seed in 0..1000 {
            *drawn.entry(other_orders(3, 2, seed).remove(0)).or_insert(0) += 1;
        }
        // Of five, 200 each with a standard deviation of 13.
        assert!(drawn.len() == 5 && drawn.values().all(|count| (140..260).contains(count)), "{drawn:?}");
    }

    #[test]
    fn a_step_asks_for_a_pass_for_each_order() {
        let model = model(8).with_limit(4);
        caches(&model, 4, 3);
        assert_eq!(model.passes(), 3 * 4);
    }

    #[test]
    fn a_step_of_size_zero_changes_nothing() {
        let options = Options::defaults(&Orders::describe()).with("step_size", Value::Number(0.0));
        let updates = model(3).steps(&mut Orders::new(&options).unwrap(), cache([[1.5]]), 2).unwrap();
        assert_eq!(numbers(&updates[1].cache), [[1.5]]);
    }
}
