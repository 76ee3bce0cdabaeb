//! Criterion benchmarks of the workspace, in `benches/`: `cargo bench -p d2o-benches [-- FILTER]`.
//!
//! Each grows in size, so that the growth shows. `d2o bench` measures whole steps in the units of the
//! PyTorch scripts, and `cargo xtask compare` runs both in turn.
