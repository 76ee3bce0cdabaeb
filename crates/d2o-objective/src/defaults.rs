//! Default hyperparameters, as functions because serde asks for functions. Each knob has its default here and
//! nowhere else.

pub(crate) fn thousandth() -> f64 {
    0.001
}

pub(crate) fn twentieth() -> f64 {
    0.05
}

pub(crate) fn tenth() -> f64 {
    0.1
}

pub(crate) fn three_tenths() -> f64 {
    0.3
}

pub(crate) fn half() -> f64 {
    0.5
}

pub(crate) fn one() -> f64 {
    1.0
}

pub(crate) fn two() -> f64 {
    2.0
}

pub(crate) fn five_halves() -> f64 {
    2.5
}

pub(crate) fn fifty() -> f64 {
    50.0
}
