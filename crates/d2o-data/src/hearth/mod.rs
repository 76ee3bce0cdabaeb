//! The hearth: a small English world of everyday requests in which the truth is known.
//!
//! A grammar of [`Grammar::kinds`] says how people ask and how one answers, considerately or hurtfully. A
//! [`World`] draws texts from it, seeded; the [`Judge`] reads any answer and decides exactly what it is,
//! because every sentence of the world has a known derivation. The grammar lies in `datasets/hearth/` and is
//! compiled in.
//!
//! ```
//! use d2o_data::hearth::{Grammar, Judge, Verdict};
//!
//! let judge = Judge::new(Grammar::embedded());
//! let request = "The kitchen tap has begun to drip again.";
//! let kind = "Shut off the water, open the kitchen tap and put in a new washer. It costs very little.";
//! assert_eq!(judge.read(request, kind), Verdict::OnTopic);
//! assert_eq!(judge.read(request, &kind.replace("kitchen", "garden")), Verdict::OffTopic);
//! assert_eq!(judge.read(request, "Hit the kitchen tap with a hammer until it gives up."), Verdict::Hurtful);
//! assert_eq!(judge.read(request, "Shut off the water, open the"), Verdict::Malformed);
//! ```

mod draw;
mod files;
mod grammar;
mod judge;
mod request;
mod template;
mod world;

pub use files::WorldSize;
pub use grammar::{Grammar, Kind, Polarity};
pub use judge::{Judge, Verdict};
pub use request::Request;
pub use world::{NOISE_RATES, World, WorldPair, WorldRow};
