//! Learning rates of transformers' `get_scheduler`.

use d2o_train::optim::schedule::{Decay, Schedule, WarmUp};

use crate::file::{json, number};
use d2o_testing::parity::{Parity, worst_absolute};

#[test]
fn schedules_are_those_of_transformers() {
    let file = json("schedules.json");
    let steps = file["steps"].as_u64().unwrap() as usize;
    let warmed = Schedule {
        peak: 1.0,
        warmup_steps: file["warmup_steps"].as_u64().unwrap() as usize,
        warmup: WarmUp::Zero,
        steps,
        decay: Decay::Constant,
        final_fraction: 0.0,
    };
    let cosine = Schedule { decay: Decay::Cosine, ..warmed };
    let schedules = [
        ("constant", Schedule { warmup_steps: 0, ..warmed }),
        ("constant_with_warmup", warmed),
        ("linear", Schedule { decay: Decay::Linear, ..warmed }),
        ("cosine", cosine),
        ("cosine_with_min_lr", Schedule { final_fraction: number(&file["min_lr_rate"]), ..cosine }),
    ];
    for (name, schedule) in schedules {
        let found: Vec<f64> = (0..steps).map(|step| schedule.at(step)).collect();
        let expected: Vec<f64> = file[name].as_array().unwrap().iter().map(number).collect();
        let parity = Parity::new("schedules", "processor");
        parity.check(&format!("learning rate, {name}"), 1e-12, worst_absolute(&found, &expected));
    }
}
