"""Exported GGUF against the `gguf` package, and against transformers' own reader of the format."""

import gguf
import numpy as np
from safetensors.numpy import load_file
from transformers import AutoConfig

from hf_model import load_model, load_tokenizer
from interop_world import Checks, arguments, rows_file, run, scores_of, tiny_models, worst_difference

KINDS = ("f32", "f16", "bf16", "q8_0")
TOLERANCE = 1e-3
ARCHITECTURES = {name: architecture for architecture, name in gguf.MODEL_ARCH_NAMES.items()}
# What transformers does not get out of GGUF: the divisors of Llama 3's frequencies, a head size of Qwen 3 that is not
# 128, SmolLM 3 at all. There it reads the directory that was made of the file.
BY_DIRECTORY = {"llama3", "qwen3", "smollm3"}


def architecture(config):
    """The package's key for the architecture that a model is written as."""
    return ARCHITECTURES["llama" if config.model_type == "mistral" else config.model_type]


def permuted(values, heads):
    """Rows of queries and keys as llama.cpp's converter orders them."""
    rows = values.shape[0]
    return values.reshape(heads, 2, rows // heads // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def in_file_order(name, values, config):
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    found = [count for part, count in heads.items() if part in name]
    neighbours = config.model_type in ("llama", "mistral", "smollm3")
    return permuted(values, found[0]) if found and neighbours and "norm" not in name else values


def compare_tensors(checks, family, reader, directory, config):
    """Every tensor of the file, dequantised by the package, against the numbers that `d2o` reads from the file."""
    names = gguf.get_tensor_name_map(architecture(config), config.num_hidden_layers)
    ours = load_file(directory / "model.safetensors")
    theirs = {tensor.name: tensor for tensor in reader.tensors}
    worst = 0.0
    for name, values in ours.items():
        tensor = theirs.pop(names.get_name(name, try_suffixes=(".weight", ".bias")))
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(values.shape)
        worst = max(worst, np.abs(numbers - in_file_order(name, values, config)).max().item())
    checks.within(family, "dequantised values", worst, 0.0)
    # The divisors of Llama 3's frequencies are no weight.
    theirs.pop("rope_freqs.weight", None)
    checks.holds(family, "no tensor is left over", not theirs)


def compare_blocks(checks, family, reader, original, config):
    """The blocks of Q8_0, bit by bit, against those that the package makes of the same numbers."""
    names = gguf.get_tensor_name_map(architecture(config), config.num_hidden_layers)
    theirs = {tensor.name: tensor for tensor in reader.tensors}
    same = True
    for name, values in load_file(original / "model.safetensors").items():
        tensor = theirs[names.get_name(name, try_suffixes=(".weight", ".bias"))]
        if tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0:
            blocks = gguf.quants.quantize(in_file_order(name, values, config), tensor.tensor_type)
            same &= np.array_equal(tensor.data, blocks)
    checks.holds(family, "blocks as the package makes them", same)


def main():
    args = arguments(__doc__)
    checks = Checks()
    data = args.work / "rows.jsonl"
    rows = rows_file(data, 6)
    for family, original in tiny_models(args, gguf=True):
        config = AutoConfig.from_pretrained(original)
        for kind in KINDS:
            name = f"{family} {kind}"
            file, back = original.parent / f"{kind}.gguf", original.parent / f"from-{kind}"
            run(args.d2o, "export", "--model", original, "--out", file, "--dtype", kind)
            run(args.d2o, "export", "--model", file, "--out", back)
            reader = gguf.GGUFReader(file)
            compare_tensors(checks, name, reader, back, config)
            if kind == "q8_0":
                compare_blocks(checks, name, reader, original, config)
            template = reader.get_field("tokenizer.chat_template").contents()
            checks.holds(name, "template", template == load_tokenizer(original).chat_template)
            source = back if family in BY_DIRECTORY else file
            model, tokenizer = load_model(source), load_tokenizer(source)
            for chat in (False, True):
                ours = scores_of(args.d2o, file, data, *(["--chat"] if chat else []))
                worst = worst_difference(ours, model, tokenizer, rows, chat)
                kind_of = "chat" if chat else "plain"
                checks.within(name, f"nats per response in transformers from GGUF, {kind_of}", worst, TOLERANCE)
    checks.end()


if __name__ == "__main__":
    main()
