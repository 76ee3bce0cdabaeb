//! What `config.json` says in each family, in older words too, and what is refused there.

use std::path::{Path, PathBuf};

use d2o_model::{Family, ModelConfig, ModelError, Rope, RopeScaling};
use serde_json::{Value, json};

use crate::golden::golden;

fn file(name: &str) -> Value {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name, "config.json"].iter().collect();
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn resolved(config: Value) -> Result<ModelConfig, ModelError> {
    ModelConfig::from_json(Path::new("config.json"), config)
}

/// `config` with fields taken out and others put in.
fn changed(mut config: Value, without: &[&str], with: Value) -> Value {
    let fields = config.as_object_mut().unwrap();
    fields.retain(|key, _| !without.contains(&key.as_str()));
    fields.extend(with.as_object().unwrap().clone());
    config
}

/// All that is computed, as text: the configuration without the file it was read from.
fn computed(config: &ModelConfig) -> String {
    let text = format!("{config:?}");
    text[..text.find(", raw:").unwrap()].to_owned()
}

#[test]
fn older_files_say_the_same() {
    let llama3 = json!({"rope_theta": 100.0, "rope_scaling": {
        "type": "llama3", "factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4,
        "original_max_position_embeddings": 32}});
    let longrope = json!({"rope_theta": 100.0, "partial_rotary_factor": 0.5,
        "rope_scaling": {"type": "su", "short_factor": [1.0, 1.5], "long_factor": [2.0, 8.0]}});
    let gemma3 = json!({"rope_theta": 1000.0, "rope_local_base_freq": 30.0,
        "rope_scaling": {"rope_type": "linear", "factor": 4.0}});
    let plain = json!({"rope_theta": 100.0, "rope_scaling": null});
    let cases = [
        ("llama3", llama3),
        ("mistral", plain.clone()),
        ("qwen2", plain.clone()),
        ("phi3-longrope", longrope),
        ("gemma2", plain.clone()),
        ("gemma3", gemma3),
        ("smollm3", json!({"rope_theta": 100.0, "no_rope_layers": [1, 0, 1, 0]})),
    ];
    for (name, older) in cases {
        let newer = file(name);
        let older = changed(newer.clone(), &["rope_parameters", "layer_types", "no_rope_layers"], older);
        assert_ne!(older, newer);
        assert_eq!(computed(&resolved(older).unwrap()), computed(&resolved(newer).unwrap()), "{name}");
    }
}

#[test]
fn a_family_is_known_by_its_model_type_too() {
    for name in ["llama3", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "gemma3", "smollm3", "gpt2"] {
        let nameless = changed(file(name), &["architectures"], json!({}));
        assert_eq!(resolved(nameless).unwrap().family, resolved(file(name)).unwrap().family);
    }
    assert_eq!(resolved(file("gpt2")).unwrap().family, Family::Gpt2);
}

#[test]
fn windows_lie_where_the_family_has_them() {
    let windows = |config: Value| -> Vec<Option<usize>> {
        resolved(config).unwrap().layers.iter().map(|layer| layer.window).collect()
    };
    let (all, five) = (None, Some(5));
    assert_eq!(windows(file("mistral")), [five, five]);
    assert_eq!(windows(changed(file("mistral"), &[], json!({"sliding_window": null}))), [all, all]);
    // The class's own width, where the file mentions none.
    assert_eq!(windows(changed(file("mistral"), &["sliding_window"], json!({}))), [Some(4096); 2]);
    assert_eq!(windows(file("qwen2")), [all, five]);
    let off = json!({"use_sliding_window": false, "layer_types": null});
    assert_eq!(windows(changed(file("qwen2"), &[], off)), [all, all]);
    assert_eq!(windows(file("gemma2")), [five, all]);
    assert_eq!(windows(file("gemma3")), [five, five, all]);
    assert_eq!(windows(file("smollm3")), [all, five, all, five]);
}

#[test]
fn options_that_a_family_does_not_compute_are_refused_by_name() {
    let longrope = |key: &str, value: Value| {
        let mut rope = file("phi3-longrope")["rope_parameters"].clone();
        rope[key] = value;
        rope
    };
    let cases = [
        ("llama3", "attn_logit_softcapping", json!(50.0), "`attn_logit_softcapping` is 50"),
        ("llama3", "final_logit_softcapping", json!(30.0), "`final_logit_softcapping` is 30"),
        ("llama3", "query_pre_attn_scalar", json!(64), "`query_pre_attn_scalar` is 64"),
        ("llama3", "use_sliding_window", json!(true), "`use_sliding_window` is true"),
        ("llama3", "no_rope_layers", json!([1, 0]), "`no_rope_layers` is [1, 0]"),
        ("llama3", "layer_types", json!(["full_attention"]), "`layer_types` is a list of 1 for 2 layers"),
        ("llama3", "rope_scaling", json!({"type": "yarn", "factor": 4.0}), "`rope_scaling` is yarn"),
        ("mistral", "attention_bias", json!(true), "`attention_bias` is true"),
        ("mistral", "sliding_window", json!(0), "`sliding_window` is 0"),
        ("mistral", "layer_types", json!(vec!["full_attention"; 2]), "`layer_types` is full_attention"),
        ("qwen2", "use_sliding_window", json!(false), "`sliding_window` is absent where layers slide"),
        ("qwen2", "layer_types", json!(vec!["chunked_attention"; 2]), "`layer_types` is chunked_attention"),
        ("qwen2", "mlp_bias", json!(true), "`mlp_bias` is true"),
        ("qwen3", "head_dim", json!(null), "`head_dim` is absent"),
        ("qwen3", "num_key_value_heads", json!(null), "`num_key_value_heads` is absent"),
        ("phi3", "hidden_act", json!("gelu"), "`hidden_act` is gelu"),
        ("phi3-longrope", "rope_parameters", longrope("short_factor", json!([1.0])), "short_factor` is [1.0] for 2"),
        ("phi3-longrope", "rope_parameters", longrope("long_mscale", json!(1.1)), "long_mscale` is 1.1"),
        ("phi3", "partial_rotary_factor", json!(0.1), "partial_rotary_factor"),
        ("gemma2", "hidden_activation", json!("gelu"), "`hidden_activation` is gelu"),
        ("gemma2", "query_pre_attn_scalar", json!(-1), "`query_pre_attn_scalar` is -1"),
        ("gemma2", "attn_logit_softcapping", json!(0.0), "`attn_logit_softcapping` is 0"),
        ("gemma2", "use_bidirectional_attention", json!(true), "`use_bidirectional_attention` is true"),
        ("gemma3", "use_bidirectional_attention", json!("all"), "`use_bidirectional_attention` is \"all\""),
        // Transformers reads this one in Gemma 3 and ignores it.
        ("gemma3", "attn_logit_softcapping", json!(50.0), "`attn_logit_softcapping` is 50"),
        ("gemma3", "rope_parameters", json!({"rope_theta": 1e6}), "`rope_parameters.rope_theta` is not of a kind"),
        ("smollm3", "no_rope_layers", json!([1, 2, 0, 1]), "`no_rope_layers` is [1, 2, 0, 1] for 4 layers"),
        ("llama3", "rope_scaling", json!("linear"), "`rope_scaling` is \"linear\""),
        ("qwen3", "no_rope_layer_interval", json!(4), "`no_rope_layer_interval` is 4"),
        ("gemma2", "sliding_window_pattern", json!(2), "`sliding_window_pattern` is 2"),
        ("gpt2", "rope_parameters", json!({"rope_theta": 1e4}), "`rope_parameters` is given"),
        ("gpt2", "activation_function", json!("relu"), "`activation_function` is relu"),
        ("gpt2", "scale_attn_by_inverse_layer_idx", json!(true), "`scale_attn_by_inverse_layer_idx` is true"),
        ("gpt2", "scale_attn_weights", json!(false), "`scale_attn_weights` is false"),
        ("gpt2", "add_cross_attention", json!(true), "`add_cross_attention` is true"),
        ("gpt2", "layer_norm_epsilon", json!(null), "`layer_norm_epsilon` is absent"),
    ];
    for (name, key, value, expected) in cases {
        let mut config = file(name);
        if key == "partial_rotary_factor" {
            config["rope_parameters"][key] = value;
        } else {
            config[key] = value;
        }
        let error = resolved(config).expect_err(key);
        assert!(error.hint().is_some());
        let text = error.to_string();
        assert!(text.contains(expected) && text.ends_with("which is not supported"), "{name}, {key}: {text}");
    }
}

#[test]
fn an_unknown_architecture_is_told_what_is_known() {
    let error = resolved(changed(file("gemma3"), &[], json!({"architectures": ["Gemma3ForConditionalGeneration"]})));
    let error = error.unwrap_err();
    assert!(error.to_string().contains("`architectures` is Gemma3ForConditionalGeneration"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("LlamaForCausalLM") && hint.contains("GPT2LMHeadModel"), "{hint}");
}

/// The class is what is wrong, whatever else the file says or leaves out.
#[test]
fn the_class_is_looked_at_before_its_sizes() {
    let refused = |config: Value| {
        let error = resolved(config).unwrap_err();
        (error.to_string(), error.hint().unwrap())
    };
    let nested = |class: &str, field: &str, text: &str| {
        let part = changed(file("gemma3"), &[], json!({"model_type": text}));
        json!({"architectures": [class], "model_type": "larger", field: part})
    };
    for (class, field, text, advice) in [
        ("Gemma3ForConditionalGeneration", "text_config", "gemma3_text", "by itself, as Gemma3ForCausalLM"),
        ("Mistral3ForConditionalGeneration", "text_config", "mistral", "by itself, as MistralForCausalLM"),
        ("InternVLChatModel", "llm_config", "qwen2", "by itself, as Qwen2ForCausalLM"),
        ("Llama4ForConditionalGeneration", "text_config", "llama4_text", "none of the classes that are read"),
    ] {
        let (text, hint) = refused(nested(class, field, text));
        assert_eq!(text, format!("config.json: `architectures` is {class}, which is not supported"));
        assert!(hint.contains(advice) && hint.contains("supported are LlamaForCausalLM"), "{hint}");
    }
    for (config, said) in [
        (
            json!({"architectures": ["MixtralForCausalLM"], "model_type": "mixtral"}),
            "`architectures` is MixtralForCausalLM",
        ),
        (json!({"architectures": ["T5ForConditionalGeneration"]}), "`architectures` is T5ForConditionalGeneration"),
        (json!({"architectures": null, "model_type": "mamba"}), "`model_type` is mamba"),
        (json!({"architectures": [], "hidden_size": 8}), "`architectures` is absent"),
        (json!({}), "`architectures` is absent"),
        (
            json!({"architectures": ["LlamaForCausalLM"], "model_type": "mistral"}),
            "`model_type` is mistral where `architectures` is LlamaForCausalLM",
        ),
        (
            changed(file("gemma3"), &[], json!({"text_config": {"hidden_size": 8}})),
            "`text_config` is given: the text part of a larger model",
        ),
    ] {
        let (text, _) = refused(config);
        assert_eq!(text, format!("config.json: {said}, which is not supported"));
    }
    let (_, hint) =
        refused(json!({"architectures": ["OwnForCausalLM"], "auto_map": {"AutoModelForCausalLM": "own.Own"}}));
    assert!(hint.starts_with("code that comes with a model (`auto_map`) is not run; supported are"), "{hint}");
    // Published files of known classes name code of their own as well.
    assert!(
        resolved(changed(file("phi3"), &[], json!({"auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}})))
            .is_ok()
    );
    let (_, hint) = refused(changed(file("llama3"), &[], json!({"quantization_config": {"quant_method": "gptq"}})));
    assert!(hint.contains("unquantised"), "{hint}");
}

/// `a` and `b` to twelve digits.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12 * b.abs()
}

#[test]
fn llama3_divides_long_waves_keeps_short_ones_and_blends_between() {
    let scaling = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 32.0 };
    let stretched = Rope { theta: 100.0, dim: 8, scaling }.frequencies();
    let plain = Rope { theta: 100.0, dim: 8, scaling: RopeScaling::None }.frequencies();
    // Wave lengths 2π·100^(i/4): 6.3 is below 32/4, 19.9 between, 62.8 and 198.7 are above 32/1.
    assert!(near(plain[1], 100f64.powf(-0.25)));
    assert_eq!(stretched[0], plain[0]);
    assert!(near(stretched[2], plain[2] / 8.0) && near(stretched[3], plain[3] / 8.0));
    // 32 tokens hold 1.61 of the second wave: (1.61 − 1) / (4 − 1) of it is kept.
    let kept = (32.0 * plain[1] / std::f64::consts::TAU - 1.0) / 3.0;
    assert!(near(stretched[1], plain[1] * (kept + (1.0 - kept) / 8.0)) && kept > 0.2 && kept < 0.21);
}

#[test]
fn longrope_divides_and_amplifies_and_ends_the_context() {
    let config = golden("phi3-longrope").model.config().clone();
    let [rope] = config.ropes() else { panic!("one rotary embedding") };
    // Half of a head of 8: two frequencies, 100^0 / 1 and 100^(−1/2) / 1.5.
    assert_eq!((rope.dim, rope.limit()), (4, Some(32)));
    assert!(near(rope.frequencies()[0], 1.0) && near(rope.frequencies()[1], 0.1 / 1.5));
    // 128 positions from 32: a factor of 4, √(1 + ln 4 / ln 32) = √1.4.
    assert!(near(rope.amplitude(), 1.4f64.sqrt()));
    assert_eq!(config.max_position_embeddings, 32);
}
