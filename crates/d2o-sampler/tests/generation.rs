//! Whole sequences from a chain with known transition probabilities.

mod markov;

use burn::tensor::{Tensor, TensorData};
use d2o_sampler::{Draft, Finish, Request, Row, SamplerConfig, generate};
use markov::Markov;
use std::collections::HashMap;

const STOP: u32 = 3;

/// Tokens 0 to 2 talk, token 3 stops. The rows sum to 10.
fn chain() -> Markov {
    Markov::new(&[&[1.0, 4.0, 3.0, 2.0], &[5.0, 1.0, 2.0, 2.0], &[2.0, 2.0, 1.0, 5.0], &[1.0, 1.0, 1.0, 7.0]])
}

fn config(max_new_tokens: usize) -> SamplerConfig {
    SamplerConfig { max_new_tokens, stop_tokens: vec![STOP], ..Default::default() }
}

/// Requests of many prompt lengths, all ending in a token that talks.
fn requests(n: usize) -> Vec<Request> {
    let prompt = |i: usize| (0..=i % 5).map(|j| ((i + j) % 3) as u32).collect();
    (0..n).map(|i| Request { prompt: prompt(i), seed: 1000 + i as u64 }).collect()
}

fn draw(requests: &[Request], config: &SamplerConfig, batch: usize) -> Vec<Draft> {
    generate(&mut chain(), requests, config, batch, |_, _| {}).unwrap()
}

#[test]
fn drafts_have_the_chain_probabilities() {
    // From token 0, at most two tokens. Stop at once: 0.2. Token a, then stop: p(a) p(stop | a).
    // Tokens a, b: p(a) p(b | a). Everything adds to 1; each frequency among 40,000 drafts has a
    // standard deviation of at most √(0.2 · 0.8 / 40,000) = 0.002.
    let requests: Vec<Request> = (0..40_000).map(|seed| Request { prompt: vec![0], seed }).collect();
    let mut counts: HashMap<(Vec<u32>, Finish), f64> = HashMap::new();
    for draft in draw(&requests, &config(2), 4096) {
        *counts.entry((draft.ids, draft.finished)).or_default() += 1.0 / 40_000.0;
    }
    let p = [[0.1, 0.4, 0.3, 0.2], [0.5, 0.1, 0.2, 0.2], [0.2, 0.2, 0.1, 0.5]];
    let mut expected = vec![(vec![], Finish::Stop(STOP), p[0][3])];
    for a in 0..3_u32 {
        let first = p[0][a as usize];
        expected.push((vec![a], Finish::Stop(STOP), first * p[a as usize][3]));
        for b in 0..3_u32 {
            expected.push((vec![a, b], Finish::Length, first * p[a as usize][b as usize]));
        }
    }
    assert_eq!(counts.len(), expected.len());
    for (ids, finished, probability) in expected {
        let frequency = counts[&(ids.clone(), finished)];
        assert!((frequency - probability).abs() < 0.01, "{ids:?}: {frequency}, not {probability}");
    }
}

#[test]
fn log_prob_is_that_of_the_path() {
    // A draft a_1 … a_n from token s has Σ ln p(a_t | a_{t−1}), the stop token included.
    let table = [[1.0, 4.0, 3.0, 2.0], [5.0, 1.0, 2.0, 2.0], [2.0, 2.0, 1.0, 5.0_f64]];
    let requests = requests(20);
    for (request, draft) in requests.iter().zip(draw(&requests, &config(6), 7)) {
        let mut path = vec![*request.prompt.last().unwrap()];
        path.extend(&draft.ids);
        if draft.finished != Finish::Length {
            path.push(STOP);
        }
        let step = |pair: &[u32]| (table[pair[0] as usize][pair[1] as usize] / 10.0).ln();
        let expected: f64 = path.windows(2).map(step).sum();
        assert!((draft.log_prob - expected).abs() < 1e-5);
    }
}

#[test]
fn greedy_follows_the_likeliest_transition() {
    // From 0 to 1 (0.4), from 1 to 0 (0.5); from 2 straight to the stop token (0.5).
    let config = SamplerConfig { temperature: 0.0, ..config(5) };
    let prompts = [vec![0], vec![2, 1], vec![0, 2]];
    let requests = prompts.map(|prompt| Request { prompt, seed: 9 });
    let drafts = draw(&requests, &config, 2);
    assert_eq!(drafts[0].ids, [1, 0, 1, 0, 1]);
    assert_eq!(drafts[1].ids, [0, 1, 0, 1, 0]);
    assert_eq!(drafts[2].ids, [0; 0]);
    assert_eq!(drafts[0].finished, Finish::Length);
    assert_eq!(drafts[2].finished, Finish::Stop(STOP));
    assert_eq!(drafts[0].log_prob, 0.0);
}

#[test]
fn any_stop_token_stops_and_none_stops_never() {
    let both = SamplerConfig { stop_tokens: vec![STOP, 1], ..config(30) };
    for draft in draw(&requests(50), &both, 8) {
        assert!(matches!(draft.finished, Finish::Stop(1 | STOP)), "{draft:?}");
        assert!(draft.ids.iter().all(|&id| id != 1 && id != STOP));
    }
    let none = SamplerConfig { stop_tokens: vec![], ..config(30) };
    for draft in draw(&requests(50), &none, 8) {
        assert_eq!((draft.ids.len(), draft.finished), (30, Finish::Length));
    }
}

#[test]
fn a_stop_token_at_the_last_place_is_a_stop() {
    let config = SamplerConfig { temperature: 0.0, ..config(1) };
    let drafts = draw(&[Request { prompt: vec![2], seed: 0 }], &config, 1);
    assert_eq!(drafts[0], Draft { ids: vec![], finished: Finish::Stop(STOP), log_prob: 0.0 });
}

#[test]
fn drafts_do_not_depend_on_their_company() {
    let requests = requests(40);
    let config = SamplerConfig { top_p: 0.95, repetition_penalty: 1.2, ..config(12) };
    let alone = draw(&requests, &config, 1);
    assert!(alone.iter().any(|draft| draft.ids != alone[0].ids));
    for batch in [3, 16, 40, 1000] {
        assert_eq!(draw(&requests, &config, batch), alone);
    }
    // 17 is prime to 40, so i · 17 mod 40 visits each request once.
    let shuffled: Vec<Request> = (0..40).map(|i| requests[i * 17 % 40].clone()).collect();
    let drafts = draw(&shuffled, &config, 16);
    assert!((0..40).all(|i| drafts[i] == alone[i * 17 % 40]));
}

#[test]
fn finished_rows_are_not_passed_again() {
    let mut model = chain();
    let requests = requests(10);
    let drafts = generate(&mut model, &requests, &config(20), 4, |_, _| {}).unwrap();
    // A row is passed once per drawn token, its stop token included.
    let stops = drafts.iter().filter(|draft| draft.finished != Finish::Length).count();
    let drawn: usize = drafts.iter().map(|draft| draft.ids.len()).sum();
    assert_eq!(model.rows_passed(), drawn + stops);
    assert!(model.calls.iter().any(|rows| rows.len() < 2));
}

#[test]
fn the_model_sees_stable_slots_and_what_is_new() {
    let mut model = chain();
    generate(&mut model, &requests(10), &config(20), 4, |_, _| {}).unwrap();
    let mut seen: HashMap<usize, usize> = HashMap::new();
    let mut longest = usize::MAX;
    for rows in &model.calls {
        assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let (_, len, fresh) = rows[0];
        if len == fresh {
            // A new batch: every row is new, and no prompt is longer than those before.
            assert!(rows.iter().all(|&(_, len, fresh)| len == fresh && len <= longest));
            longest = rows.iter().map(|row| row.1).min().unwrap();
            seen.clear();
        } else {
            assert!(rows.iter().all(|&(slot, len, fresh)| fresh == 1 && seen[&slot] + 1 == len));
        }
        seen.extend(rows.iter().map(|&(slot, len, _)| (slot, len)));
    }
}

#[test]
fn progress_ends_with_everything_done() {
    let mut reports = Vec::new();
    let report = |done, total| reports.push((done, total));
    generate(&mut chain(), &requests(10), &config(20), 4, report).unwrap();
    assert!(reports.is_sorted_by(|a, b| a.0 < b.0));
    assert!(reports.iter().all(|&(_, total)| total == 10));
    assert_eq!(reports.last(), Some(&(10, 10)));
}

#[test]
fn no_requests_give_no_drafts() {
    let mut model = chain();
    assert_eq!(generate(&mut model, &[], &config(5), 4, |_, _| {}).unwrap(), []);
    assert_eq!(model.rows_passed(), 0);
}

#[test]
fn where_rows_join_a_free_place_is_taken_at_once() {
    let requests = requests(10);
    let apart = draw(&requests, &config(20), 4);
    let mut model = chain();
    model.joins = true;
    assert_eq!(generate(&mut model, &requests, &config(20), 4, |_, _| {}).unwrap(), apart);
    // Ten rows through four places: as long as somebody waits, no call has an empty place.
    let mut begun = 0;
    for rows in &model.calls {
        begun += rows.iter().filter(|&&(_, len, fresh)| len == fresh).count();
        assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0) && rows.iter().all(|row| row.0 < 4));
        assert!(rows.len() == 4 || begun == 10);
    }
}

#[test]
fn nobody_joins_a_closures_batch_on_its_way() {
    // Token 1 follows a 0 and stops; a 2 is followed by 2 until the third place. So of the first two rows one ends at
    // once, and its place stays empty until the other has ended as well.
    let device = d2o_testing::device::device();
    let mut calls = Vec::new();
    let mut model = |rows: &[Row<'_>]| -> Result<Tensor<2>, std::convert::Infallible> {
        calls.push(rows.iter().map(|row| row.ids.len() == row.fresh).collect::<Vec<bool>>());
        let logits = |row: &Row<'_>| if row.ids[row.ids.len() - 1] == 0 { [0.0, 9.0, 0.0] } else { [0.0, 0.0, 9.0] };
        let values: Vec<f32> = rows.iter().flat_map(logits).collect();
        Ok(Tensor::from_data(TensorData::new(values, [rows.len(), 3]), &device))
    };
    let config =
        SamplerConfig { temperature: 0.0, stop_tokens: vec![1], max_new_tokens: 3, ..SamplerConfig::default() };
    let requests = [vec![2, 0], vec![2, 2], vec![2]].map(|prompt| Request { prompt, seed: 0 });
    generate(&mut model, &requests, &config, 2, |_, _| {}).unwrap();
    let rows: Vec<&[bool]> = calls.iter().map(Vec::as_slice).collect();
    let expected: [&[bool]; 6] = [&[true, true], &[false], &[false], &[true], &[false], &[false]];
    assert_eq!(rows, expected);
}
