//! What is compared: a PyTorch script with its arguments, and ours for the same work.

/// One comparison.
pub(super) struct Case {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// A file of xtask/python.
    pub(super) script: &'static str,
    theirs: &'static [&'static str],
    ours: &'static [&'static str],
    /// The rows that both read.
    pub(super) rows: &'static str,
    /// Whether tokens per second are the point.
    pub(super) samples: bool,
}

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Theirs,
    Ours,
}

impl Case {
    pub(super) fn arguments(&self, side: Side) -> &'static [&'static str] {
        match side {
            Side::Theirs => self.theirs,
            Side::Ours => self.ours,
        }
    }
}

const STEP: &[&str] = &["bench", "step", "--k", "8", "--prompts", "4", "--steps", "3", "--warmup", "1"];

/// All comparisons, in the order of the targets.
pub(super) const ALL: &[Case] = &[
    Case {
        name: "D²O step against naive layout, live reference",
        script: "compare_step.py",
        theirs: &["--layout", "naive", "--reference", "live"],
        ours: STEP,
        rows: "rows.jsonl",
        samples: false,
    },
    Case {
        name: "D²O step against prefix layout by hand, stored reference",
        script: "compare_step.py",
        theirs: &["--layout", "prefix", "--reference", "stored"],
        ours: STEP,
        rows: "rows.jsonl",
        samples: false,
    },
    Case {
        name: "DPO step against TRL, stored reference",
        script: "compare_trl_dpo.py",
        theirs: &["--batch", "8"],
        ours: &["bench", "step", "--pairs", "--prompts", "8", "--steps", "3", "--warmup", "1"],
        rows: "rows.jsonl",
        samples: false,
    },
    Case {
        name: "sampling 16 × 128 against transformers",
        script: "compare_generate.py",
        theirs: &["--how", "transformers", "--batch", "16", "--new", "128"],
        ours: &["bench", "generate", "--batch", "16", "--new", "128"],
        rows: "rows.jsonl",
        samples: true,
    },
    Case {
        name: "sampling 16 × 128 against a loop by hand",
        script: "compare_generate.py",
        theirs: &["--how", "loop", "--batch", "16", "--new", "128"],
        ours: &["bench", "generate", "--batch", "16", "--new", "128"],
        rows: "rows.jsonl",
        samples: true,
    },
    Case {
        name: "8 answers to each of 4 long prompts against transformers",
        script: "compare_generate.py",
        theirs: &["--how", "transformers", "--batch", "32", "--samples", "8", "--new", "128"],
        ours: &["bench", "generate", "--batch", "4", "--samples", "8", "--new", "128"],
        rows: "long.jsonl",
        samples: true,
    },
];
