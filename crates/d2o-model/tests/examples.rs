//! The example runs, and its two ways of asking the model agree.

#[path = "../examples/score.rs"]
mod score;

use burn::tensor::Device;

#[test]
fn greedy_tokens_are_the_likeliest() {
    score::main().unwrap();
    let model = score::tiny(&Device::flex()).unwrap();
    let drawn = score::greedy(&model, &score::PROMPT, 4);
    assert_eq!(drawn.len(), 4);
    for end in 0..drawn.len() {
        let prompt = [&score::PROMPT, &drawn[..end]].concat();
        let likelihood = |token: u32| score::scores(&model, &prompt, &[token])[0];
        let likeliest = (0..64).max_by(|&a, &b| likelihood(a).total_cmp(&likelihood(b))).unwrap();
        assert_eq!(drawn[end], likeliest, "token {end}");
    }
    // Four tokens of 64 equally likely ones would cost 4 ln 64.
    let scores = score::scores(&model, &score::PROMPT, &drawn);
    assert!(scores.iter().all(|&score| score > -(64f32.ln())), "{scores:?}");
}
