//! d2o-objective
