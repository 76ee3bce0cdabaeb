//! A Llama written out with loops in f64, from the definition: every query head looks up its own
//! copy of keys and values, every token is computed alone.

use d2o_model::ModelConfig;

use crate::tiny::Weights;

pub(crate) struct Scalar<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) weights: Weights,
}

impl Scalar<'_> {
    /// Logits after each of `ids`.
    pub(crate) fn logits(&self, ids: &[u32]) -> Vec<Vec<f64>> {
        let width = self.config.hidden_size;
        let (_, embedding) = &self.weights["model.embed_tokens.weight"];
        let mut hidden: Vec<Vec<f64>> =
            ids.iter().map(|&id| widened(&embedding[id as usize * width..(id as usize + 1) * width])).collect();
        for layer in 0..self.config.layers.len() {
            hidden = self.layer(&format!("model.layers.{layer}"), &hidden);
        }
        let head = if self.config.tie_word_embeddings { "model.embed_tokens" } else { "lm_head" };
        hidden.iter().map(|x| self.linear(head, &self.norm("model.norm", x))).collect()
    }

    /// `Σ_t log softmax(logits_t)[targets_t]`.
    pub(crate) fn log_prob(&self, ids: &[u32], targets: &[u32]) -> f64 {
        let token = |(logits, &target): (Vec<f64>, &u32)| {
            let largest = logits.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            logits[target as usize] - largest - sum.ln()
        };
        self.logits(ids).into_iter().zip(targets).map(token).sum()
    }

    fn layer(&self, name: &str, hidden: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let normed: Vec<_> = hidden.iter().map(|x| self.norm(&format!("{name}.input_layernorm"), x)).collect();
        let attended = self.attention(name, &normed);
        hidden.iter().zip(attended).map(|(x, attended)| self.feed_forward(name, &sum(x, &attended))).collect()
    }

    fn feed_forward(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let normed = self.norm(&format!("{name}.post_attention_layernorm"), x);
        let gate = self.linear(&format!("{name}.mlp.gate_proj"), &normed);
        let up = self.linear(&format!("{name}.mlp.up_proj"), &normed);
        let inner: Vec<f64> = gate.iter().zip(&up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
        sum(x, &self.linear(&format!("{name}.mlp.down_proj"), &inner))
    }

    fn attention(&self, name: &str, normed: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (heads, dim) = (self.config.heads, self.config.head_dim);
        let group = heads / self.config.kv_heads;
        let project = |module: &str| -> Vec<Vec<f64>> {
            normed.iter().map(|x| self.linear(&format!("{name}.self_attn.{module}"), x)).collect()
        };
        let (queries, keys, values) = (project("q_proj"), project("k_proj"), project("v_proj"));
        let attend = |t: usize| {
            let mut mixed = vec![0.0; heads * dim];
            for head in 0..heads {
                let shared = head / group * dim;
                let query = self.rotated(&queries[t][head * dim..(head + 1) * dim], t);
                let score = |s: usize| {
                    let key = self.rotated(&keys[s][shared..shared + dim], s);
                    (dot(&query, &key) / (dim as f64).sqrt()).exp()
                };
                let weights: Vec<f64> = (0..=t).map(score).collect();
                let total: f64 = weights.iter().sum();
                for (s, weight) in weights.iter().enumerate() {
                    for i in 0..dim {
                        mixed[head * dim + i] += weight / total * values[s][shared + i];
                    }
                }
            }
            self.linear(&format!("{name}.self_attn.o_proj"), &mixed)
        };
        (0..normed.len()).map(attend).collect()
    }

    /// Turns each pair `(x_i, x_{i + d/2})` by `position · θ^(−2i/d)`.
    fn rotated(&self, x: &[f64], position: usize) -> Vec<f64> {
        let half = x.len() / 2;
        let mut turned = x.to_vec();
        for i in 0..half {
            let angle = position as f64 * self.config.ropes()[0].theta.powf(-(i as f64) / half as f64);
            turned[i] = x[i] * angle.cos() - x[i + half] * angle.sin();
            turned[i + half] = x[i + half] * angle.cos() + x[i] * angle.sin();
        }
        turned
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let (_, weight) = &self.weights[&format!("{name}.weight")];
        let root = (dot(x, x) / x.len() as f64 + self.config.norm.epsilon).sqrt();
        x.iter().zip(weight).map(|(x, &weight)| x / root * f64::from(weight)).collect()
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let (_, weight) = &self.weights[&format!("{name}.weight")];
        weight.chunks(x.len()).map(|row| dot(&widened(row), x)).collect()
    }
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

fn sum(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).map(|(a, b)| a + b).collect()
}
