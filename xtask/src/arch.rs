//! The architecture that `cargo metadata` can see: who may stand on whom.

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::cargo::root;

/// Crates that answer one question each and do not know each other.
const LEAVES: [&str; 4] = ["d2o-data", "d2o-model", "d2o-objective", "d2o-sampler"];

/// What leaves may stand on, and which leaf does.
const FLOOR: [(&str, &str); 1] = [("d2o-kernels", "d2o-model")];

/// The crate that uses all of them, and names backends.
const TOP: &str = "d2o-train";

const XTASK: &str = "xtask";

/// Measures all of them, and nobody stands on it.
const BENCHES: &str = "d2o-benches";

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
        if !is_known(name) {
            found.push(format!("{name} has no room yet: say in xtask/src/arch.rs what it may use"));
        }
        for dependency in &krate.dependencies {
            let on = dependency.name.as_str();
            if members.contains(&on) && !may_stand_on(name, on) {
                found.push(format!("{name} must not depend on {on}"));
            }
            if is_library(name) && dependency.normal {
                found.extend(burn_violation(name, dependency));
            }
        }
    }
    found
}

fn is_floor(name: &str) -> bool {
    FLOOR.iter().any(|(floor, _)| *floor == name)
}

fn is_library(name: &str) -> bool {
    LEAVES.contains(&name) || is_floor(name)
}

fn is_known(name: &str) -> bool {
    is_library(name) || name == TOP || name == XTASK || name == BENCHES
}

/// Whether one member of the workspace may depend on another, for building, testing or use.
fn may_stand_on(name: &str, on: &str) -> bool {
    let libraries = name == TOP && is_library(on);
    let measured = name == BENCHES && (on == TOP || is_library(on));
    libraries || measured || FLOOR.contains(&(on, name))
}

/// What is wrong with how a library uses Burn outside its tests.
fn burn_violation(name: &str, dependency: &Dependency) -> Option<String> {
    let burn = dependency.name.as_str();
    if burn != "burn" && !burn.starts_with("burn-") {
        return None;
    }
    if name == "d2o-data" && !dependency.optional {
        return Some(format!("{name} must compile without {burn}"));
    }
    if burn.strip_prefix("burn-").is_some_and(|part| CHOICES.contains(&part)) {
        return Some(format!("{name} must not use the backend crate {burn}"));
    }
    if dependency.default_features {
        return Some(format!("{name} must use {burn} without its default features"));
    }
    let chosen = dependency.features.iter().find(|feature| CHOICES.contains(&feature.as_str()))?;
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
        let mut crates = vec![
            krate("d2o-data", vec![on("serde"), Dependency { optional: true, ..on("burn") }]),
            krate("d2o-model", vec![on("burn"), on("d2o-kernels")]),
            krate("d2o-kernels", vec![on("burn")]),
            krate("d2o-objective", vec![on("burn")]),
            krate("d2o-sampler", vec![on("burn")]),
            krate(
                "d2o-train",
                vec![on("d2o-data"), on("d2o-model"), Dependency { default_features: true, ..on("burn") }],
            ),
            krate("d2o-benches", vec![on("d2o-train"), on("d2o-kernels")]),
            krate("xtask", vec![on("clap")]),
        ];
        assert!(violations(&crates).is_empty());
        crates.iter_mut().find(|krate| krate.name == name).unwrap().dependencies.push(dependency);
        violations(&crates)
    }

    #[test]
    fn leaves_do_not_know_each_other() {
        assert_eq!(with("d2o-sampler", on("d2o-model")), ["d2o-sampler must not depend on d2o-model"]);
        // Not even in tests.
        let test = Dependency { normal: false, ..on("d2o-data") };
        assert_eq!(with("d2o-model", test), ["d2o-model must not depend on d2o-data"]);
        assert_eq!(with("d2o-objective", on("d2o-kernels")), ["d2o-objective must not depend on d2o-kernels"]);
        assert_eq!(with("d2o-kernels", on("d2o-model")), ["d2o-kernels must not depend on d2o-model"]);
        assert_eq!(with("d2o-data", on("d2o-train")), ["d2o-data must not depend on d2o-train"]);
    }

    #[test]
    fn xtask_stands_alone() {
        assert_eq!(with("xtask", on("d2o-objective")), ["xtask must not depend on d2o-objective"]);
        assert_eq!(with("d2o-train", on("xtask")), ["d2o-train must not depend on xtask"]);
        assert_eq!(with("d2o-train", on("d2o-benches")), ["d2o-train must not depend on d2o-benches"]);
        assert_eq!(with("d2o-benches", on("xtask")), ["d2o-benches must not depend on xtask"]);
    }

    #[test]
    fn libraries_choose_no_backend() {
        let flex = |normal| Dependency { normal, features: vec!["std".to_owned(), "flex".to_owned()], ..on("burn") };
        assert_eq!(with("d2o-model", flex(true)).len(), 1);
        assert!(with("d2o-model", flex(false)).is_empty(), "tests may");
        assert!(with("d2o-train", flex(true)).is_empty(), "the top may");
        let defaults = Dependency { default_features: true, ..on("burn") };
        assert_eq!(with("d2o-sampler", defaults), ["d2o-sampler must use burn without its default features"]);
        assert_eq!(
            with("d2o-objective", on("burn-ndarray")),
            ["d2o-objective must not use the backend crate burn-ndarray"]
        );
    }

    #[test]
    fn data_compiles_without_burn() {
        assert_eq!(with("d2o-data", on("burn")), ["d2o-data must compile without burn"]);
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
