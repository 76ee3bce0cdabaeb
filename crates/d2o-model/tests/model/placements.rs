//! The packed layout against separate rows.

use burn::tensor::{Int, Tensor};
use d2o_model::{CausalLm, Placement, Trainable};

use crate::tiny::{batch, device, floats, ids, model, row, slopes, targets, worst};

const PROMPT: usize = 5;
const RESPONSES: [usize; 3] = [3, 1, 4];

/// A prompt and answers to it.
pub(crate) struct Case {
    pub(crate) prompt: Vec<u32>,
    pub(crate) responses: Vec<Vec<u32>>,
}

fn case() -> Case {
    let responses = RESPONSES.iter().enumerate().map(|(i, &len)| ids(20 + i as u64, len)).collect();
    Case { prompt: ids(10, PROMPT), responses }
}

/// Log-probabilities of all response tokens, each response in a row of its own.
pub(crate) fn separately(model: &CausalLm, case: &Case) -> Tensor<1> {
    let parts = case.responses.iter().map(|response| {
        let whole = [case.prompt.clone(), response.clone()].concat();
        let at = Placement::causal(1, whole.len(), &device());
        let hidden = row(&model.hidden(batch(&[whole]), &at), 0);
        let predicting = hidden.narrow(0, case.prompt.len() - 1, response.len());
        model.log_probs(predicting, targets(response), 2)
    });
    Tensor::cat(parts.collect(), 0)
}

/// The same from one packed row.
pub(crate) fn packed(model: &CausalLm, case: &Case) -> Tensor<1> {
    let whole = [case.prompt.clone(), case.responses.concat()].concat();
    let prompt = case.prompt.len();
    let lens: Vec<usize> = case.responses.iter().map(Vec::len).collect();
    let at = Placement::packed(prompt, &lens, &device());
    let hidden = row(&model.hidden(batch(&[whole]), &at), 0);
    let mut predictors = Vec::new();
    let mut start = prompt;
    for len in lens {
        predictors.push(prompt as i64 - 1);
        predictors.extend((start..start + len - 1).map(|place| place as i64));
        start += len;
    }
    let predictors = Tensor::<1, Int>::from_data(predictors.as_slice(), &device());
    model.log_probs(hidden.select(0, predictors), targets(&case.responses.concat()), 3)
}

/// The same with the prompt in a pass of its own.
pub(crate) fn continued(model: &CausalLm, case: &Case) -> Tensor<1> {
    let prompt = case.prompt.len();
    let lens: Vec<usize> = case.responses.iter().map(Vec::len).collect();
    let (before, at) = (Placement::causal(1, prompt, &device()), Placement::continued(prompt, &lens, &device()));
    let layers = 0..model.layers_len();
    let (hidden, left) =
        model.run_prompt(model.embed(batch(std::slice::from_ref(&case.prompt)), &before), layers.clone(), &before);
    let last = row(&model.final_norm(hidden), 0).narrow(0, prompt - 1, 1);
    let ids = batch(&[case.responses.concat()]);
    let hidden = row(&model.final_norm(model.run_continued(model.embed(ids, &at), layers, &at, &left)), 0);
    let mut start = 0;
    let mut parts = Vec::new();
    for len in lens {
        parts.push(last.clone());
        if len > 1 {
            parts.push(hidden.clone().narrow(0, start, len - 1));
        }
        start += len;
    }
    model.log_probs(Tensor::cat(parts, 0), targets(&case.responses.concat()), 3)
}

#[test]
fn responses_behind_a_prompt_of_another_pass_score_as_if_alone() {
    let (model, case) = (model(false), case());
    let (alone, behind) = (floats(separately(&model, &case)), floats(continued(&model, &case)));
    assert!(worst(&alone, &behind) < 1e-5, "{}", worst(&alone, &behind));
}

#[test]
fn packed_responses_score_as_if_alone() {
    let (model, case) = (model(false), case());
    let (alone, together) = (floats(separately(&model, &case)), floats(packed(&model, &case)));
    assert_eq!(alone.len(), RESPONSES.iter().sum::<usize>());
    assert!(worst(&alone, &together) < 1e-5, "{}", worst(&alone, &together));
}

#[test]
fn packed_gradients_are_those_of_separate_rows() {
    let case = case();
    for tied in [false, true] {
        let model = model(tied).train_on(&Trainable::All {}, 0, &device().autodiff()).unwrap();
        // Different weights, so that a mix-up of responses would show.
        let weigh = |scores: Tensor<1>| {
            let weights: Vec<f32> = (0..8).map(|i| 1.0 - 0.3 * i as f32).collect();
            (scores * Tensor::<1>::from_data(weights.as_slice(), &device())).sum()
        };
        let alone = slopes(&model, weigh(separately(&model, &case)));
        let together = slopes(&model, weigh(packed(&model, &case)));
        for (alone, together) in alone.iter().zip(&together) {
            let size = alone.iter().fold(0f32, |size, value| size.max(value.abs()));
            assert!(size > 0.0, "no gradient vanishes");
            assert!(worst(alone, together) < 1e-5 * size.max(1.0), "{}", worst(alone, together));
        }
    }
}

#[test]
fn a_placement_of_ones_own_equals_the_causal_one() {
    let model = model(false);
    let positions = vec![(0..7).collect::<Vec<u32>>(); 2];
    let own = Placement::from_fn(&positions, &positions, |_, query, key| key <= query, &device());
    let rows = [ids(1, 7), ids(2, 7)];
    let left = floats(model.hidden(batch(&rows), &own));
    // A mask on one side, spans of tokens on the other: the same sums in another order.
    let right = floats(model.hidden(batch(&rows), &Placement::causal(2, 7, &device())));
    let difference = worst(&left, &right);
    assert!(difference < 1e-5, "{difference}");
}

#[test]
#[should_panic(expected = "rows of one length")]
fn rows_must_be_of_one_length() {
    let rows = [vec![0, 1], vec![0]];
    Placement::from_fn(&rows, &rows, |_, _, _| true, &device());
}
