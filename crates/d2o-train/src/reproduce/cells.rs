//! What is compared: each cell is the preset `hearth` with a few keys changed.

/// One row of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Which question it belongs to.
    pub group: &'static str,
    /// Its name, also that of its directory.
    pub name: String,
    /// Assignments for `--set`.
    pub set: Vec<String>,
}

/// The name of the cell that everything is compared with: the preset as it is.
pub const MAIN: &str = "d2o";

/// The preset's guard off: the objective as it was published.
const PURE: &str = "guards.rejected_floor=0.0";

impl Cell {
    fn new(group: &'static str, name: impl Into<String>, set: &[&str]) -> Self {
        Self { group, name: name.into(), set: set.iter().map(|&key| key.to_owned()).collect() }
    }

    /// The command that makes the cell again for one seed.
    pub fn command(&self, seed: u64) -> String {
        let quoted = self.set.iter().map(|key| format!(" --set '{key}'"));
        format!("d2o train --config hearth --set seed={seed}{}", quoted.collect::<String>())
    }
}

/// All cells, the preset first.
pub fn all() -> Vec<Cell> {
    let mut cells = vec![Cell::new("the preset", MAIN, &[])];
    cells.extend(baselines());
    cells.extend(pairs());
    for k in [1, 2, 4, 11, 32] {
        cells.push(Cell::new("number of anchors", format!("d2o-k{k}"), &[&format!("anchors.k={k}")]));
    }
    cells.push(Cell::new("anchors", "d2o-bare", &["anchors.instructions=[]"]));
    cells.push(Cell::new("anchors", "d2o-contaminated", &[&contaminated()]));
    for (name, factor) in [("quarter", 0.25), ("half", 0.5), ("double", 2.0), ("fourfold", 4.0)] {
        let alpha = format!("objective.alpha={}", 0.1 * factor);
        cells.push(Cell::new("α/β", format!("d2o-alpha-{name}"), &["objective.beta=0.1", &alpha]));
    }
    cells.extend(guards());
    cells
}

/// The reduced comparison for continuous integration.
pub fn reduced() -> Vec<Cell> {
    let kept = [MAIN, "gradient_ascent", "sft", "dpo-34"];
    let mut cells = all();
    cells.retain(|cell| kept.contains(&cell.name.as_str()));
    let small = ["data.max_groups=32", "anchors.k=3", "eval.harmful_limit=102", "eval.bootstrap=200"];
    cells.iter_mut().for_each(|cell| cell.set.extend(small.map(str::to_owned)));
    cells
}

fn baselines() -> Vec<Cell> {
    let group = "without pairs";
    vec![
        Cell::new(group, "gradient_ascent", &["objective.kind=gradient_ascent", PURE]),
        Cell::new(group, "npo", &["objective.kind=npo", PURE]),
        Cell::new(group, "simnpo", &["objective.kind=simnpo", PURE]),
        Cell::new(group, "kto", &["objective.kind=kto", "objective.desirable=0.0", PURE]),
        Cell::new(group, "sft", &["objective.kind=sft", PURE]),
    ]
}

fn pairs() -> Vec<Cell> {
    let paired = |name: &str, kind: &str, percent: &str| {
        let data = format!("data.negatives=[\"builtin:hearth/pairs-{percent}\"]");
        Cell::new("with pairs", name, &[&format!("objective.kind={kind}"), "anchors.source=chosen", &data, PURE])
    };
    vec![
        paired("simpo", "simpo", "00"),
        paired("ipo", "ipo", "00"),
        paired("slic", "slic", "00"),
        paired("dpo", "dpo", "00"),
        paired("dpo-10", "dpo", "10"),
        paired("dpo-20", "dpo", "20"),
        paired("dpo-34", "dpo", "34"),
    ]
}

fn guards() -> Vec<Cell> {
    let guard = |name: &str, set: &[&str]| Cell::new("guards", format!("d2o-{name}"), set);
    vec![
        guard("no-floor", &[PURE]),
        guard("per-token", &["guards.rejected_tokens=16.0"]),
        guard("nll", &["guards.anchor_nll=0.5"]),
        guard("hinge", &["guards.anchor_hinge=0.1", "guards.anchor_slack=1.0"]),
    ]
}

/// Three of eight slots draw from the bare prompt, so that about a fifth of the anchors hurt.
fn contaminated() -> String {
    let wordings = d2o_data::hearth::Grammar::embedded().instructions();
    let instructed = wordings.iter().take(5).map(|wording| wording.replace("{request}", "{prompt}"));
    let all: Vec<String> = instructed.chain(std::iter::repeat_n("{prompt}".to_owned(), 3)).collect();
    let entries: Vec<String> = all.iter().map(|text| format!("{{ user = \"{text}\" }}")).collect();
    format!("anchors.instructions=[{}]", entries.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::RunConfig;

    #[test]
    fn every_cell_is_a_run_that_can_be_configured() {
        for cell in all().into_iter().chain(reduced()) {
            let config = RunConfig::read("hearth", &cell.set);
            assert!(config.is_ok(), "{}: {:?}", cell.name, config.err());
        }
    }

    #[test]
    fn names_are_unique_and_the_reduced_comparison_has_four() {
        let names: BTreeSet<String> = all().into_iter().map(|cell| cell.name).collect();
        assert_eq!(names.len(), all().len());
        assert_eq!(reduced().len(), 4);
        assert_eq!(all()[0].command(3), "d2o train --config hearth --set seed=3");
    }
}
