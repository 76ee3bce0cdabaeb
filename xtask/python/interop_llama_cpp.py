"""Exported GGUF in llama.cpp: the same ids, nearly the same log-probabilities, the same greedy words.

llama.cpp keeps keys and values in half precision and rounds inputs of quantised products, so its
log-probabilities are near and not equal.
"""

import json
from pathlib import Path

import numpy as np

from interop_smollm2 import fetched
from interop_world import Checks, arguments, leave_out, rows_file, run, scores_of, tiny_models

NEW = 24
TOLERANCES = {"f32": 0.02, "f16": 0.02, "q8_0": 0.2}


def load(path):
    from llama_cpp import Llama

    return Llama(str(path), n_ctx=512, n_batch=512, logits_all=True, n_gpu_layers=0, verbose=False)


def log_prob(model, prompt, response):
    """Summed log-probability, in nats, of `response` after `prompt`."""
    model.reset()
    model.eval(prompt + response)
    logits = np.array(model.scores[len(prompt) - 1 : len(prompt) + len(response) - 1], dtype=np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return log_probs[np.arange(len(response)), response].sum().item()


def ids(model, text):
    return model.tokenize(text.encode(), add_bos=False, special=True)


def greedy(model, prompt):
    """The most likely continuation."""
    model.reset()
    out = []
    for token in model.generate(prompt, temp=0.0, top_k=1, repeat_penalty=1.0):
        out.append(token)
        if len(out) == NEW or token == model.token_eos():
            return out


def compare(checks, args, name, file, data, rows, tolerance):
    model = load(file)
    ours = scores_of(args.d2o, file, data)
    worst, counted = 0.0, True
    for row in rows:
        prompt, response = ids(model, row["prompt"]), ids(model, row["response"]) + [model.token_eos()]
        mine = ours[row["id"]]
        counted &= (len(prompt), len(response)) == (mine["prompt_tokens"], mine["response_tokens"])
        per_token = abs(mine["log_prob"] - log_prob(model, prompt, response)) / len(response)
        worst = max(worst, per_token)
    checks.holds(name, "token counts in llama.cpp", counted)
    checks.within(name, "nats per token in llama.cpp", worst, tolerance)
    return model


def compare_greedy(checks, args, name, file, data, rows, model):
    """Greedy words, which may part where two tokens are equally likely: most must agree to the end."""
    lines = run(args.d2o, "generate", "--model", file, "--prompts", data, "--greedy", "--max-new-tokens", str(NEW))
    ours = {record["id"]: record["tokens"] for record in map(json.loads, lines.splitlines())}
    theirs = {row["id"]: greedy(model, ids(model, row["prompt"])) for row in rows}
    agreed = sum(ours[key] == theirs[key] for key in theirs)
    print(f"{name}: {agreed} of {len(rows)} greedy continuations of {NEW} tokens are equal")
    checks.holds(name, "most greedy continuations in llama.cpp", 2 * agreed > len(rows))


def main():
    args = arguments(__doc__, ("--model", {"type": Path, "help": "SmolLM2's file, if it is not in the cache"}))
    try:
        import llama_cpp  # noqa: F401
    except ImportError:
        leave_out("needs llama-cpp-python, which `cargo xtask interop --llama-cpp` builds")
    checks = Checks()
    data = args.work / "rows.jsonl"
    rows = rows_file(data, 6)
    for family, original in tiny_models(args.work):
        for kind, tolerance in TOLERANCES.items():
            file = original.parent / f"{kind}.gguf"
            run(args.d2o, "export", "--model", original, "--out", file, "--dtype", kind)
            compare(checks, args, f"{family} {kind}", file, data, rows, tolerance)
    source = args.model or fetched()
    if source is not None:
        for kind in ("f16", "q8_0"):
            file = args.work / f"smollm2-{kind}.gguf"
            run(args.d2o, "export", "--model", source, "--out", file, "--dtype", kind)
            model = compare(checks, args, f"smollm2 {kind}", file, data, rows, TOLERANCES[kind])
            compare_greedy(checks, args, f"smollm2 {kind}", file, data, rows, model)
    checks.end()


if __name__ == "__main__":
    main()
