//! Run files that ship with the program.

/// Name and text of every preset.
pub const ALL: [(&str, &str); 5] = [
    ("hearth", include_str!("../../presets/hearth.toml")),
    ("smollm2-lists", include_str!("../../presets/smollm2-lists.toml")),
    ("smollm2-opening", include_str!("../../presets/smollm2-opening.toml")),
    ("smollm2-pyrit", include_str!("../../presets/smollm2-pyrit.toml")),
    ("smollm2-quick", include_str!("../../presets/smollm2-quick.toml")),
];

/// What holds for the user's own model and rows where no run file is named.
pub const OWN: &str = include_str!("../../presets/own.toml");

/// The same where harmful requests are to be declined.
pub const OWN_DECLINING: &str = include_str!("../../presets/own-declining.toml");

/// The preset that runs when none is named.
pub const DEFAULT: &str = "hearth";

/// A preset's text.
pub fn get(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What a preset says about itself: its first comment lines.
pub fn summary(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.starts_with('#'));
    lines.map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join(" ")
}
