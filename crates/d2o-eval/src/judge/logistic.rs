//! L2-regularised logistic regression on sparse rows, both classes weighing the same.

use super::sparse::{SparseVector, add_scaled, dense_dot, dot};

/// Newton steps at most; convex and well conditioned, it takes about ten.
const NEWTON_STEPS: usize = 50;
/// Conjugate-gradient steps within one of them at most.
const INNER_STEPS: usize = 200;
/// The gradient's length, relative to its first, at which the fit is done.
const TOLERANCE: f64 = 1e-8;

/// `log p/(1−p) = weights · x + intercept`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LogisticRegression {
    weights: Vec<f64>,
    intercept: f64,
}

impl LogisticRegression {
    /// Minimises `½ |w|² + C Σ_i c_i log(1 + exp(−y_i (w·x_i + b)))` with `y = ±1`, `C` the
    /// `inverse_penalty` and `c_i = n / (2 n_class)`, by Newton's method whose systems conjugate
    /// gradients solve (Lin, Weng and Keerthi, JMLR 2008), with a line search.
    ///
    /// # Panics
    /// If a row has a column of `columns` or beyond, or the two lists differ in length.
    pub(super) fn fit(rows: &[SparseVector], positive: &[bool], columns: usize, inverse_penalty: f64) -> Self {
        assert_eq!(rows.len(), positive.len(), "each row needs a label");
        let problem = Problem { rows, positive, costs: costs(positive, inverse_penalty), columns };
        let mut point = vec![0.0; columns + 1];
        let mut gradient = problem.gradient(&point);
        let done = TOLERANCE * norm(&gradient);
        for _ in 0..NEWTON_STEPS {
            if norm(&gradient) <= done {
                break;
            }
            let step = problem.newton_step(&point, &gradient);
            let Some(next) = problem.descend(&point, &gradient, &step) else {
                break;
            };
            point = next;
            gradient = problem.gradient(&point);
        }
        let intercept = point.pop().unwrap_or_default();
        Self { weights: point, intercept }
    }

    /// Log-odds of being positive, in nats, at equal class frequencies.
    pub(super) fn log_odds(&self, row: &SparseVector) -> f64 {
        dot(row, &self.weights) + self.intercept
    }
}

/// What each row's mistake costs: the classes' sums are equal.
fn costs(positive: &[bool], inverse_penalty: f64) -> Vec<f64> {
    let n = positive.len() as f64;
    let positives = positive.iter().filter(|positive| **positive).count() as f64;
    let cost = |positive: &bool| inverse_penalty * n / (2.0 * if *positive { positives } else { n - positives });
    positive.iter().map(cost).collect()
}

/// A point is the weights with the intercept behind them; the intercept is not penalised.
struct Problem<'a> {
    rows: &'a [SparseVector],
    positive: &'a [bool],
    costs: Vec<f64>,
    columns: usize,
}

impl Problem<'_> {
    fn value(&self, point: &[f64]) -> f64 {
        let weights = &point[..self.columns];
        let loss = |row: usize| self.costs[row] * softplus(-self.sign(row) * self.log_odds(row, point));
        0.5 * dense_dot(weights, weights) + (0..self.rows.len()).map(loss).sum::<f64>()
    }

    fn gradient(&self, point: &[f64]) -> Vec<f64> {
        let mut gradient = point.to_vec();
        gradient[self.columns] = 0.0;
        for row in 0..self.rows.len() {
            let sign = self.sign(row);
            let slope = -sign * self.costs[row] * sigmoid(-sign * self.log_odds(row, point));
            add_scaled(&mut gradient, slope, &self.rows[row]);
            gradient[self.columns] += slope;
        }
        gradient
    }

    /// Solves `Hessian · step = −gradient` as far as the distance from the optimum deserves.
    fn newton_step(&self, point: &[f64], gradient: &[f64]) -> Vec<f64> {
        let curvatures = self.curvatures(point);
        let mut step = vec![0.0; gradient.len()];
        let mut residual: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut direction = residual.clone();
        let mut square = dense_dot(&residual, &residual);
        let enough = norm(gradient).sqrt().min(0.1) * norm(gradient);
        for _ in 0..INNER_STEPS {
            if square.sqrt() <= enough {
                break;
            }
            let image = self.hessian_times(&curvatures, &direction);
            let length = square / dense_dot(&direction, &image);
            for at in 0..step.len() {
                step[at] += length * direction[at];
                residual[at] -= length * image[at];
            }
            let next = dense_dot(&residual, &residual);
            direction.iter_mut().zip(&residual).for_each(|(d, r)| *d = r + next / square * *d);
            square = next;
        }
        step
    }

    fn curvatures(&self, point: &[f64]) -> Vec<f64> {
        let curvature = |row: usize| {
            let probability = sigmoid(self.log_odds(row, point));
            self.costs[row] * probability * (1.0 - probability)
        };
        (0..self.rows.len()).map(curvature).collect()
    }

    fn hessian_times(&self, curvatures: &[f64], direction: &[f64]) -> Vec<f64> {
        let mut image = direction.to_vec();
        image[self.columns] = 0.0;
        for (row, curvature) in curvatures.iter().enumerate() {
            let factor = curvature * self.log_odds(row, direction);
            add_scaled(&mut image, factor, &self.rows[row]);
            image[self.columns] += factor;
        }
        image
    }

    /// The first of step, step/2, step/4 … that lowers the value by a fair part of what the
    /// gradient promises; `None` if rounding hides any descent.
    fn descend(&self, point: &[f64], gradient: &[f64], step: &[f64]) -> Option<Vec<f64>> {
        let (value, promise) = (self.value(point), dense_dot(gradient, step));
        (0..40).map(|halvings| 0.5f64.powi(halvings)).find_map(|scale| {
            let next: Vec<f64> = point.iter().zip(step).map(|(point, step)| point + scale * step).collect();
            (self.value(&next) <= value + 1e-4 * scale * promise).then_some(next)
        })
    }

    fn log_odds(&self, row: usize, point: &[f64]) -> f64 {
        dot(&self.rows[row], point) + point[self.columns]
    }

    fn sign(&self, row: usize) -> f64 {
        if self.positive[row] { 1.0 } else { -1.0 }
    }
}

fn norm(vector: &[f64]) -> f64 {
    dense_dot(vector, vector).sqrt()
}

/// `1 / (1 + exp(−x))`.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `log(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_feature_has_a_known_optimum() {
        // Rows x = +1 (positive) and x = −1 (negative): b = 0 by symmetry, each costs C = 3, and w
        // solves w = 2 · 3 · σ(−w).
        let model = LogisticRegression::fit(&[vec![(0, 1.0)], vec![(0, -1.0)]], &[true, false], 1, 3.0);
        let weight = model.weights[0];
        assert!((weight - 6.0 * sigmoid(-weight)).abs() < 1e-8, "{weight}");
        assert!(model.intercept.abs() < 1e-9);
    }

    #[test]
    fn classes_weigh_the_same_however_many_they_are() {
        // Without features the log-odds are those of the weighted classes: even.
        let rows = vec![vec![]; 10];
        let positive: Vec<bool> = (0..10).map(|row| row < 2).collect();
        let model = LogisticRegression::fit(&rows, &positive, 0, 1.0);
        assert!(model.log_odds(&vec![]).abs() < 1e-12);
    }

    #[test]
    fn the_gradient_vanishes_at_the_fit() {
        let rows: Vec<SparseVector> =
            (0..40).map(|row| vec![(row % 7, 1.0 + row as f64 / 10.0), (7 + row % 3, 0.5)]).collect();
        let positive: Vec<bool> = (0..40).map(|row| row * row % 11 < 5).collect();
        let model = LogisticRegression::fit(&rows, &positive, 10, 2.0);
        let problem = Problem { rows: &rows, positive: &positive, costs: costs(&positive, 2.0), columns: 10 };
        let mut point = model.weights.clone();
        point.push(model.intercept);
        assert!(norm(&problem.gradient(&point)) < 1e-6);
        // And the gradient is the value's: central differences along each axis.
        point.iter_mut().enumerate().for_each(|(at, value)| *value += 0.1 * at as f64);
        let gradient = problem.gradient(&point);
        for at in 0..point.len() {
            let shifted = |by: f64| {
                let mut shifted = point.clone();
                shifted[at] += by;
                problem.value(&shifted)
            };
            let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((difference - gradient[at]).abs() < 1e-4 * (1.0 + gradient[at].abs()), "{at}");
        }
    }

    #[test]
    fn softplus_survives_both_ends() {
        assert_eq!(softplus(1000.0), 1000.0);
        assert_eq!(softplus(-1000.0), 0.0);
        assert!((softplus(0.0) - 2.0f64.ln()).abs() < 1e-15);
    }
}
