//! d2o-data
