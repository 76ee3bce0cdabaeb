"""Exported GGUF in llama.cpp: it loads, gives the same token ids, and generates the same greedy tokens.

llama.cpp comes ready-built in the wheels of `xllamacpp`, whose server answers here. Keys and values are
kept in float32; products with quantised weights still round their inputs, so of the files in Q8_0 only
the first words are compared.
"""

import json
import urllib.request
from pathlib import Path

from hf_model import load_tokenizer
from interop_smollm2 import fetched
from interop_world import Checks, arguments, leave_out, rows_file, run, tiny_models

NEW = 24
# Tokens of a continuation that have to be equal, and the share of the prompts where they are. llama.cpp rounds the
# activations to the type of the weights, for Q8_0 to 8 bits: a trained model is sure enough of its next token to bear
# that, a tiny random one only of the first few in F16.
DEMANDED = {"f32": (NEW, 1.0), "f16": (8, 1.0), "q8_0": (4, 0.8)}
TINY = ("f32", "f16")


class LlamaCpp:
    """A server of one file."""

    def __init__(self, file):
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx, params.n_parallel, params.n_gpu_layers = 512, 1, 0
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
        params.warmup, params.fit_params, params.verbosity = False, False, 0
        self.server = xllamacpp.Server(params)

    def ask(self, path, **body):
        request = urllib.request.Request(
            f"{self.server.listening_address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def ids(self, text):
        return self.ask("tokenize", content=text, add_special=False, parse_special=True)["tokens"]

    def greedy(self, ids):
        """Tokens of the likeliest continuation, its end token not among them."""
        options = {"samplers": ["top_k"], "top_k": 1, "n_predict": NEW, "return_tokens": True, "cache_prompt": False}
        return self.ask("completion", prompt=ids, **options)["tokens"]


def common(left, right):
    """Length of the common beginning, all of it if one is the other without its end token."""
    same = next((at for at, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))
    return NEW if same == min(len(left), len(right)) and abs(len(left) - len(right)) <= 1 else same


def compare(checks, args, name, kind, file, tokenizer, data, rows):
    model = LlamaCpp(file)
    texts = [text for row in rows for text in (row["prompt"], row["response"], "1.\n\n  2024 é <|im_end|>\n")]
    same = all(model.ids(text) == tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts)
    checks.holds(name, "token ids in llama.cpp", same)
    lines = run(args.d2o, "generate", "--model", file, "--prompts", data, "--greedy", "--max-new-tokens", NEW)
    ours = {record["id"]: record["tokens"] for record in map(json.loads, lines.splitlines())}
    equal = [common(ours[row["id"]], model.greedy(model.ids(row["prompt"]))) for row in rows]
    length, share = DEMANDED[kind]
    print(f"{name}: equal greedy tokens of {NEW} in llama.cpp: {equal}")
    missing = max(0.0, share - sum(tokens >= length for tokens in equal) / len(rows))
    checks.within(name, f"share of prompts whose first {length} greedy tokens differ in llama.cpp", missing, 0.0)


def main():
    args = arguments(__doc__, ("--model", {"type": Path, "help": "SmolLM2's file, if it is not in the cache"}))
    try:
        import xllamacpp  # noqa: F401
    except ImportError as error:
        leave_out(f"xllamacpp: {error}")
    checks = Checks()
    data = args.work / "rows.jsonl"
    rows = rows_file(data, 6)
    for family, original in tiny_models(args, gguf=True):
        for kind in TINY:
            file = original.parent / f"{kind}.gguf"
            run(args.d2o, "export", "--model", original, "--out", file, "--dtype", kind)
            compare(checks, args, f"{family} {kind}", kind, file, load_tokenizer(original), data, rows)
    source = args.model or fetched()
    if source is not None:
        for kind in ("f16", "q8_0"):
            file = args.work / f"smollm2-{kind}.gguf"
            run(args.d2o, "export", "--model", source, "--out", file, "--dtype", kind)
            compare(checks, args, f"smollm2 {kind}", kind, file, load_tokenizer(file), data, rows)
    checks.end()


if __name__ == "__main__":
    main()
