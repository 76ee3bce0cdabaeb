//! The example runs, and its answers are what they claim to be.

#[path = "../examples/answer.rs"]
mod answer;

use burn::tensor::Device;
use d2o_generate::{Answer, LanguageModel};

#[test]
fn greedy_answers_are_repeatable_and_likelier_than_sampled_ones() {
    answer::main().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = answer::write_tiny(dir.path()).unwrap();
    let model = LanguageModel::open(&path, false, &Device::flex()).unwrap();
    let (greedy, sampled) = (answer::answers(&model, 0.0).unwrap(), answer::answers(&model, 2.0).unwrap());
    assert_eq!(answer::answers(&model, 0.0).unwrap(), greedy);
    let per_token = |prompt: &str, answer: &Answer| {
        assert!(answer.end.is_some() || answer.ids.len() == 24, "{answer:?}");
        let tokens = answer.ids_with_end().len();
        answer::log_prob(&model, prompt, answer).unwrap() / tokens as f64
    };
    for (prompt, (greedy, sampled)) in answer::PROMPTS.iter().zip(greedy.iter().zip(&sampled)) {
        // A sampler at temperature 2 takes unlikely tokens; the likeliest one beats 1/300 each time.
        let (greedy, sampled) = (per_token(prompt, greedy), per_token(prompt, sampled));
        assert!(greedy > sampled && greedy > -300f64.ln() && greedy < 0.0, "{greedy} {sampled}");
    }
}
