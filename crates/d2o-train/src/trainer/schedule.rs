//! Learning rate: linear warm-up, then half a cosine down to a fraction of the peak.

/// A learning-rate schedule over a run of known length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Learning rate at the end of the warm-up.
    pub peak: f64,
    /// Steps of linear warm-up; 0 starts at the peak.
    pub warmup_steps: usize,
    /// Steps of the whole run, warm-up included.
    pub steps: usize,
    /// What the cosine falls to, as a share of the peak; 1 keeps the rate constant.
    pub final_fraction: f64,
}

impl Schedule {
    /// Learning rate of `step`, counted from 0.
    ///
    /// `peak · (step+1)/warmup` while warming up (so that no step has rate zero), then
    /// `peak · (f + (1−f) · ½(1 + cos(π t)))`, `t` running from 0 to 1 over the remaining steps.
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let span = self.steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let t = ((step - self.warmup_steps) as f64 / span).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * t).cos());
        self.peak * (self.final_fraction + (1.0 - self.final_fraction) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn warms_up_linearly_and_falls_to_the_fraction() {
        let schedule = Schedule { peak: 1.0, warmup_steps: 4, steps: 14, final_fraction: 0.1 };
        assert_eq!((0..4).map(|s| schedule.at(s)).collect::<Vec<_>>(), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(schedule.at(4), 1.0);
        // Half way down the cosine: 0.1 + 0.9 * 0.5.
        assert!((schedule.at(9) - 0.55).abs() < 1e-12);
        assert!((schedule.at(14) - 0.1).abs() < 1e-12);
        assert!((schedule.at(99) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn no_warm_up_and_a_constant_rate() {
        let schedule = Schedule { peak: 2.0, warmup_steps: 0, steps: 3, final_fraction: 1.0 };
        assert!((0..5).all(|step| schedule.at(step) == 2.0));
    }
}
