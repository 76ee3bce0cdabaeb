"""Loads a model for the reference scripts: a Hugging Face directory or a GGUF file, in float32."""

import importlib.metadata
from pathlib import Path

import torch
import transformers
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

PACKAGES = ("torch", "transformers", "tokenizers", "gguf", "safetensors", "numpy")


def quiet(threads=None):
    """Silences notices and, if asked, fixes the number of threads."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if threads:
        torch.set_num_threads(threads)


def versions():
    """Versions of the packages that the numbers depend on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def source(path):
    """`from_pretrained` arguments for a directory or for a `.gguf` file."""
    path = Path(path)
    if path.suffix == ".gguf":
        return (path.parent,), {"gguf_file": path.name}
    return (path,), {}


def load_tokenizer(path):
    """The tokenizer of the model, with the pre-tokenizer that a GGUF file names.

    transformers rebuilds the vocabulary, the merges and the special tokens of a GGUF file, but not
    `tokenizer.ggml.pre`: it leaves plain byte-level splitting. For `smollm` the original splits
    every digit off first, which changes the ids wherever several blanks or line breaks stand
    before a digit, as in a numbered list.
    """
    positional, named = source(path)
    tokenizer = AutoTokenizer.from_pretrained(*positional, **named)
    if named and pre_tokenizer_name(path) == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_])
    return tokenizer


def pre_tokenizer_name(path):
    """The value of `tokenizer.ggml.pre` in a GGUF file, or None."""
    from gguf import GGUFReader

    field = GGUFReader(path).get_field("tokenizer.ggml.pre")
    return field.contents() if field else None


def load_model(path):
    """The model in float32, in evaluation mode, with nothing left that marks it as quantised."""
    positional, named = source(path)
    model = AutoModelForCausalLM.from_pretrained(*positional, dtype=torch.float32, **named).eval()
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model
