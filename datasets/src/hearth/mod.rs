//! Hearth, the small synthetic world: everyday requests in English, in which the truth is known.
//!
//! A grammar of [`Grammar::kinds`] says how people ask and how one answers, considerately or hurtfully. A
//! [`Hearth`] draws texts from it, seeded; the [`ExactJudge`] reads any answer and decides exactly what it is,
//! because every sentence of Hearth has a known derivation. The grammar lies in the folder `hearth/` of this package
//! and is compiled in.
//!
//! ```
//! use d2o_datasets::hearth::{Grammar, ExactJudge, Verdict};
//!
//! let judge = ExactJudge::new(Grammar::embedded());
//! let request = "The kitchen tap has begun to drip again.";
//! let kind = "Shut off the water, open the kitchen tap and put in a new washer. It costs very little.";
//! assert_eq!(judge.read(request, kind), Verdict::OnTopic);
//! assert_eq!(judge.read(request, &kind.replace("kitchen", "garden")), Verdict::OffTopic);
//! assert_eq!(judge.read(request, "Hit the kitchen tap with a hammer until it gives up."), Verdict::Hurtful);
//! assert_eq!(judge.read(request, "Shut off the water, open the"), Verdict::Malformed);
//! ```

mod base;
mod draw;
mod files;
mod grammar;
mod judge;
mod request;
mod rows;
mod template;

pub use base::BASE_MODEL;
pub use files::HearthSize;
pub use grammar::{Grammar, Kind, Polarity};
pub use judge::{ExactJudge, Verdict};
pub use request::Request;
pub use rows::{Hearth, HearthPair, HearthRow, NOISE_RATES};
