//! Regular expressions over the names of maps in an adapter's configuration, as PEFT reads them.

use fancy_regex::Regex;

/// Values for some of the maps only, as `rank_pattern` and `alpha_pattern` give them, in their order.
pub(super) struct PerMap<T>(Vec<(Regex, T)>);

impl<T: Copy> PerMap<T> {
    /// # Errors
    /// The expression that is none.
    pub(super) fn new<'a>(entries: impl IntoIterator<Item = (&'a str, T)>) -> Result<Self, &'a str> {
        let compile = |(name, value)| match Regex::new(&format!(r"\A(?:.*\.)?(?:{name})\z")) {
            Ok(regex) => Ok((regex, value)),
            Err(_) => Err(name),
        };
        entries.into_iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// The value of the first entry that means `module` (`model.layers.3.mlp.up_proj`): its whole name or the end of
    /// it, from a dot on. An expression that takes too many steps means nothing.
    pub(super) fn of(&self, module: &str) -> Option<T> {
        self.0.iter().find(|(regex, _)| regex.is_match(module).unwrap_or(false)).map(|&(_, value)| value)
    }
}

/// Whether an expression means exactly this name; `None` for one that cannot be read here.
pub(super) fn is_whole_match(expression: &str, name: &str) -> Option<bool> {
    Regex::new(&format!(r"\A(?:{expression})\z")).ok()?.is_match(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "model.layers.3.self_attn.q_proj";

    #[test]
    fn the_first_entry_that_means_a_map_holds() {
        let of = |entries: &[(&'static str, usize)]| PerMap::new(entries.iter().copied()).unwrap().of(MODULE);
        assert_eq!(of(&[("k_proj", 1), ("q_proj", 2), (r".*q_proj", 3)]), Some(2));
        assert_eq!(of(&[("self_attn.q_proj", 4)]), Some(4));
        assert_eq!(of(&[(MODULE, 5)]), Some(5));
        assert_eq!(of(&[(r"layers\.[0-3]\..*", 6)]), Some(6));
        // The end of a name begins behind a dot, and nothing may follow.
        assert_eq!(of(&[("proj", 1), ("q_pro", 1), ("layers.3", 1)]), None);
        assert!(matches!(PerMap::new([("q_proj", 1), ("(", 2)]), Err("(")));
    }

    #[test]
    fn a_whole_expression_means_whole_names() {
        // As ms-swift writes it, with a look ahead.
        let swift = r"^(model(?=\.).*\.(q_proj|v_proj)(?=$))$";
        assert_eq!(is_whole_match(swift, MODULE), Some(true));
        assert_eq!(is_whole_match(swift, "model.layers.3.self_attn.k_proj"), Some(false));
        assert_eq!(is_whole_match(r"layers.*q_proj", MODULE), Some(false));
        assert_eq!(is_whole_match("(", MODULE), None);
    }
}
