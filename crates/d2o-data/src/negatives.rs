//! The rejected answers of files, and what of the files was left out.

use crate::error::DataError;
use crate::sample::NegativeSample;
use crate::shape::Shape;

/// Rows that are shown as they were understood, and rows left out of which the reason is kept.
const EXAMPLES: usize = 3;

/// The rejected answers of one file or several.
#[derive(Debug, Default)]
pub struct Negatives {
    /// The rejected answers, in the order of the files.
    pub samples: Vec<NegativeSample>,
    /// How the files were read.
    pub reading: Reading,
}

/// How files were read: what was understood, and what was left out.
#[derive(Debug, Default)]
pub struct Reading {
    /// Rows read, with those that hold no rejected answer and those that were left out.
    pub rows: usize,
    /// Rows that were understood and hold no rejected answer.
    pub without_rejected: usize,
    /// Rows that could not be read.
    pub left_out: usize,
    /// What was wrong with the first of them; each names its place.
    pub reasons: Vec<DataError>,
    /// How many rows were read as each shape, the first shape that was met first.
    pub shapes: Vec<(Shape, usize)>,
    /// The first rejected answers with their shapes.
    pub examples: Vec<(Shape, NegativeSample)>,
}

impl Negatives {
    /// Counts a row that was understood.
    pub(crate) fn add(&mut self, shape: Option<Shape>, samples: Vec<NegativeSample>) {
        self.reading.rows += 1;
        self.reading.without_rejected += usize::from(samples.is_empty());
        if let Some(shape) = shape {
            self.reading.count(shape, 1);
            let left = EXAMPLES.saturating_sub(self.reading.examples.len());
            self.reading.examples.extend(samples.iter().take(left).map(|sample| (shape, sample.clone())));
        }
        self.samples.extend(samples);
    }

    /// Counts a row that could not be read.
    pub(crate) fn leave_out(&mut self, reason: DataError) {
        self.reading.rows += 1;
        self.reading.left_out += 1;
        if self.reading.reasons.len() < EXAMPLES {
            self.reading.reasons.push(reason);
        }
    }

    /// Adds those of another file.
    pub(crate) fn extend(&mut self, other: Self) {
        self.samples.extend(other.samples);
        self.reading.extend(other.reading);
    }
}

impl Reading {
    fn count(&mut self, shape: Shape, rows: usize) {
        match self.shapes.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, known)) => *known += rows,
            None => self.shapes.push((shape, rows)),
        }
    }

    fn extend(&mut self, other: Self) {
        self.rows += other.rows;
        self.without_rejected += other.without_rejected;
        self.left_out += other.left_out;
        self.reasons.extend(other.reasons);
        self.reasons.truncate(EXAMPLES);
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
        for (shape, rows) in other.shapes {
            self.count(shape, rows);
        }
    }
}
