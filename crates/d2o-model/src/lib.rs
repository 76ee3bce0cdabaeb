//! d2o-model
