//! The architecture that `cargo metadata` can see: who may stand on whom.

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::cargo::root;

/// Every crate with those that it may use, from the ground floor up: all of them stand above it in this list.
const FLOORS: [(&str, &[&str]); 20] = [
    ("d2o-kernels", &[]),
    ("d2o-gguf", &[]),
    ("d2o-objective", &[]),
    ("d2o-sampler", &[]),
    ("d2o-record", &[]),
    ("d2o-datasets", &[]),
    (TESTING, &["d2o-record"]),
    ("d2o-text", &["d2o-gguf", "d2o-record"]),
    ("d2o-data", &["d2o-record", "d2o-text"]),
    ("d2o-fetch", &["d2o-data", "d2o-datasets", "d2o-gguf", "d2o-record"]),
    ("d2o-model", &["d2o-gguf", "d2o-kernels", "d2o-record"]),
    ("d2o-eval", &["d2o-record"]),
    ("d2o-train", &["d2o-kernels", "d2o-model", "d2o-objective", "d2o-record"]),
    ("d2o-report", &["d2o-eval", "d2o-record"]),
    ("d2o-generate", &["d2o-data", "d2o-eval", "d2o-model", "d2o-record", "d2o-sampler", "d2o-text", "d2o-train"]),
    (
        TOP,
        &[
            "d2o-data",
            "d2o-datasets",
            "d2o-eval",
            "d2o-fetch",
            "d2o-generate",
            "d2o-gguf",
            "d2o-kernels",
            "d2o-model",
            "d2o-objective",
            "d2o-record",
            "d2o-report",
            "d2o-sampler",
            "d2o-text",
            "d2o-train",
        ],
    ),
    (
        "d2o-lab",
        &[
            TOP,
            "d2o-datasets",
            "d2o-eval",
            "d2o-fetch",
            "d2o-generate",
            "d2o-model",
            "d2o-objective",
            "d2o-record",
            "d2o-report",
            "d2o-text",
            "d2o-train",
        ],
    ),
    (
        "d2o-benches",
        &[
            TOP,
            "d2o-data",
            "d2o-generate",
            "d2o-kernels",
            "d2o-model",
            "d2o-objective",
            "d2o-record",
            "d2o-sampler",
            "d2o-text",
            "d2o-train",
        ],
    ),
    (
        "d2o-fuzz",
        &[
            TOP,
            "d2o-data",
            "d2o-generate",
            "d2o-gguf",
            "d2o-model",
            "d2o-record",
            "d2o-report",
            "d2o-text",
            "d2o-train",
        ],
    ),
    ("xtask", &[]),
];

/// The only crate that names a backend.
const TOP: &str = "d2o";

/// What tests share; every crate's tests may use it.
const TESTING: &str = "d2o-testing";

/// What a crate that trains may turn on beside: Burn's derivatives and optimizers.
const TRAINING: (&str, &[&str]) = ("d2o-train", &["autodiff", "optim"]);

/// Crates that need no tensors and compile without Burn.
const WITHOUT_BURN: [&str; 8] =
    ["d2o-gguf", "d2o-record", "d2o-datasets", "d2o-text", "d2o-data", "d2o-fetch", "d2o-eval", "d2o-report"];

/// Crates that are no library of ours: they may choose backends.
const CHOOSERS: [&str; 5] = [TOP, TESTING, "d2o-lab", "d2o-benches", "d2o-fuzz"];

/// Features of Burn that choose where tensors live or how they are trained; no library's business.
const CHOICES: [&str; 14] = [
    "autodiff", "candle", "cpu", "cuda", "flex", "metal", "ndarray", "optim", "rocm", "tch", "train", "vulkan",
    "webgpu", "wgpu",
];

/// A crate of the workspace, as far as the rules look at it.
struct Crate {
    name: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    normal: bool,
    optional: bool,
    default_features: bool,
    features: Vec<String>,
}

/// Fails with a list of all violations, if there are any.
pub(crate) fn check() -> Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let crates: Vec<Crate> = metadata.packages.iter().map(Crate::from).collect();
    let violations = violations(&crates);
    if !violations.is_empty() {
        bail!("the architecture is violated:\n  {}", violations.join("\n  "));
    }
    eprintln!("architecture: {} crates, no violation", crates.len());
    Ok(())
}

impl From<&Package> for Crate {
    fn from(package: &Package) -> Self {
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            normal: dependency.kind == DependencyKind::Normal,
            optional: dependency.optional,
            default_features: dependency.uses_default_features,
            features: dependency.features.clone(),
        });
        Self { name: package.name.to_string(), dependencies: dependencies.collect() }
    }
}

fn violations(crates: &[Crate]) -> Vec<String> {
    let members: Vec<&str> = crates.iter().map(|krate| krate.name.as_str()).collect();
    let mut found = Vec::new();
    for krate in crates {
        let name = krate.name.as_str();
        if allowed(name).is_none() {
            found.push(format!("{name} has no room yet: say in xtask/src/arch.rs what it may use"));
        }
        for dependency in &krate.dependencies {
            let on = dependency.name.as_str();
            if members.contains(&on) && !may_use(name, on, dependency.normal) {
                found.push(format!("{name} must not depend on {on}"));
            }
            if dependency.normal && !CHOOSERS.contains(&name) {
                found.extend(burn_violation(name, dependency));
            }
        }
    }
    found
}

/// What a crate may use; none for a crate without a room.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, may)| *may)
}

/// Whether one member of the workspace may depend on another. Tests may use what tests share, the crate itself, and
/// what stands below it by way of others: they turn on features there.
fn may_use(name: &str, on: &str, normal: bool) -> bool {
    let direct = |name: &str| allowed(name).unwrap_or_default();
    let below = |name: &str| direct(name).iter().any(|between| direct(between).contains(&on));
    let in_tests = !normal && name != "xtask" && (on == TESTING || on == name || below(name));
    in_tests || direct(name).contains(&on)
}

/// What is wrong with how a library uses Burn outside its tests.
fn burn_violation(name: &str, dependency: &Dependency) -> Option<String> {
    let burn = dependency.name.as_str();
    if burn != "burn" && !burn.starts_with("burn-") {
        return None;
    }
    if WITHOUT_BURN.contains(&name) && !dependency.optional {
        return Some(format!("{name} must compile without {burn}"));
    }
    if burn.strip_prefix("burn-").is_some_and(|part| CHOICES.contains(&part)) {
        return Some(format!("{name} must not use the backend crate {burn}"));
    }
    if dependency.default_features {
        return Some(format!("{name} must use {burn} without its default features"));
    }
    let trains = |feature: &str| name == TRAINING.0 && TRAINING.1.contains(&feature);
    let chosen = dependency.features.iter().find(|feature| CHOICES.contains(&feature.as_str()) && !trains(feature))?;
    Some(format!("{name} must not enable {burn}'s feature `{chosen}`: only {TOP} and tests do"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(name: &str) -> Dependency {
        Dependency { name: name.to_owned(), normal: true, optional: false, default_features: false, features: vec![] }
    }

    fn krate(name: &str, dependencies: Vec<Dependency>) -> Crate {
        Crate { name: name.to_owned(), dependencies }
    }

    /// The workspace as it should be, with `name` given one more dependency.
    fn with(name: &str, dependency: Dependency) -> Vec<String> {
        let uses = |may: &[&str]| may.iter().map(|name| on(name)).collect::<Vec<_>>();
        let mut crates: Vec<Crate> = FLOORS.iter().map(|(name, may)| krate(name, uses(may))).collect();
        assert!(violations(&crates).is_empty());
        crates.iter_mut().find(|krate| krate.name == name).unwrap().dependencies.push(dependency);
        violations(&crates)
    }

    #[test]
    fn no_arrow_runs_up() {
        let names: Vec<&str> = FLOORS.iter().map(|(name, _)| *name).collect();
        for (at, (name, may)) in FLOORS.iter().enumerate() {
            let below = |on: &&str| names[..at].contains(on);
            assert!(may.iter().all(below), "{name} uses what stands above it");
        }
    }

    #[test]
    fn crates_use_only_what_stands_below() {
        assert_eq!(with("d2o-sampler", on("d2o-model")), ["d2o-sampler must not depend on d2o-model"]);
        // Not even in tests.
        let test = Dependency { normal: false, ..on("d2o-data") };
        assert_eq!(with("d2o-model", test), ["d2o-model must not depend on d2o-data"]);
        assert_eq!(with("d2o-train", on("d2o-data")), ["d2o-train must not depend on d2o-data"]);
        assert_eq!(with("d2o-eval", on("d2o-report")), ["d2o-eval must not depend on d2o-report"]);
        assert_eq!(with("d2o-data", on("d2o")), ["d2o-data must not depend on d2o"]);
        let shared = Dependency { normal: false, ..on(TESTING) };
        assert!(with("d2o-sampler", shared).is_empty(), "tests share a crate");
        let kernels = |normal| Dependency { normal, ..on("d2o-kernels") };
        assert!(with("d2o-generate", kernels(false)).is_empty(), "tests turn on features below");
        assert_eq!(with("d2o-generate", kernels(true)), ["d2o-generate must not depend on d2o-kernels"]);
        assert_eq!(with("d2o-sampler", on(TESTING)), ["d2o-sampler must not depend on d2o-testing"]);
    }

    #[test]
    fn xtask_stands_alone() {
        assert_eq!(with("xtask", on("d2o-objective")), ["xtask must not depend on d2o-objective"]);
        assert_eq!(with("d2o", on("xtask")), ["d2o must not depend on xtask"]);
        assert_eq!(with("d2o", on("d2o-lab")), ["d2o must not depend on d2o-lab"]);
        assert_eq!(with("d2o-benches", on("xtask")), ["d2o-benches must not depend on xtask"]);
    }

    #[test]
    fn libraries_choose_no_backend() {
        let flex = |normal| Dependency { normal, features: vec!["std".to_owned(), "flex".to_owned()], ..on("burn") };
        assert_eq!(with("d2o-model", flex(true)).len(), 1);
        assert_eq!(with("d2o-train", flex(true)).len(), 1);
        assert!(with("d2o-model", flex(false)).is_empty(), "tests may");
        assert!(with("d2o", flex(true)).is_empty(), "the top may");
        let derivatives = Dependency { features: vec!["autodiff".to_owned(), "optim".to_owned()], ..on("burn") };
        assert!(with("d2o-train", derivatives).is_empty(), "what trains needs derivatives");
        let defaults = Dependency { default_features: true, ..on("burn") };
        assert_eq!(with("d2o-sampler", defaults), ["d2o-sampler must use burn without its default features"]);
        assert_eq!(
            with("d2o-objective", on("burn-ndarray")),
            ["d2o-objective must not use the backend crate burn-ndarray"]
        );
    }

    #[test]
    fn what_needs_no_tensors_compiles_without_burn() {
        for name in WITHOUT_BURN {
            assert_eq!(with(name, on("burn")), [format!("{name} must compile without burn")]);
        }
        let optional = Dependency { optional: true, ..on("burn-tensor") };
        assert!(with("d2o-data", optional).is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_room() {
        let found = violations(&[krate("d2o-novelty", vec![])]);
        assert!(found[0].starts_with("d2o-novelty has no room yet"), "{found:?}");
    }

    #[test]
    fn this_workspace_keeps_the_rules() {
        check().unwrap();
    }
}
