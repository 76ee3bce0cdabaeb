//! Learning rate: linear warm-up, then constant, along a line or along half a cosine.

use serde::{Deserialize, Serialize};

/// What follows the warm-up. In a run file: `train.schedule`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// The peak rate until the end.
    Constant,
    /// A straight line down to `final_fraction` of the peak (`final_lr_fraction` in a run file).
    Linear,
    /// Half a cosine down to the same.
    #[default]
    Cosine,
}

/// Where the warm-up begins. In a run file: `train.warmup`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmUp {
    /// `(step+1)/warmup`: no step has rate zero, and the last step of the warm-up has the peak.
    #[default]
    FirstShare,
    /// `step/warmup`, as in transformers: the first step changes nothing.
    Zero,
}

/// A learning-rate schedule over a run of known length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Learning rate at the end of the warm-up.
    pub peak: f64,
    /// Steps of linear warm-up; 0 starts at the peak.
    pub warmup_steps: usize,
    /// Where the warm-up begins.
    pub warmup: WarmUp,
    /// Steps of the whole run, warm-up included.
    pub steps: usize,
    /// What follows the warm-up.
    pub decay: Decay,
    /// What the rate falls to, as a share of the peak; 1 keeps it constant. A constant rate does not look at it.
    pub final_fraction: f64,
}

impl Default for Schedule {
    /// 5e-5, three steps of warm-up, half a cosine to a tenth; its length is still to be said.
    fn default() -> Self {
        Self {
            peak: 5e-5,
            warmup_steps: 3,
            warmup: WarmUp::FirstShare,
            steps: 0,
            decay: Decay::Cosine,
            final_fraction: 0.1,
        }
    }
}

impl Schedule {
    /// Learning rate of `step`, counted from 0.
    ///
    /// While warming up `peak · (step+1)/warmup`, or `peak · step/warmup` from zero. Then
    /// `peak · (f + (1−f) · d(t))`, `t` running from 0 to 1 over the remaining steps and `d(t)` being 1,
    /// `1 − t` or `½(1 + cos(π t))`. From zero these are transformers' `constant_with_warmup`, `linear`,
    /// `cosine` and `cosine_with_min_lr` (`f` is their `min_lr_rate`).
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            let done = match self.warmup {
                WarmUp::FirstShare => step + 1,
                WarmUp::Zero => step,
            };
            return self.peak * done as f64 / self.warmup_steps as f64;
        }
        let span = self.steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let t = ((step - self.warmup_steps) as f64 / span).min(1.0);
        let left = match self.decay {
            Decay::Constant => return self.peak,
            Decay::Linear => 1.0 - t,
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * t).cos()),
        };
        self.peak * (self.final_fraction + (1.0 - self.final_fraction) * left)
    }
}

#[cfg(test)]
mod tests {
    use super::{Decay, Schedule, WarmUp};

    const COSINE: Schedule = Schedule {
        peak: 1.0,
        warmup_steps: 4,
        warmup: WarmUp::FirstShare,
        steps: 14,
        decay: Decay::Cosine,
        final_fraction: 0.1,
    };

    #[test]
    fn warms_up_linearly_and_falls_to_the_fraction() {
        assert_eq!((0..4).map(|s| COSINE.at(s)).collect::<Vec<_>>(), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(COSINE.at(4), 1.0);
        // Half way down the cosine, and down the line: 0.1 + 0.9 * 0.5.
        for schedule in [COSINE, Schedule { decay: Decay::Linear, ..COSINE }] {
            assert!((schedule.at(9) - 0.55).abs() < 1e-12);
            assert!((schedule.at(14) - 0.1).abs() < 1e-12);
            assert!((schedule.at(99) - 0.1).abs() < 1e-12);
        }
    }

    #[test]
    fn a_warm_up_from_zero_lags_by_one_step() {
        let zero = Schedule { warmup: WarmUp::Zero, ..COSINE };
        assert_eq!(zero.at(0), 0.0);
        assert!((0..3).all(|step| zero.at(step + 1) == COSINE.at(step)));
        assert!((4..14).all(|step| zero.at(step) == COSINE.at(step)));
    }

    #[test]
    fn no_warm_up_and_a_constant_rate() {
        let constant = Schedule { peak: 2.0, warmup_steps: 0, steps: 3, decay: Decay::Constant, ..COSINE };
        let level = Schedule { decay: Decay::Cosine, final_fraction: 1.0, ..constant };
        assert!((0..5).all(|step| constant.at(step) == 2.0 && level.at(step) == 2.0));
    }

    #[test]
    fn a_run_that_is_all_warm_up_ends_at_the_peak_and_one_step_later_at_the_fraction() {
        let short = Schedule { steps: 4, ..COSINE };
        assert_eq!([3, 4].map(|step| short.at(step)), [1.0, 1.0]);
        assert!((short.at(5) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn where_nothing_is_said_it_falls_from_5e_5_to_a_tenth_after_three_steps() {
        let default = Schedule { steps: 13, ..Schedule::default() };
        assert!((default.at(0) - 5e-5 / 3.0).abs() < 1e-18);
        assert_eq!([2, 3].map(|step| default.at(step)), [5e-5, 5e-5]);
        assert!((default.at(8) - 5e-5 * 0.55).abs() < 1e-18 && (default.at(13) - 5e-6).abs() < 1e-18);
    }
}
