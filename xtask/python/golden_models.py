"""The tiny models of the golden fixtures and their float64 forward passes."""

import math

import torch
from safetensors.torch import save_file
from torch.func import functional_call
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig

import tiny_fixture as llama

HIDDEN, LAYERS, INTER = llama.HIDDEN, llama.LAYERS, 48


def llama_config(fast):
    return LlamaConfig(
        vocab_size=len(fast), hidden_size=HIDDEN, intermediate_size=INTER, num_hidden_layers=LAYERS,
        num_attention_heads=llama.HEADS, num_key_value_heads=llama.KV_HEADS, head_dim=llama.HEAD_DIM,
        max_position_embeddings=128, rms_norm_eps=llama.EPS, tie_word_embeddings=False,
        rope_parameters={"rope_theta": llama.THETA, "rope_type": "default"},
        architectures=["LlamaForCausalLM"], dtype="float32",
        bos_token_id=fast.bos_token_id, eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id,
    )  # fmt: skip


def gpt2_config(fast):
    return GPT2Config(
        vocab_size=len(fast), n_embd=HIDDEN, n_inner=INTER, n_layer=LAYERS, n_head=4, n_positions=96,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, architectures=["GPT2LMHeadModel"], dtype="float32",
        bos_token_id=fast.bos_token_id, eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id,
    )  # fmt: skip


def llama_shapes(config):
    vocab = (config.vocab_size, HIDDEN)
    wide, narrow = llama.HEADS * llama.HEAD_DIM, llama.KV_HEADS * llama.HEAD_DIM
    yield "model.embed_tokens.weight", vocab
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        yield at + "input_layernorm.weight", (HIDDEN,)
        for name, rows in (("q", wide), ("k", narrow), ("v", narrow)):
            yield f"{at}self_attn.{name}_proj.weight", (rows, HIDDEN)
        yield at + "self_attn.o_proj.weight", (HIDDEN, wide)
        yield at + "post_attention_layernorm.weight", (HIDDEN,)
        yield at + "mlp.gate_proj.weight", (INTER, HIDDEN)
        yield at + "mlp.up_proj.weight", (INTER, HIDDEN)
        yield at + "mlp.down_proj.weight", (HIDDEN, INTER)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", vocab


def random_weights(shapes, generator):
    """Float32 weights large enough that every part shows; norms near 1, biases near 0."""
    weights = {}
    for name, shape in shapes:
        noise = torch.randn(shape, generator=generator)
        norm = "norm" in name or ".ln_" in name
        if name.endswith("bias"):
            weights[name] = 0.1 * noise
        elif norm:
            weights[name] = 1 + 0.2 * noise
        else:
            weights[name] = noise / math.sqrt(HIDDEN)
    return weights


def moved(weights, seed, by):
    """The same weights with a little noise: another model close by."""
    generator = torch.Generator().manual_seed(seed)
    return {name: value + by * torch.randn(value.shape, generator=generator) for name, value in weights.items()}


class Llama:
    """A float64 (or float32) forward pass written out: transformers' own computes norms in float32."""

    family = "llama"

    def __init__(self, fast):
        self.config = llama_config(fast)
        self.shapes = list(llama_shapes(self.config))

    def states(self, weights, ids):
        """Hidden states: the embeddings, after every layer, the last one after the final norm."""
        x = weights["model.embed_tokens.weight"][ids][None]
        states = [x]
        for layer in range(LAYERS):
            at = f"model.layers.{layer}."
            norm = llama.rms_norm(x, weights[at + "input_layernorm.weight"])
            x = x + llama.attention(norm, lambda name: weights[f"{at}self_attn.{name}.weight"])
            norm = llama.rms_norm(x, weights[at + "post_attention_layernorm.weight"])
            x = x + llama.feed_forward(norm, lambda name: weights[f"{at}mlp.{name}.weight"])
            states.append(x)
        states[-1] = llama.rms_norm(x, weights["model.norm.weight"])
        return [state[0] for state in states]

    def logits(self, weights, ids):
        """`[time, vocab]`."""
        return self.states(weights, ids)[-1] @ weights["lm_head.weight"].T


class Gpt2:
    """transformers' own forward pass, which keeps float64."""

    family = "gpt2"

    def __init__(self, fast):
        self.config = gpt2_config(fast)
        self.module = GPT2LMHeadModel(self.config).double().eval()
        self.shapes = [(name, tuple(p.shape)) for name, p in self.module.named_parameters()]

    def run(self, weights, ids, **more):
        return functional_call(self.module, weights, (), {"input_ids": ids[None], "use_cache": False, **more})

    def states(self, weights, ids):
        return [state[0] for state in self.run(weights, ids, output_hidden_states=True).hidden_states]

    def logits(self, weights, ids):
        return self.run(weights, ids).logits[0]


def save(folder, config, weights):
    """A Hugging Face model directory."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(config.to_json_string(), encoding="ascii")
