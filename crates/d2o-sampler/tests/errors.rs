//! What is refused, and how it is said.

mod markov;

use burn::tensor::Tensor;
use d2o_sampler::{Request, Row, SamplerConfig, SamplerError, generate};
use markov::Markov;

fn config(max_new_tokens: usize) -> SamplerConfig {
    SamplerConfig { max_new_tokens, ..Default::default() }
}

/// Four tokens, each as likely as the others.
fn uniform() -> Markov {
    let row: &[f32] = &[1.0; 4];
    Markov::new(&[row; 4])
}

fn one() -> Vec<Request> {
    vec![Request { prompt: vec![0], seed: 0 }]
}

#[test]
fn bad_logits_name_the_request() {
    // Request 1 has the longer prompt, so it comes first in the batch; the second call spoils the
    // row of request 0.
    let device = d2o_testing::device::device();
    let mut calls = 0;
    let mut model = |rows: &[Row<'_>]| -> Result<Tensor<2>, std::convert::Infallible> {
        calls += 1;
        let first = [0.0, 1.0, 0.0];
        let second = if calls == 2 { [0.0, 1.0, f32::NAN] } else { first };
        assert_eq!(rows.len(), 2);
        Ok(Tensor::from_data([first, second], &device))
    };
    let requests = [vec![0], vec![0, 1]].map(|prompt| Request { prompt, seed: 0 });
    let error = generate(&mut model, &requests, &config(5), 2, |_, _| {}).unwrap_err();
    let expected = "request 0: logit of token 2 is NaN after 1 drawn tokens";
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().unwrap().contains("f32"));
}

#[test]
fn the_models_error_is_handed_on() {
    let mut model =
        |_: &[Row<'_>]| -> Result<Tensor<2>, std::io::Error> { Err(std::io::Error::other("out of memory")) };
    let error = generate(&mut model, &one(), &config(5), 2, |_, _| {}).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "out of memory");
    assert!(matches!(error, SamplerError::Model { .. }));
}

#[test]
fn bad_requests_and_settings_are_named() {
    let refusal = |prompt: Vec<u32>, config: &SamplerConfig, batch: usize| {
        let requests = [Request { prompt: vec![0], seed: 0 }, Request { prompt, seed: 0 }];
        generate(&mut uniform(), &requests, config, batch, |_, _| {}).unwrap_err().to_string()
    };
    assert_eq!(refusal(vec![], &config(5), 2), "request 1: field `prompt` is empty");
    assert_eq!(refusal(vec![4, 0], &config(5), 2), "request 1: token 4 is outside the model's vocabulary of 4");
    assert_eq!(refusal(vec![0], &config(5), 0), "field `batch` is 0, expected 1 or more");
    assert_eq!(refusal(vec![0], &config(0), 2), "field `max_new_tokens` is 0, expected 1 or more");
}

#[test]
fn settings_out_of_range_are_errors() {
    let bad = [
        ("temperature", SamplerConfig { temperature: -0.5, ..config(1) }),
        ("temperature", SamplerConfig { temperature: f64::NAN, ..config(1) }),
        ("top_p", SamplerConfig { top_p: 0.0, ..config(1) }),
        ("top_p", SamplerConfig { top_p: 1.5, ..config(1) }),
        ("min_p", SamplerConfig { min_p: f64::NAN, ..config(1) }),
        ("repetition_penalty", SamplerConfig { repetition_penalty: 0.0, ..config(1) }),
        ("repetition_penalty", SamplerConfig { repetition_penalty: f64::INFINITY, ..config(1) }),
    ];
    for (field, config) in bad {
        let message = config.validate().unwrap_err().to_string();
        assert!(message.starts_with(&format!("field `{field}` is ")), "{message}");
    }
    assert!(config(1).validate().is_ok());
}

#[test]
fn configurations_are_strict() {
    let parsed: SamplerConfig = serde_json::from_str(r#"{"top_p": 0.9}"#).unwrap();
    assert_eq!(parsed, SamplerConfig { top_p: 0.9, ..Default::default() });
    let unknown = serde_json::from_str::<SamplerConfig>(r#"{"topp": 0.9}"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `topp`"));
}
