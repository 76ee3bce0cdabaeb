//! Sampling from a closure that gives next-token logits: no model, no tokenizer, a table of which word follows which.
#![allow(clippy::print_stdout, reason = "an example shows its output")]

use std::convert::Infallible;

use burn::tensor::{Device, Tensor, TensorData};
use d2o_sampler::{
    AnchorConfig, AnchorSlot, Draft, Finish, Request, Row, SamplerConfig, SamplerError, draw_anchors, generate,
};

const WORDS: [&str; 7] = ["<s>", "the", "cat", "dog", "sleeps", "barks", "."];
const STOP: u32 = 6;
/// `FOLLOWS[last][next]`: how often one word follows the other. Probabilities are these shares.
const FOLLOWS: [[f32; 7]; 7] = [
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 3.0, 1.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 3.0],
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
];

/// The model: for each row the logits of the word after its last one.
fn next_word(device: &Device) -> impl FnMut(&[Row<'_>]) -> Result<Tensor<2>, Infallible> + '_ {
    move |rows| {
        let last = |row: &Row<'_>| row.ids.last().map_or(0, |&id| id as usize);
        // A logit must be finite: what never follows is as good as impossible, e⁻⁶⁰.
        let logits = |row: &Row<'_>| FOLLOWS[last(row)].map(|count: f32| count.ln().max(-60.0));
        let values: Vec<f32> = rows.iter().flat_map(logits).collect();
        Ok(Tensor::from_data(TensorData::new(values, [rows.len(), WORDS.len()]), device))
    }
}

fn text(ids: &[u32]) -> String {
    ids.iter().map(|&id| WORDS[id as usize]).collect::<Vec<_>>().join(" ")
}

/// Five sentences, and the likeliest one.
fn sentences(device: &Device) -> Result<(Vec<Draft>, Draft), SamplerError> {
    let config = SamplerConfig { max_new_tokens: 8, stop_tokens: vec![STOP], ..SamplerConfig::default() };
    let requests: Vec<Request> = (0..5).map(|seed| Request { prompt: vec![0], seed }).collect();
    let drafts = generate(&mut next_word(device), &requests, &config, 3, |_, _| {})?;
    let greedy = SamplerConfig { temperature: 0.0, ..config };
    let likeliest = generate(&mut next_word(device), &requests[..1], &greedy, 1, |_, _| {})?.remove(0);
    Ok((drafts, likeliest))
}

/// Two different endings for each of two beginnings.
fn anchors(device: &Device) -> Result<Vec<String>, SamplerError> {
    let sampler = SamplerConfig { max_new_tokens: 8, stop_tokens: vec![STOP], ..SamplerConfig::default() };
    let config = AnchorConfig { sampler, redraws: 30, ..AnchorConfig::default() };
    let slot = |group: usize, slot: usize| AnchorSlot { prompt_ids: vec![0, 1], group, slot };
    let slots = [slot(0, 0), slot(0, 1), slot(1, 0), slot(1, 1)];
    let suits = |drafts: &[(&AnchorSlot, &Draft)]| vec![true; drafts.len()];
    let draws = draw_anchors(&mut next_word(device), &slots, &config, 17, 4, suits, |_, _| {})?;
    assert!(draws.unfilled.is_empty());
    Ok(draws.drafts.iter().map(|draft| format!("{}.{} the {}", draft.group, draft.slot, text(&draft.ids))).collect())
}

/// Draws, prints, and checks what is known of the table. In its place a test of the crate calls this function.
pub(crate) fn main() {
    let device = Device::flex();
    let (drafts, likeliest) = sentences(&device).expect("the closure gives finite logits");
    for draft in &drafts {
        println!("{:.3} {}", draft.log_prob.exp(), text(&draft.ids));
        assert!(draft.ids[0] == 1 && draft.finished == Finish::Stop(STOP));
    }
    // 3 of 4 times a cat comes after "the", and a cat does nothing but sleep.
    assert_eq!(text(&likeliest.ids), "the cat sleeps");
    let anchors = anchors(&device).expect("the closure gives finite logits");
    anchors.iter().for_each(|anchor| println!("{anchor}"));
    assert!(anchors[0][4..] != anchors[1][4..] && anchors[2][4..] != anchors[3][4..]);
}
