//! d2o-train
