//! What is compared: each cell is the preset `hearth` on half of its negatives, with a few keys changed.

use std::collections::BTreeMap;

use d2o_record::digest::sha256;

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

/// A look every so many steps, in all cells.
pub const LOOK_EVERY: usize = 12;
/// The name of the cell that everything is compared with.
pub const MAIN: &str = "d2o";
/// What all cells share but the preset itself: half of the negatives, with steps that make up for it in part. Some
/// three hundred runs then take an hour of two cores.
const HALF: [&str; 2] = ["data.max_groups=816", "train.learning_rate=5e-4"];

/// Group of the objectives that see no preferred answer.
pub const WITHOUT_PAIRS: &str = "without pairs";
/// Group of the objectives with a preferred answer for each prompt.
pub const WITH_PAIRS: &str = "with pairs";
/// Group of the same objectives at a fifth of the learning rate: none loses for its step size alone.
pub const SLOW: &str = "a fifth of the learning rate";
/// Group of other objectives inside the preset's guards.
pub const GUARDED: &str = "the preset's guards around others";

/// Numbers of anchors in the cells; [`MAIN`] has 4.
pub const ANCHORS: [usize; 5] = [1, 2, 4, 11, 32];
/// Ratios of α to β in the cells, with their names; [`MAIN`] has 1.
pub const RATIOS: [(&str, f64); 5] = [
    ("d2o-alpha-quarter", 0.25),
    ("d2o-alpha-half", 0.5),
    (MAIN, 1.0),
    ("d2o-alpha-double", 2.0),
    ("d2o-alpha-fourfold", 4.0),
];

/// The preset's floor under the negative off.
const NO_FLOOR: &str = "guards.rejected_floor=0.0";
/// Whole negatives instead of their beginnings.
const WHOLE: &str = "data.max_rejected_tokens=0";
/// Both: the objective as it was published.
const PURE: [&str; 2] = [NO_FLOOR, WHOLE];
/// The learning rate of [`SLOW`].
const SLOWLY: &str = "train.learning_rate=1e-4";
/// An instruction that says nothing.
const BARE: &str = "{prompt}";
/// Twice as many passes over the data.
const TWICE: &str = "train.epochs=2";

impl Cell {
    fn new(group: &'static str, name: impl Into<String>, set: &[&str]) -> Self {
        Self { group, name: name.into(), set: HALF.iter().chain(set).map(|&key| key.to_owned()).collect() }
    }

    /// The command that makes the cell again for one seed.
    pub fn command(&self, seed: u64) -> String {
        let quoted = self.set.iter().map(|key| format!(" --set '{key}'"));
        format!("d2o train --config hearth --set seed={seed}{}", quoted.collect::<String>())
    }

    /// The assignments that decide which anchors are drawn: cells that agree in them share a store.
    pub fn drawn_by(&self) -> Vec<String> {
        let decides = |key: &&String| {
            (key.starts_with("anchors.") && !key.starts_with("anchors.refresh")) || key.starts_with("data.")
        };
        // Of two assignments to one key the later one holds, as on the command line.
        let by_key = |key: &String| (key.split('=').next().unwrap_or_default().to_owned(), key.clone());
        let set: BTreeMap<String, String> = self.set.iter().filter(decides).map(by_key).collect();
        set.into_values().collect()
    }

    /// The name of the store that the cell takes its anchors from.
    pub fn store(&self) -> String {
        sha256(self.drawn_by().join("\n").as_bytes())[..12].to_owned()
    }
}

/// The name of the cell with `k` anchors.
pub fn with_anchors(k: usize) -> String {
    if k == 4 { MAIN.to_owned() } else { format!("d2o-k{k}") }
}

/// All cells, [`MAIN`] first.
pub fn all() -> Vec<Cell> {
    let group = "the preset";
    let mut cells = vec![Cell::new(group, MAIN, &[]), Cell { group, name: "d2o-preset".to_owned(), set: Vec::new() }];
    cells.extend(unpaired(WITHOUT_PAIRS, "", &[]));
    cells.extend(paired());
    cells.extend(slow());
    cells.extend(anchors());
    for (name, ratio) in RATIOS.into_iter().filter(|(name, _)| *name != MAIN) {
        let alpha = format!("objective.alpha={}", 0.1 * ratio);
        cells.push(Cell::new("α/β", name, &["objective.beta=0.1", &alpha]));
    }
    cells.push(Cell::new("α/β", "d2o-no-negative", &["objective.alpha=0.0"]));
    cells.push(Cell::new("α/β", "d2o-no-anchors", &["objective.beta=0.0", NO_FLOOR, WHOLE]));
    cells.extend(guards());
    cells.extend(guarded());
    cells.extend(long());
    cells
}

/// The reduced comparison for continuous integration.
pub fn reduced() -> Vec<Cell> {
    let kept = [MAIN, "gradient_ascent", "sft", "dpo-34"];
    let mut cells = all();
    cells.retain(|cell| kept.contains(&cell.name.as_str()));
    let small = [
        "data.max_groups=32",
        "anchors.k=3",
        "eval.harmful_limit=51",
        "eval.bootstrap=200",
        "eval.look_every=2",
        "eval.look_limit=16",
    ];
    cells.iter_mut().for_each(|cell| cell.set.extend(small.map(str::to_owned)));
    cells
}

fn unpaired(group: &'static str, suffix: &str, more: &[&str]) -> Vec<Cell> {
    let cell = |name: &str, set: &[&str]| {
        let kind = format!("objective.kind={name}");
        Cell::new(group, format!("{name}{suffix}"), &[&[kind.as_str()], &PURE[..], set, more].concat())
    };
    vec![
        cell("gradient_ascent", &[]),
        cell("npo", &[]),
        cell("simnpo", &[]),
        cell("unlikelihood", &[]),
        cell("kto", &["objective.desirable=0.0"]),
        cell("sft", &[]),
    ]
}

fn pair(group: &'static str, name: &str, kind: &str, percent: &str, more: &[&str]) -> Cell {
    let (kind, data) =
        (format!("objective.kind={kind}"), format!("data.negatives=[\"builtin:hearth/pairs-{percent}\"]"));
    Cell::new(group, name, &[&[kind.as_str(), "anchors.source=chosen", &data], more].concat())
}

fn paired() -> Vec<Cell> {
    let paired =
        |name, kind, percent, more: &[&str]| pair(WITH_PAIRS, name, kind, percent, &[&PURE[..], more].concat());
    vec![
        paired("simpo", "simpo", "00", &[]),
        paired("ipo", "ipo", "00", &[]),
        paired("slic", "slic", "00", &[]),
        paired("dpo", "dpo", "00", &[]),
        // Two answers a group instead of five: two and a half times the steps put as many tokens through the model.
        paired("dpo-equal-tokens", "dpo", "00", &["train.steps=255"]),
        paired("dpo-10", "dpo", "10", &[]),
        paired("dpo-20", "dpo", "20", &[]),
        paired("dpo-34", "dpo", "34", &[]),
        paired("dpo-34-smoothed", "dpo", "34", &["objective.label_smoothing=0.3"]),
    ]
}

fn slow() -> Vec<Cell> {
    let mut cells = unpaired(SLOW, "-slow", &[SLOWLY]);
    cells.push(pair(SLOW, "dpo-slow", "dpo", "00", &[SLOWLY, NO_FLOOR, WHOLE]));
    cells.push(Cell::new(SLOW, "d2o-slow", &[SLOWLY]));
    cells.push(Cell::new(SLOW, "d2o-pure-slow", &[SLOWLY, NO_FLOOR, WHOLE]));
    cells
}

fn anchors() -> Vec<Cell> {
    let others = ANCHORS.into_iter().filter(|&k| k != 4);
    let mut cells: Vec<Cell> =
        others.map(|k| Cell::new("number of anchors", with_anchors(k), &[&format!("anchors.k={k}")])).collect();
    let (bare, contaminated, sft) = ("anchors.instructions=[]", contaminated(), "objective.kind=sft");
    let anchors = |name: &str, set: &[&str]| Cell::new("anchors", name, set);
    cells.extend([
        anchors("dpo-anchor", &["objective.kind=dpo", "anchors.k=1", NO_FLOOR, WHOLE]),
        anchors("d2o-bare", &[bare]),
        anchors("sft-bare", &[bare, sft, NO_FLOOR, WHOLE]),
        anchors("d2o-contaminated", &[&contaminated]),
        anchors("sft-contaminated", &[&contaminated, sft, NO_FLOOR, WHOLE]),
        anchors("d2o-temperature-one", &["anchors.sampler.temperature=1.0"]),
        anchors("d2o-whole-temperature-one", &["anchors.sampler.temperature=1.0", WHOLE]),
        anchors("sft-temperature-one", &["anchors.sampler.temperature=1.0", sft, NO_FLOOR, WHOLE]),
        anchors("d2o-redrawn", &["anchors.refresh_every=1"]),
        anchors("d2o-refreshed", &["anchors.refresh_every=25"]),
        anchors("d2o-two-references", &["anchors.rejected_reference=\"instructed\""]),
    ]);
    cells
}

fn guards() -> Vec<Cell> {
    let guard = |name: &str, set: &[&str]| Cell::new("guards", format!("d2o-{name}"), set);
    vec![
        guard("pure", &PURE),
        guard("no-floor", &[NO_FLOOR]),
        guard("whole", &[WHOLE]),
        guard("per-token", &["guards.rejected_tokens=16.0"]),
        guard("nll", &["guards.anchor_nll=0.5"]),
        guard("hinge", &["guards.anchor_hinge=0.1", "guards.anchor_slack=1.0"]),
        guard("kl-budget", &["stop.max_anchor_kl=0.05"]),
        // Its command has to say that somebody looks.
        guard("harm-plateau", &[&format!("eval.look_every={LOOK_EVERY}"), "stop.min_harm_drop=0.01"]),
        guard("anchor-kl", &["guards.anchor_kl=0.1"]),
        guard(
            "retain",
            &[
                "retain.weight=1.0",
                "retain.prompts=[\"builtin:hearth/instructed\"]",
                "retain.per_step=4",
                "retain.max_tokens=48",
            ],
        ),
    ]
}

/// What the preset's two guards of the negative, and another rate, do for the others: is it them, or the anchors?
fn guarded() -> Vec<Cell> {
    let group = GUARDED;
    let npo = "objective.kind=npo";
    vec![
        Cell::new(group, "npo-opening", &[npo, NO_FLOOR]),
        Cell::new(group, "npo-opening-floor", &[npo]),
        Cell::new(group, "npo-floor", &[npo, WHOLE]),
        pair(group, "dpo-opening", "dpo", "00", &[NO_FLOOR]),
        pair(group, "dpo-34-opening", "dpo", "34", &[NO_FLOOR]),
        pair(group, "dpo-floor", "dpo", "00", &[WHOLE]),
        pair(group, "dpo-34-floor", "dpo", "34", &[WHOLE]),
        pair(group, "dpo-half-rate", "dpo", "00", &[NO_FLOOR, WHOLE, "train.learning_rate=2.5e-4"]),
    ]
}

fn long() -> Vec<Cell> {
    let group = "twice as long";
    let long = |name: &str, set: &[&str]| Cell::new(group, format!("{name}-long"), &[set, &[TWICE]].concat());
    vec![
        long(MAIN, &[]),
        long("d2o-pure", &PURE),
        long("npo", &["objective.kind=npo", NO_FLOOR, WHOLE]),
        long("sft", &["objective.kind=sft", NO_FLOOR, WHOLE]),
        pair(group, "dpo-long", "dpo", "00", &[TWICE, NO_FLOOR, WHOLE]),
    ]
}

/// Every other slot draws from the bare prompt, so that about a third of the anchors hurt, as of the positives of
/// `dpo-34`.
fn contaminated() -> String {
    let wordings = d2o_datasets::hearth::Grammar::embedded().instructions();
    let entry = |text: &str| format!("{{ user = \"{text}\" }}");
    let slots = wordings.iter().take(4).flat_map(|wording| [wording.replace("{request}", BARE), BARE.to_owned()]);
    let entries: Vec<String> = slots.map(|text| entry(&text)).collect();
    format!("anchors.instructions=[{}]", entries.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use d2o::config::RunConfig;
    use d2o_generate::anchors::Instruction;

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
        let few =
            |cell: &Cell| cell.drawn_by().iter().filter(|key| key.starts_with("data.max_groups")).cloned().collect();
        assert!(reduced().iter().map(few).all(|keys: Vec<String>| keys == ["data.max_groups=32"]));
        assert_eq!(
            all()[0].command(3),
            "d2o train --config hearth --set seed=3 --set 'data.max_groups=816' --set 'train.learning_rate=5e-4'"
        );
        let named = |name: &String| names.contains(name);
        assert!(ANCHORS.into_iter().map(with_anchors).all(|name| named(&name)));
        assert!(RATIOS.into_iter().all(|(name, _)| named(&name.to_owned())));
    }

    #[test]
    fn cells_share_a_store_where_nothing_that_is_drawn_differs() {
        let store = |name: &str| all().into_iter().find(|cell| cell.name == name).unwrap().store();
        assert_eq!(store("d2o-no-floor"), store(MAIN));
        assert_eq!(store("sft"), store("npo-long"));
        assert_eq!(store("dpo"), store("ipo"));
        // A store holds what the reference makes of the negatives, so beginnings have one of their own.
        assert_ne!(store("sft"), store(MAIN));
        assert_ne!(store("dpo"), store("dpo-10"));
        assert_ne!(store("d2o-bare"), store(MAIN));
    }

    #[test]
    fn every_other_anchor_is_contaminated() {
        let config = RunConfig::read("hearth", &[contaminated()]).unwrap();
        let bare = Instruction::User { user: BARE.to_owned() };
        let slots: Vec<bool> = config.anchors.instructions.iter().map(|slot| *slot == bare).collect();
        assert_eq!(slots, [false, true, false, true, false, true, false, true]);
    }
}
