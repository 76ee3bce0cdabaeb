//! The example runs, and its answers are what they claim to be.

#[path = "../examples/answer.rs"]
mod answer;

use burn::tensor::Device;
use d2o_generate::LanguageModel;

#[test]
fn greedy_answers_end_and_are_likely() {
    answer::main().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = answer::small_model(dir.path()).unwrap();
    let model = LanguageModel::open(&path, true, &Device::flex()).unwrap();
    let greedy = answer::answers(&model, 0.0).unwrap();
    assert_eq!(greedy.len(), answer::PROMPTS.len());
    for (prompt, greedy) in answer::PROMPTS.iter().zip(&greedy) {
        assert!(greedy.ended && greedy.text.ends_with('.'), "{greedy:?}");
        let tokens = greedy.ids.len() as f64 + 1.0;
        // Far from the log of the vocabulary's size, which a model that knows nothing would pay for each token.
        let per_token = -answer::log_prob(&model, prompt, greedy).unwrap() / tokens;
        assert!(per_token < 2.0, "{per_token} nats per token");
    }
    // Greedy takes no seed: the same again. A hot sampler says something else.
    assert_eq!(answer::answers(&model, 0.0).unwrap(), greedy);
    assert_ne!(answer::answers(&model, 2.0).unwrap(), greedy);
}
