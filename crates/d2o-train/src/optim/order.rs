//! Which groups a step sees: a fresh permutation every epoch, a function of seed and step alone.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The order of groups over a whole run. Nothing has to be stored to resume: the step says all.
#[derive(Clone, Debug)]
pub struct Order {
    groups: usize,
    per_step: usize,
    seed: u64,
}

impl Order {
    /// An order over `groups` groups, `per_step` at a time.
    ///
    /// # Panics
    /// If either is zero; the plan has refused that before.
    pub fn new(groups: usize, per_step: usize, seed: u64) -> Self {
        assert!(groups > 0 && per_step > 0, "a run has groups and a step size");
        Self { groups, per_step, seed }
    }

    /// Steps in one epoch; the last one may be smaller.
    pub fn steps_per_epoch(&self) -> usize {
        self.groups.div_ceil(self.per_step)
    }

    /// Indices of the groups of `step` (counted from 0).
    pub fn step(&self, step: usize) -> Vec<usize> {
        let epoch = step / self.steps_per_epoch();
        let within = step % self.steps_per_epoch();
        let mut permutation: Vec<usize> = (0..self.groups).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(epoch as u64);
        permutation.shuffle(&mut rng);
        let start = within * self.per_step;
        permutation[start..(start + self.per_step).min(self.groups)].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn every_epoch_visits_every_group_once_in_another_order() {
        let order = Order::new(10, 4, 3);
        assert_eq!(order.steps_per_epoch(), 3);
        let epoch = |e: usize| (0..3).flat_map(|s| order.step(e * 3 + s)).collect::<Vec<_>>();
        for e in 0..4 {
            let mut seen = epoch(e);
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(epoch(0), epoch(1));
        assert_eq!(epoch(2), epoch(2));
        assert_ne!(Order::new(10, 10, 4).step(0), Order::new(10, 10, 3).step(0));
    }

    #[test]
    fn steps_are_consecutive_parts_of_an_epoch_and_the_last_may_be_smaller() {
        let order = Order::new(10, 4, 3);
        let whole = Order::new(10, 10, 3).step(1);
        assert_eq!([order.step(3), order.step(4), order.step(5)].concat(), whole, "the second epoch");
        assert_eq!([3, 4, 5].map(|step| order.step(step).len()), [4, 4, 2]);
        assert_ne!(whole, (0..10).collect::<Vec<_>>());
        assert_eq!(Order::new(8, 4, 0).steps_per_epoch(), 2);
    }
}
