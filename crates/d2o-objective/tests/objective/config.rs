//! Run files: defaults, refusals, messages.

use d2o_objective::{Divergence, ObjectiveConfig, ObjectiveError};

use crate::sample::all_objectives;

fn parse(text: &str) -> Result<ObjectiveConfig, toml::de::Error> {
    toml::from_str(text)
}

#[test]
fn every_kind_round_trips_and_is_valid() {
    for config in all_objectives() {
        let text = toml::to_string(&config).unwrap();
        assert!(text.contains(&format!("kind = \"{}\"", config.name())), "{text}");
        assert_eq!(parse(&text).unwrap(), config);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ObjectiveConfig>(&json).unwrap(), config);
        config.validate().unwrap();
    }
}

#[test]
fn every_kind_alone_takes_its_defaults() {
    for config in all_objectives() {
        let defaults = parse(&format!("kind = \"{}\"", config.name())).unwrap();
        assert_eq!(defaults.name(), config.name());
        defaults.validate().unwrap();
    }
    assert_eq!(parse("kind = \"d2o\"").unwrap(), ObjectiveConfig::default());
}

#[test]
fn the_list_of_kinds_is_complete() {
    for kind in ObjectiveConfig::KINDS {
        assert_eq!(parse(&format!("kind = \"{kind}\"")).unwrap().name(), *kind);
    }
    assert!(all_objectives().iter().all(|config| ObjectiveConfig::KINDS.contains(&config.name())));
    // What serde lists where it refuses an unknown kind is every arm.
    let message = parse("kind = \"d3o\"").unwrap_err().to_string();
    assert_eq!(message.matches('`').count() / 2 - 1, ObjectiveConfig::KINDS.len(), "{message}");
}

#[test]
fn a_divergence_is_a_name_or_an_alpha() {
    let parsed = |text: &str| parse(&format!("kind = \"f_dpo\"\ndivergence = {text}"));
    let alpha = ObjectiveConfig::FDpo { beta: 0.1, divergence: Divergence::Alpha(0.5) };
    assert_eq!(parsed("{ alpha = 0.5 }").unwrap(), alpha);
    assert!(parsed("\"jensen_shannon\"").is_ok() && parsed("\"hellinger\"").is_err());
    let one = ObjectiveConfig::FDpo { beta: 0.1, divergence: Divergence::Alpha(1.0) }.validate().unwrap_err();
    assert!(matches!(one, ObjectiveError::OutOfRange { field: "divergence.alpha", .. }));
}

#[test]
fn a_knob_that_does_not_apply_is_refused() {
    for text in [
        "kind = \"sft\"\nbeta = 0.1",
        "kind = \"gradient_ascent\"\ntau = 0.1",
        "kind = \"dpo\"\nalpha = 0.1",
        "kind = \"d2o\"\nbeta = 0.1\nlabel_smoothing = 0.1",
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains("unknown field"), "{message}");
    }
    assert!(parse("kind = \"d3o\"").is_err());
    assert!(parse("beta = 0.1").is_err());
}

#[test]
fn impossible_values_name_the_field() {
    let negative = ObjectiveConfig::D2o { beta: -1.0, alpha: 0.1 }.validate().unwrap_err();
    assert_eq!(negative.to_string(), "field `beta` of objective `d2o` is -1, expected a number of at least 0");
    let infinite = ObjectiveConfig::Npo { beta: f64::INFINITY }.validate().unwrap_err();
    assert!(matches!(infinite, ObjectiveError::NotFinite { field: "beta", .. }));
    let nan = ObjectiveConfig::Slic { delta: 1.0, lambda: f64::NAN }.validate().unwrap_err();
    assert!(matches!(nan, ObjectiveError::NotFinite { field: "lambda", .. }));
    let smoothing = ObjectiveConfig::Dpo { beta: 0.1, label_smoothing: 0.5 };
    let smoothing = smoothing.validate().unwrap_err();
    assert!(matches!(smoothing, ObjectiveError::OutOfRange { field: "label_smoothing", .. }));
    let tau = ObjectiveConfig::Ipo { tau: 0.0 }.validate().unwrap_err();
    assert!(matches!(tau, ObjectiveError::OutOfRange { field: "tau", .. }));
    for error in [negative, infinite, nan, smoothing, tau] {
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_constant_loss_is_refused() {
    let idle = ObjectiveConfig::D2o { beta: 0.0, alpha: 0.0 }.validate().unwrap_err();
    assert!(matches!(idle, ObjectiveError::NoEffect { objective: "d2o", .. }));
    // Anchors alone, or the rejected answer alone, are legitimate.
    ObjectiveConfig::D2o { beta: 0.3, alpha: 0.0 }.validate().unwrap();
    ObjectiveConfig::D2o { beta: 0.0, alpha: 0.1 }.validate().unwrap();
}

/// What the documentation of every knob gives as its default.
#[test]
fn every_knob_has_the_default_that_its_documentation_names() {
    use ObjectiveConfig::*;
    let beta = 0.1;
    let expected = [
        D2o { beta, alpha: 0.1 },
        Dpo { beta, label_smoothing: 0.0 },
        Sft {},
        Npo { beta },
        GradientAscent {},
        Ipo { tau: 0.1 },
        Slic { delta: 1.0, lambda: 0.1 },
        SimPo { beta: 2.0, gamma: 0.5 },
        Kto { beta, desirable: 1.0, undesirable: 1.0, reference_point: 0.0 },
        SimNpo { beta: 2.5, gamma: 0.0 },
        Rpo { beta, nll_weight: 1.0 },
        Dpop { beta: 0.3, lambda: 50.0 },
        CalDpo { beta },
        Unlikelihood {},
        Hinge { beta },
        Robust { beta, label_smoothing: 0.1 },
        ExoPair { beta, label_smoothing: 0.001 },
        NcaPair { beta },
        BcoPair { beta },
        SppoHard { beta },
        ApoZero { beta },
        ApoDown { beta },
        Discopop { beta, tau: 0.05 },
        SigmoidNorm { beta },
        Aot { beta, label_smoothing: 0.0 },
        AotUnpaired { beta, label_smoothing: 0.0 },
        FDpo { beta, divergence: Divergence::ForwardKl },
        Cpo { beta, nll_weight: 1.0 },
        Orpo { beta },
    ];
    assert_eq!(expected.len(), ObjectiveConfig::KINDS.len());
    for config in expected {
        assert_eq!(parse(&format!("kind = \"{}\"", config.name())).unwrap(), config);
    }
    // The paper's α = β, also where no objective is named at all, or only one of the two.
    assert_eq!(ObjectiveConfig::default(), expected[0]);
    assert_eq!(parse("kind = \"d2o\"\nbeta = 0.3").unwrap(), D2o { beta: 0.3, alpha: 0.1 });
}

#[test]
fn the_ends_of_a_range_are_inside_or_outside_as_documented() {
    let discopop = |tau| ObjectiveConfig::Discopop { beta: 0.1, tau }.validate();
    assert!(discopop(0.5).is_ok());
    for tau in [-0.5, 0.0, 1.0, 1.5] {
        assert!(matches!(discopop(tau).unwrap_err(), ObjectiveError::OutOfRange { field: "tau", .. }), "{tau}");
    }
    // One side of KTO may be switched off, not both.
    let kto = |desirable, undesirable| {
        ObjectiveConfig::Kto { beta: 0.1, desirable, undesirable, reference_point: 0.0 }.validate()
    };
    assert!(kto(0.0, 1.0).is_ok() && kto(1.0, 0.0).is_ok());
    assert!(matches!(kto(0.0, 0.0).unwrap_err(), ObjectiveError::NoEffect { objective: "kto", .. }));
}

#[test]
fn hints_say_what_to_write() {
    let hint = |config: ObjectiveConfig| config.validate().unwrap_err().hint().unwrap();
    let nan = hint(ObjectiveConfig::Npo { beta: f64::NAN });
    assert_eq!(nan, "write `beta` as a plain decimal number, for example 0.1");
    let range = hint(ObjectiveConfig::Ipo { tau: -1.0 });
    assert_eq!(range, "set `tau` to a number above 0, or leave it out to take the default");
    let idle = hint(ObjectiveConfig::D2o { beta: 0.0, alpha: 0.0 });
    assert_eq!(idle, "give at least one of the coefficients a value above zero");
}

#[test]
fn only_optimal_transport_couples_the_groups_of_a_batch() {
    for config in all_objectives() {
        let transport = matches!(config.name(), "aot" | "aot_unpaired");
        assert_eq!(config.couples_groups(), transport, "{}", config.name());
    }
}
