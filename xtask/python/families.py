"""Makes a tiny random model of each family, with float64 expectations, for the tests of `d2o-model`.

    python families.py --out ../../crates/d2o-model/tests/fixtures

Each folder is what `save_pretrained` writes: `config.json` and `model.safetensors`, whose numbers are
bfloat16. Beside them lie `golden.json` and `logits.safetensors`; the README in the output folder
describes them.

The expectations come from transformers' own classes, run in float64: while the reference model is
built and run, every `float32` that its code asks for is float64 (see `in_float64`). Their float32
logits are compared with them. For each option that a family has and Llama has not, the script
also changes the option and fails unless the logits change, so that no fixture is blind to it.
"""

import argparse
import contextlib
import json
import math
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

from hf_model import quiet, versions

VOCAB, LENGTH, PROMPT, ROWS, WINDOW = 64, 16, 5, 2, 5
SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    # A padding token would get no gradient.
    "pad_token_id": None,
}
WIDE = {"hidden_size": 32, "intermediate_size": 40}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 100.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 100.0,
    "short_factor": [1.0, 1.5],
    "long_factor": [2.0, 8.0],
    "partial_rotary_factor": 0.5,
}
GEMMA3_ROPE = {
    "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 30.0},
}


def plain(theta, **more):
    return {"rope_type": "default", "rope_theta": theta} | more


# Folder: class, what its configuration has beyond SIZES, and changes that must show in the logits.
FAMILIES = {
    "llama3": (
        "Llama",
        {"rope_parameters": LLAMA3, "head_dim": 8},
        [{"rope_parameters": plain(100.0)}],
    ),
    "llama-biased": (
        "Llama",
        {
            "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100.0},
            "attention_bias": True,
            "mlp_bias": True,
        },
        [{"rope_parameters": plain(100.0)}, {"attention_bias": False}, {"mlp_bias": False}],
    ),
    "mistral": (
        "Mistral",
        {"rope_parameters": plain(100.0), "head_dim": 8, "sliding_window": WINDOW},
        [{"sliding_window": None}, {"sliding_window": WINDOW + 1}],
    ),
    "qwen2": (
        "Qwen2",
        WIDE | {
            "rope_parameters": plain(100.0),
            "use_sliding_window": True,
            "sliding_window": WINDOW,
            "max_window_layers": 1,
            "tie_word_embeddings": True,
        },
        [{"use_sliding_window": False}, {"max_window_layers": 0}],
    ),
    "qwen3": (
        "Qwen3",
        {"rope_parameters": plain(100.0), "head_dim": 8},
        [],
    ),
    "phi3": (
        "Phi3",
        WIDE | {"rope_parameters": plain(100.0, partial_rotary_factor=0.5), "sliding_window": WINDOW},
        [{"sliding_window": None}, {"rope_parameters": plain(100.0, partial_rotary_factor=1.0)}],
    ),
    "phi3-longrope": (
        "Phi3",
        WIDE | {"rope_parameters": LONGROPE, "original_max_position_embeddings": 32, "max_position_embeddings": 128},
        [{"max_position_embeddings": 32}, {"rope_parameters": plain(100.0, partial_rotary_factor=0.5)}],
    ),
    "gemma2": (
        "Gemma2",
        {
            "rope_parameters": plain(100.0),
            "head_dim": 8,
            "query_pre_attn_scalar": 12,
            "sliding_window": WINDOW,
            "attn_logit_softcapping": 3.0,
            "final_logit_softcapping": 4.0,
        },
        [
            {"sliding_window": 64},
            {"query_pre_attn_scalar": 8},
            {"attn_logit_softcapping": None},
            {"final_logit_softcapping": None},
            {"layer_types": ["full_attention", "sliding_attention"]},
        ],
    ),
    "gemma3": (
        "Gemma3",
        {
            "rope_parameters": GEMMA3_ROPE,
            "head_dim": 8,
            "num_hidden_layers": 3,
            "sliding_window_pattern": 3,
            "query_pre_attn_scalar": 12,
            "sliding_window": WINDOW,
        },
        [
            {"sliding_window": 64},
            {"query_pre_attn_scalar": 8},
            {"layer_types": ["sliding_attention"] * 3},
            {"rope_parameters": {kind: plain(1000.0) for kind in GEMMA3_ROPE}},
        ],
    ),
    "smollm3": (
        "SmolLM3",
        WIDE | {
            "rope_parameters": plain(100.0),
            "num_hidden_layers": 4,
            "no_rope_layer_interval": 2,
            "use_sliding_window": True,
            "sliding_window": WINDOW,
        },
        [{"no_rope_layer_interval": 5}, {"sliding_window": 64}],
    ),
    "gpt2": (
        "GPT2",
        {"vocab_size": VOCAB, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24},
        [],
    ),
}


@contextlib.contextmanager
def in_float64():
    """Makes transformers' code compute in float64 where it asks for float32."""
    kept = torch.float32, torch.float, torch.Tensor.float, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float = kept[:3]
        torch.set_default_dtype(kept[3])


def classes(name):
    suffix = "LMHeadModel" if name == "GPT2" else "ForCausalLM"
    config = "Gemma3TextConfig" if name == "Gemma3" else f"{name}Config"
    return getattr(transformers, config), getattr(transformers, name + suffix)


def new_model(name, options):
    """A model of the class, its weights not yet what they shall be."""
    config_class, model_class = classes(name)
    sizes = {} if name == "GPT2" else SIZES
    # The class changes nested dictionaries in place.
    options = json.loads(json.dumps(sizes | options))
    config = config_class(**options, attn_implementation="eager")
    return model_class(config).eval()


def random_weights(model, generator):
    """bfloat16 numbers large enough that every part of the model shows in the logits."""
    centred = "Gemma" in type(model).__name__
    weights = {}
    for name, value in model.named_parameters():
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float32)
        if name.endswith(".bias"):
            number = 0.4 * noise
        elif value.dim() == 1:
            number = 0.3 * noise if centred else 1 + 0.3 * noise
        elif "embed" in name or "wte" in name or "wpe" in name:
            number = 0.6 * noise
        else:
            inputs = value.shape[0] if type(model).__name__.startswith("GPT2") else value.shape[1]
            number = noise * 1.5 / math.sqrt(inputs)
        weights[name] = number.bfloat16()
    return weights


def loaded(name, options, weights):
    model = new_model(name, options)
    missing, _ = model.load_state_dict(weights, strict=False)
    if set(missing) - {"lm_head.weight"}:
        raise SystemExit(f"{name}: no weights for {missing}")
    model.tie_weights()
    return model


def gradient_record(gradient):
    """Norm, and inner product with cos(0), cos(1), ... in row-major order, which sees sign and layout."""
    flat = gradient.flatten()
    wave = torch.arange(flat.numel(), dtype=torch.float64).cos()
    return {"norm": flat.norm().item(), "cosine_sum": flat.dot(wave).item()}


def golden(name, options, weights, ids):
    """Logits, response log-probabilities, loss and gradients, all in float64."""
    with in_float64():
        model = loaded(name, options, weights)
        logits = model(ids, use_cache=False).logits
        picked = logits[:, PROMPT - 1 : -1].log_softmax(-1).gather(2, ids[:, PROMPT:, None])[..., 0]
        loss = -picked.sum()
        loss.backward()
        gradients = {key: gradient_record(value.grad) for key, value in model.named_parameters()}
    if logits.dtype != torch.float64:
        raise SystemExit(f"{name}: logits are {logits.dtype}")
    record = {
        "ids": ids.tolist(),
        "prompt_len": PROMPT,
        "log_probs": picked.tolist(),
        "loss": loss.item(),
        "gradients": gradients,
    }
    return record, logits.detach()


def text(record):
    """JSON with one line a key, and one a gradient."""
    gradients = record.pop("gradients")
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()]
    inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in gradients.items())
    return "{\n" + ",\n".join(lines) + ',\n "gradients": {\n' + inner + "\n }\n}\n"


def make(path, name, options, changes, seed):
    """Writes one model directory and returns how far float32 logits are from the golden ones."""
    generator = torch.Generator().manual_seed(seed)
    model = new_model(name, options)
    weights = random_weights(model, generator)
    ids = torch.randint(0, VOCAB, (ROWS, LENGTH), generator=generator)
    shutil.rmtree(path, ignore_errors=True)
    loaded(name, options, weights).bfloat16().save_pretrained(path)
    (path / "generation_config.json").unlink(missing_ok=True)
    stored = load_file(path / "model.safetensors")
    record, exact = golden(name, options, stored, ids)
    with torch.inference_mode():
        noise = (loaded(name, options, stored)(ids).logits.double() - exact).abs().max().item()
        if noise > 1e-4:
            raise SystemExit(f"{path}: float32 logits differ by {noise}")
        for change in changes:
            shown = (loaded(name, options | change, stored)(ids).logits.double() - exact).abs().max().item()
            if shown < 1e-2:
                raise SystemExit(f"{path}: {change} changes the logits by {shown} only")
    head = {"seed": seed, "versions": versions(), "float32_noise": noise}
    (path / "golden.json").write_text(text(head | record), encoding="ascii")
    save_file({"logits": exact.float()}, path / "logits.safetensors")
    return noise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model directories")
    args = parser.parse_args()
    quiet(threads=1)
    for seed, (folder, (name, options, changes)) in enumerate(FAMILIES.items(), 101):
        noise = make(args.out / folder, name, options, changes, seed)
        print(f"{folder}: transformers in float32 is {noise:.2g} from the float64 logits")


if __name__ == "__main__":
    main()
