//! What `build` refuses.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use d2o_model::CausalLm;
use d2o_model::responses::Chunking;
use d2o_objective::{Guards, ObjectiveConfig};
use d2o_record::Metric;
use d2o_train::monitor::{EvaluationResult, PeriodicEvaluation};
use d2o_train::optim::adamw::AdamW;
use d2o_train::optim::schedule::Schedule;
use d2o_train::redraw::{DrawAnchors, DrawnAnchors, Redraw};
use d2o_train::{Checkpoints, TrainError, Trainer, TrainerBuilder, TrainingGroup};

use crate::tiny;

struct Nobody;

impl DrawAnchors for Nobody {
    fn draw(&self, _: &CausalLm, _: &BTreeSet<usize>, _: usize, _: &AtomicBool) -> Result<DrawnAnchors, TrainError> {
        Ok(DrawnAnchors::default())
    }
}

/// The knob that `build` names in its refusal.
fn refused(builder: TrainerBuilder<'_>) -> &'static str {
    match builder.build() {
        Err(TrainError::Setting { name, expected }) => {
            assert!(!expected.is_empty(), "{name}");
            name
        }
        Err(error) => panic!("{error}"),
        Ok(_) => "nothing",
    }
}

type Change<'a> = Box<dyn Fn(TrainerBuilder<'a>) -> TrainerBuilder<'a>>;

fn change<'a>(change: impl Fn(TrainerBuilder<'a>) -> TrainerBuilder<'a> + 'static) -> Change<'a> {
    Box::new(change)
}

#[test]
fn every_knob_out_of_its_range_is_refused_by_name() {
    let groups = tiny::unscored();
    let adamw = |change: fn(&mut AdamW)| {
        let mut optimizer = AdamW::default();
        change(&mut optimizer);
        change_to(optimizer)
    };
    let redraw = || Redraw { every: 0, after: 0, source: Box::new(Nobody) };
    let evaluation = || PeriodicEvaluation {
        every: 0,
        harm: Metric::from("harm".to_owned()),
        evaluate: Box::new(|_| Ok(EvaluationResult::default())),
    };
    let anchor_nll = Guards { anchor_nll: 1.0, ..Guards::default() };
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("groups_per_step", change(|builder| builder.groups_per_step(0))),
        ("epochs", change(|builder| builder.steps(0).epochs(0))),
        ("learning_rate", change(|builder| builder.learning_rate(0.0))),
        ("learning_rate", change(|builder| builder.learning_rate(-1.0))),
        ("learning_rate", change(|builder| builder.learning_rate(f64::NAN))),
        ("learning_rate", change(|builder| builder.schedule(Schedule { peak: f64::INFINITY, ..Schedule::default() }))),
        (
            "schedule.final_fraction",
            change(|builder| builder.schedule(Schedule { final_fraction: 1.5, ..Schedule::default() })),
        ),
        ("optimizer.beta1", adamw(|adamw| adamw.beta1 = 1.0)),
        ("optimizer.beta2", adamw(|adamw| adamw.beta2 = -0.1)),
        ("optimizer.epsilon", adamw(|adamw| adamw.epsilon = 0.0)),
        ("optimizer.weight_decay", adamw(|adamw| adamw.weight_decay = f64::NAN)),
        ("max_grad_norm", change(|builder| builder.max_grad_norm(-1.0))),
        ("max_grad_norm", change(|builder| builder.max_grad_norm(f64::NAN))),
        ("chunking.head_rows", change(|builder| builder.chunking(Chunking { tokens: 8, head_rows: 0 }))),
        ("log_every", change(|builder| builder.log_every(0))),
        ("objective", change(|builder| builder.objective(ObjectiveConfig::D2o { beta: -0.1, alpha: 0.1 }))),
        ("objective", change(|builder| builder.objective(ObjectiveConfig::Npo { beta: f64::NAN }))),
        ("guards", change(|builder| builder.guards(Guards { rejected_floor: -1.0, ..Guards::default() }))),
        ("guards", change(move |builder| builder.objective(ObjectiveConfig::Unlikelihood {}).guards(anchor_nll))),
        (
            "guards",
            change(move |builder| {
                builder.objective(ObjectiveConfig::Aot { beta: 0.1, label_smoothing: 0.0 }).guards(anchor_nll)
            }),
        ),
        ("redraw.every", change(move |builder| builder.redraw(redraw()))),
        ("evaluation.every", change(move |builder| builder.evaluation(evaluation()))),
        (
            "checkpoints.keep",
            change(|builder| builder.checkpoints(Checkpoints { keep: 0, ..Checkpoints::new("c".as_ref(), "a") })),
        ),
    ];
    for (knob, spoil) in cases {
        assert_eq!(refused(spoil(Trainer::builder(&groups))), knob);
    }
}

fn change_to<'a>(optimizer: AdamW) -> Change<'a> {
    change(move |builder| builder.optimizer(optimizer))
}

#[test]
fn groups_that_are_not_whole_are_refused() {
    assert_eq!(refused(Trainer::builder(&[])), "groups");
    let spoils: [fn(&mut TrainingGroup); 4] = [
        |group| group.prompt.clear(),
        |group| group.anchors.clear(),
        |group| group.anchors[1].ids.clear(),
        |group| group.rejected.ids.clear(),
    ];
    for spoil in spoils {
        let mut groups = tiny::unscored();
        spoil(&mut groups[3]);
        let error = Trainer::builder(&groups).build().err().unwrap();
        assert!(error.to_string().starts_with("`groups`: expected a prompt"), "{error}");
        assert!(error.to_string().ends_with("in group `g3`"), "{error}");
    }
}

#[test]
fn the_defaults_and_the_edges_of_each_range_are_taken() {
    let groups = tiny::unscored();
    // Five groups, four a step: an epoch of two steps.
    assert_eq!(Trainer::builder(&groups).build().unwrap().steps(), 2);
    assert_eq!(Trainer::builder(&groups).epochs(3).groups_per_step(5).build().unwrap().steps(), 3);
    let edges = Trainer::builder(&groups)
        .epochs(0)
        .steps(1)
        .max_grad_norm(0.0)
        .optimizer(AdamW { beta1: 0.0, beta2: 0.0, ..AdamW::default() })
        .objective(ObjectiveConfig::Unlikelihood {})
        .guards(Guards { anchor_kl: 1.0, ..Guards::default() });
    assert_eq!(refused(edges), "nothing");
}
