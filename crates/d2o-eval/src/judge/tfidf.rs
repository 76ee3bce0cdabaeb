//! Words and pairs of neighbouring words as sparse vectors of unit length.

use std::collections::BTreeMap;

use super::sparse::SparseVector;
use crate::text::words;

/// A vocabulary with the weight of each entry.
///
/// A term's value in a text is `(1 + ln tf) · idf` with `idf = 1 + ln((1 + N) / (1 + df))` (`tf`
/// its occurrences in the text, `df` the texts of `N` that have it), divided by the vector's
/// length. Columns are in the order of the terms, so that sums are always taken in one order.
#[derive(Clone, Debug)]
pub(super) struct TfIdf {
    columns: BTreeMap<String, usize>,
    idf: Vec<f64>,
}

impl TfIdf {
    /// Takes the terms that at least `min_df` of the texts have.
    pub(super) fn fit(texts: &[&str], min_df: usize) -> Self {
        let mut document_counts: BTreeMap<String, usize> = BTreeMap::new();
        for text in texts {
            for (term, _) in counts(text) {
                *document_counts.entry(term).or_default() += 1;
            }
        }
        document_counts.retain(|_, count| *count >= min_df);
        let idf = |count: &usize| 1.0 + ((1 + texts.len()) as f64 / (1 + count) as f64).ln();
        Self {
            idf: document_counts.values().map(idf).collect(),
            columns: document_counts.into_keys().enumerate().map(|(column, term)| (term, column)).collect(),
        }
    }

    /// Number of columns.
    pub(super) fn len(&self) -> usize {
        self.idf.len()
    }

    /// The vector of a text; empty if it has no known term.
    pub(super) fn vector(&self, text: &str) -> SparseVector {
        let known = counts(text).into_iter().filter_map(|(term, count)| {
            let column = *self.columns.get(&term)?;
            Some((column, (1.0 + (count as f64).ln()) * self.idf[column]))
        });
        // Terms come in their own order, which is that of the columns.
        let mut vector: SparseVector = known.collect();
        let length = vector.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|(_, value)| *value /= length);
        vector
    }
}

/// How often each word and each pair of neighbouring words occurs.
fn counts(text: &str) -> BTreeMap<String, usize> {
    let words = words(text);
    let pairs = words.windows(2).map(|pair| pair.join(" "));
    let mut counts = BTreeMap::new();
    for term in words.iter().cloned().chain(pairs) {
        *counts.entry(term).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        let features = TfIdf::fit(&["red red tea", "red cup", "tea"], 2);
        // Terms of two texts or more: `red` and `tea`; the pairs occur once each.
        assert_eq!(features.columns.keys().collect::<Vec<_>>(), ["red", "tea"]);
        // Both have df 2 of N 3, so the same idf, which the unit length removes:
        // red (1 + ln 2), tea 1.
        let vector = features.vector("red red tea");
        let (red, length) = (1.0 + 2.0f64.ln(), ((1.0 + 2.0f64.ln()).powi(2) + 1.0).sqrt());
        assert!((vector[0].1 - red / length).abs() < 1e-15 && (vector[1].1 - 1.0 / length).abs() < 1e-15);
        assert_eq!(features.vector("green cup"), []);
    }

    #[test]
    fn rare_terms_weigh_more() {
        let features = TfIdf::fit(&["a b", "a c", "a d"], 1);
        // `a` in 3 of 3: 1 + ln(4/4) = 1. `b` and `a b` in 1 of 3: 1 + ln(4/2) = 1 + ln 2.
        assert_eq!(features.idf[0], 1.0);
        let columns = ["a", "a b", "a c", "a d", "b", "c", "d"];
        assert_eq!(features.columns.keys().collect::<Vec<_>>(), columns);
        assert!(features.idf[1..].iter().all(|idf| (idf - (1.0 + 2.0f64.ln())).abs() < 1e-15));
        assert_eq!(features.len(), 7);
    }
}
