"""Makes the tiny random Llama models, with float64 expectations, that the tests of `d2o-model` use.

    python tiny_fixture.py --out ../../crates/d2o-model/tests/fixtures

Two Hugging Face directories: `tiny-llama` (its own head; configuration as transformers 5 writes it)
and `tiny-llama-tied` (head tied to the embedding; configuration in the older form, with `rope_theta`
at the top level and no `head_dim`). Beside the weights, which are float32, lies `golden.json`; the
README in the output folder describes it.

The expectations do not come from transformers, whose Llama computes norms and rotary angles in
float32 whatever the weights are, but from the plain float64 forward pass below and torch's
autograd. transformers' float32 logits are compared with them, and the script fails if they are
further apart than float32 explains.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig

from hf_model import load_model, quiet, versions

VOCAB, HIDDEN, LAYERS, HEADS, KV_HEADS, INTER = 128, 32, 2, 4, 2, 64
HEAD_DIM, EPS, THETA = HIDDEN // HEADS, 1e-5, 1000.0
ROWS, LENGTH, PROMPT = 2, 8, 3
SEEDS = {"tiny-llama": 11, "tiny-llama-tied": 12}


def shapes(tied):
    """Hugging Face name and shape of every tensor, in file order."""
    wide, narrow = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    yield "model.embed_tokens.weight", (VOCAB, HIDDEN)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        yield at + "input_layernorm.weight", (HIDDEN,)
        yield at + "self_attn.q_proj.weight", (wide, HIDDEN)
        yield at + "self_attn.k_proj.weight", (narrow, HIDDEN)
        yield at + "self_attn.v_proj.weight", (narrow, HIDDEN)
        yield at + "self_attn.o_proj.weight", (HIDDEN, wide)
        yield at + "post_attention_layernorm.weight", (HIDDEN,)
        yield at + "mlp.gate_proj.weight", (INTER, HIDDEN)
        yield at + "mlp.up_proj.weight", (INTER, HIDDEN)
        yield at + "mlp.down_proj.weight", (HIDDEN, INTER)
    yield "model.norm.weight", (HIDDEN,)
    if not tied:
        yield "lm_head.weight", (VOCAB, HIDDEN)


def random_weights(tied, generator):
    """Float32 weights large enough that every part of the model shows in the logits."""
    weights = {}
    for name, shape in shapes(tied):
        noise = torch.randn(shape, generator=generator)
        weights[name] = 1 + 0.2 * noise if len(shape) == 1 else noise * 1.5 / math.sqrt(shape[1])
    return weights


def rms_norm(x, weight):
    return weight * x / (x.pow(2).mean(-1, keepdim=True) + EPS).sqrt()


def rotate(x):
    """Rotary embedding of `[rows, heads, time, head_dim]`: the two halves of a head form the pairs."""
    half = HEAD_DIM // 2
    speed = THETA ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(x.shape[2], dtype=torch.float64)[:, None] * speed
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


def attention(x, weight):
    """Causal self-attention in which each key head serves a group of query heads."""
    rows, time, _ = x.shape
    heads = lambda name, count: (x @ weight(name).T).view(rows, time, count, HEAD_DIM).transpose(1, 2)
    q, k, v = heads("q_proj", HEADS), heads("k_proj", KV_HEADS), heads("v_proj", KV_HEADS)
    group = HEADS // KV_HEADS
    k, v = rotate(k).repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = rotate(q) @ k.transpose(2, 3) / math.sqrt(HEAD_DIM)
    future = torch.ones(time, time, dtype=torch.bool).triu(1)
    mixed = scores.masked_fill(future, -math.inf).softmax(-1) @ v
    return mixed.transpose(1, 2).reshape(rows, time, -1) @ weight("o_proj").T


def feed_forward(x, weight):
    gate = x @ weight("gate_proj").T
    return (gate * gate.sigmoid() * (x @ weight("up_proj").T)) @ weight("down_proj").T


def logits(weights, ids):
    """Logits `[rows, time, vocab]` in the precision of the weights."""
    x = weights["model.embed_tokens.weight"][ids]
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        x = x + attention(
            rms_norm(x, weights[at + "input_layernorm.weight"]),
            lambda name: weights[f"{at}self_attn.{name}.weight"],
        )
        x = x + feed_forward(
            rms_norm(x, weights[at + "post_attention_layernorm.weight"]),
            lambda name: weights[f"{at}mlp.{name}.weight"],
        )
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    return rms_norm(x, weights["model.norm.weight"]) @ head.T


def gradient_record(gradient):
    """Norm, and inner product with cos(0), cos(1), ... in row-major order, which sees sign and layout."""
    flat = gradient.flatten()
    wave = torch.arange(flat.numel(), dtype=torch.float64).cos()
    return {"norm": flat.norm().item(), "cosine_sum": flat.dot(wave).item()}


def golden(weights, ids):
    """Logits, response log-probabilities, loss and gradients, all in float64."""
    exact = {name: value.double().requires_grad_() for name, value in weights.items()}
    out = logits(exact, ids)
    picked = out[:, PROMPT - 1 : -1].log_softmax(-1).gather(2, ids[:, PROMPT:, None])[..., 0]
    loss = -picked.sum()
    gradients = torch.autograd.grad(loss, list(exact.values()))
    record = {
        "ids": ids.tolist(),
        "prompt_len": PROMPT,
        "log_probs": picked.tolist(),
        "loss": loss.item(),
        "gradients": {name: gradient_record(g) for name, g in zip(exact, gradients)},
    }
    return record, out.detach()


def configuration(tied):
    """The contents of `config.json`."""
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=HIDDEN,
        intermediate_size=INTER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        head_dim=HEAD_DIM,
        max_position_embeddings=64,
        rms_norm_eps=EPS,
        rope_parameters={"rope_theta": THETA, "rope_type": "default"},
        tie_word_embeddings=tied,
        architectures=["LlamaForCausalLM"],
        dtype="float32",
    ).to_dict()
    if tied:
        config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
        config["torch_dtype"] = config.pop("dtype")
        del config["head_dim"]
    return {key: config[key] for key in sorted(config) if config[key] is not None}


def text(record, exact):
    """JSON with one line a key, and the logits to ten decimals, one line a position."""
    rounded = [[[round(value, 10) for value in step] for step in row] for row in exact.tolist()]
    lines = [f' {json.dumps(key)}: {json.dumps(value)}' for key, value in record.items()]
    steps = [",\n   ".join(json.dumps(step, separators=(",", ":")) for step in row) for row in rounded]
    lines.append(' "logits": [\n  [' + "],\n  [".join(steps) + "]\n ]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def make(path, seed, tied):
    """Writes one model directory and returns how far transformers' float32 logits are from the golden ones."""
    generator = torch.Generator().manual_seed(seed)
    weights = random_weights(tied, generator)
    ids = torch.randint(0, VOCAB, (ROWS, LENGTH), generator=generator)
    path.mkdir(parents=True, exist_ok=True)
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    (path / "config.json").write_text(json.dumps(configuration(tied), indent=1) + "\n", encoding="ascii")
    record, exact = golden(load_file(path / "model.safetensors"), ids)
    with torch.inference_mode():
        noise = (load_model(path)(ids).logits.double() - exact).abs().max().item()
    if noise > 1e-4:
        raise SystemExit(f"{path}: transformers' logits differ by {noise}")
    head = {"seed": seed, "versions": versions(), "float32_noise": noise}
    (path / "golden.json").write_text(text(head | record, exact), encoding="ascii")
    return noise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two model directories")
    args = parser.parse_args()
    quiet(threads=1)
    for name, seed in SEEDS.items():
        noise = make(args.out / name, seed, tied=name.endswith("-tied"))
        print(f"{name}: transformers in float32 is {noise:.2g} from the float64 logits")


if __name__ == "__main__":
    main()
