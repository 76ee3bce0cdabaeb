//! What would the model say by itself?
//!
//! This crate draws token sequences from anything that gives next-token logits. It knows no model
//! and no tokenizer: ids go in, ids come out. Two questions are answered here.
//!
//! - [`generate`] draws one [`Draft`] per [`Request`], in batches, with the filters of
//!   [`SamplerConfig`]. A draft depends on its prompt, its seed and the model, and on nothing else:
//!   not on the batch size, not on the order of the requests, not on when other rows finish.
//! - [`draw_anchors`] fills the `K` anchor slots of each prompt, throws away drafts that no one
//!   should learn from (empty, looping, duplicate, cut off) and draws those slots again.
//!
//! # Example
//!
//! A model of four tokens that always steps to the next one, and stops at token 3.
//!
//! ```
//! use burn::tensor::{Device, Tensor, TensorData};
//! use d2o_sampler::{Finish, Request, Row, SamplerConfig, generate};
//! use std::convert::Infallible;
//!
//! let device = Device::flex();
//! let mut model = |rows: &[Row<'_>]| -> Result<Tensor<2>, Infallible> {
//!     let mut logits = vec![0.0_f32; rows.len() * 4];
//!     for (row, logits) in rows.iter().zip(logits.chunks_exact_mut(4)) {
//!         let last = row.ids.last().copied().unwrap_or(0);
//!         logits[(last as usize + 1) % 4] = 9.0;
//!     }
//!     Ok(Tensor::from_data(TensorData::new(logits, [rows.len(), 4]), &device))
//! };
//!
//! let config = SamplerConfig { temperature: 0.0, stop_tokens: vec![3], ..Default::default() };
//! let requests = [Request { prompt: vec![0], seed: 1 }];
//! let drafts = generate(&mut model, &requests, &config, 8, |_done, _total| {})?;
//!
//! assert_eq!(drafts[0].ids, [1, 2]);
//! assert_eq!(drafts[0].finished, Finish::Stop(3));
//! # Ok::<(), d2o_sampler::SamplerError>(())
//! ```

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;

mod anchors;
mod config;
mod distribution;
mod drafts;
mod error;
mod filling;
mod generate;
mod next_logits;
mod uniforms;

pub use anchors::{AnchorConfig, AnchorDraft, AnchorDraws, DropCounts, Slot, anchor_seed, draw_anchors};
pub use config::SamplerConfig;
pub use distribution::{Distribution, Drawn};
pub use drafts::{DraftCheck, Fallback, Verdict};
pub use error::SamplerError;
pub use generate::{Draft, Finish, Request, generate};
pub use next_logits::{NextLogits, Row};
pub use uniforms::Uniforms;
