//! What the change of a figure says.

/// Whether a figure changed, and whether for the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It did, for the better.
    Better,
    /// It did, for the worse.
    Worse,
    /// It did, in a metric that knows no better.
    Different,
    /// The interval of the paired change holds zero.
    Unclear,
    /// Nothing is paired, and the two intervals overlap.
    Overlapping,
}

impl Change {
    /// The class that colours it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Better => "good",
            Self::Worse => "bad",
            Self::Different => "",
            Self::Unclear | Self::Overlapping => "unclear",
        }
    }

    /// A word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Different => "different",
            Self::Unclear => "no clear change",
            Self::Overlapping => "intervals overlap",
        }
    }
}
