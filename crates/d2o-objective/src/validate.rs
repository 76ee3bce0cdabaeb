//! Ranges of the hyperparameters.

use crate::{Divergence, ObjectiveConfig, ObjectiveError};

impl ObjectiveConfig {
    /// Refuses hyperparameters for which the loss is undefined, constant or turned around.
    ///
    /// # Errors
    /// [`ObjectiveError::NotFinite`] and [`ObjectiveError::OutOfRange`] name the field;
    /// [`ObjectiveError::NoEffect`] if every coefficient is zero.
    pub fn validate(&self) -> Result<(), ObjectiveError> {
        let check = Check(self.name());
        match *self {
            Self::D2o { beta, alpha } => {
                check.at_least_zero("beta", beta)?;
                check.at_least_zero("alpha", alpha)?;
                check.some_effect(beta + alpha, "`beta` and `alpha` are both 0")
            }
            Self::Dpo { beta, label_smoothing }
            | Self::Robust { beta, label_smoothing }
            | Self::Aot { beta, label_smoothing }
            | Self::AotUnpaired { beta, label_smoothing } => {
                check.above_zero("beta", beta)?;
                check.smoothing(label_smoothing)
            }
            Self::Sft {} | Self::GradientAscent {} | Self::Unlikelihood {} => Ok(()),
            Self::Npo { beta }
            | Self::CalDpo { beta }
            | Self::Hinge { beta }
            | Self::NcaPair { beta }
            | Self::BcoPair { beta }
            | Self::SppoHard { beta }
            | Self::ApoZero { beta }
            | Self::ApoDown { beta }
            | Self::SigmoidNorm { beta }
            | Self::Orpo { beta } => check.above_zero("beta", beta),
            Self::Ipo { tau } => check.above_zero("tau", tau),
            Self::Slic { delta, lambda } => {
                check.at_least_zero("delta", delta)?;
                check.at_least_zero("lambda", lambda)
            }
            Self::SimPo { beta, gamma } | Self::SimNpo { beta, gamma } => {
                check.above_zero("beta", beta)?;
                check.at_least_zero("gamma", gamma)
            }
            Self::Kto { beta, desirable, undesirable, reference_point } => {
                check.above_zero("beta", beta)?;
                check.at_least_zero("desirable", desirable)?;
                check.at_least_zero("undesirable", undesirable)?;
                check.at_least_zero("reference_point", reference_point)?;
                let reason = "`desirable` and `undesirable` are both 0";
                check.some_effect(desirable + undesirable, reason)
            }
            Self::ExoPair { beta, label_smoothing } => {
                check.above_zero("beta", beta)?;
                check.above_zero("label_smoothing", label_smoothing)?;
                check.smoothing(label_smoothing)
            }
            Self::Discopop { beta, tau } => {
                check.above_zero("beta", beta)?;
                check.range("tau", tau, tau > 0.0 && tau < 1.0, "a number above 0 and below 1")
            }
            Self::FDpo { beta, divergence } => {
                check.above_zero("beta", beta)?;
                match divergence {
                    Divergence::Alpha(alpha) => {
                        let expected = "a number from -10 to 10 other than 1 (at 1 it is `dpo`)";
                        let holds = (-10.0..=10.0).contains(&alpha) && alpha != 1.0;
                        check.range("divergence.alpha", alpha, holds, expected)
                    }
                    Divergence::ForwardKl | Divergence::JensenShannon => Ok(()),
                }
            }
            Self::Rpo { beta, nll_weight } | Self::Cpo { beta, nll_weight } => {
                check.above_zero("beta", beta)?;
                check.at_least_zero("nll_weight", nll_weight)
            }
            Self::Dpop { beta, lambda } => {
                check.above_zero("beta", beta)?;
                check.at_least_zero("lambda", lambda)
            }
        }
    }
}

/// Checks for the objective of this name.
struct Check(&'static str);

impl Check {
    fn finite(&self, field: &'static str, value: f64) -> Result<(), ObjectiveError> {
        if value.is_finite() {
            return Ok(());
        }
        Err(ObjectiveError::NotFinite { objective: self.0, field, value })
    }

    fn range(
        &self,
        field: &'static str,
        value: f64,
        holds: bool,
        expected: &'static str,
    ) -> Result<(), ObjectiveError> {
        self.finite(field, value)?;
        if holds {
            return Ok(());
        }
        Err(ObjectiveError::OutOfRange { objective: self.0, field, value, expected })
    }

    fn at_least_zero(&self, field: &'static str, value: f64) -> Result<(), ObjectiveError> {
        self.range(field, value, value >= 0.0, "a number of at least 0")
    }

    fn above_zero(&self, field: &'static str, value: f64) -> Result<(), ObjectiveError> {
        self.range(field, value, value > 0.0, "a number above 0")
    }

    fn smoothing(&self, value: f64) -> Result<(), ObjectiveError> {
        let holds = (0.0..0.5).contains(&value);
        let expected = "a number of at least 0 and below 0.5";
        self.range("label_smoothing", value, holds, expected)
    }

    fn some_effect(&self, total: f64, reason: &'static str) -> Result<(), ObjectiveError> {
        if total > 0.0 {
            return Ok(());
        }
        Err(ObjectiveError::NoEffect { objective: self.0, reason })
    }
}
