//! d2o-sampler
