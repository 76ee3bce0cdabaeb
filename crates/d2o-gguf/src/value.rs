//! Metadata values.

/// A metadata value; integers and floats are widened.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An unsigned integer of 8 to 64 bits.
    Unsigned(u64),
    /// A signed integer of 8 to 64 bits.
    Signed(i64),
    /// A float of 32 or 64 bits.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(String),
    /// Values of one type.
    List(List),
}

/// Values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// Unsigned integers.
    Unsigned(Vec<u64>),
    /// Signed integers.
    Signed(Vec<i64>),
    /// Floats.
    Float(Vec<f64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Texts.
    Text(Vec<String>),
    /// Lists.
    List(Vec<List>),
}

impl Value {
    /// The integer, if it is one that an `i64` holds.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Signed(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if it is one that is not negative and fits memory.
    pub fn as_size(&self) -> Option<usize> {
        match self {
            Self::Unsigned(value) => usize::try_from(*value).ok(),
            Self::Signed(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The float, if it is one.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    /// The texts, if it is a list of them.
    pub fn as_texts(&self) -> Option<&[String]> {
        match self {
            Self::List(List::Text(values)) => Some(values),
            _ => None,
        }
    }

    /// The integers, if it is a list of ones that an `i64` holds.
    pub fn as_integers(&self) -> Option<Vec<i64>> {
        match self {
            Self::List(List::Unsigned(values)) => values.iter().map(|&value| i64::try_from(value).ok()).collect(),
            Self::List(List::Signed(values)) => Some(values.clone()),
            _ => None,
        }
    }
}
