"""SmolLM2-135M-Instruct, aligned here, in transformers: 50 real questions and answers, from every form.

The fetched GGUF file (Q4_1) is scored as it is, exported as a directory in float32 and bfloat16 and as
GGUF in Q8_0, trained for a few steps with adapters, and the result scored with the adapter apart,
folded in, and as the exported model; transformers and PEFT score the same rows in float32.
"""

import json
import os
from pathlib import Path

from peft import PeftModel

from hf_model import load_model, load_tokenizer
from interop_world import BENIGN, Checks, arguments, leave_out, rows_file, run, scores_of, worst_difference
from score_rows import read_rows

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
PAIRS = 50
TOLERANCE = 1e-3
TRAINING = [
    "data.held_out=0",
    "data.max_response_tokens=48",
    "anchors.k=2",
    "anchors.sampler.max_new_tokens=16",
    "anchors.redraws=0",
    "train.groups_per_step=4",
    "train.steps=2",
    "train.warmup_steps=0",
    "train.learning_rate=1e-3",
    "stop.max_anchor_kl=0",
    'train.parameters={kind="lora", rank=8, alpha=16}',
]


def fetched():
    """The file in the cache of `d2o fetch`."""
    below = os.environ.get("D2O_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "d2o"
    return next(Path(below).rglob(NAME), None)


def train(args, model):
    """A short alignment with adapters; the rejected answers are those of the last benign rows."""
    negatives, out = args.work / "negatives.jsonl", args.work / "run"
    rows = read_rows(BENIGN)[-8:]
    lines = [json.dumps({"prompt": row["prompt"], "rejected": row["response"]}) for row in rows]
    negatives.write_text("\n".join(lines), encoding="utf-8")
    settings = [part for setting in TRAINING for part in ("--set", setting)]
    run(args.d2o, "train", "--model", model, "--negatives", negatives, "--out", out, "--no-eval", *settings)
    return out


def main():
    args = arguments(__doc__, ("--model", {"type": Path, "help": "the file, if it is not in the cache"}))
    source = args.model or fetched()
    if source is None:
        leave_out("needs `cargo xtask fetch smollm2-135m-instruct`")
    checks = Checks()
    data = args.work / "rows.jsonl"
    rows = rows_file(data, PAIRS, longest=0)
    tokenizer = load_tokenizer(source)
    f32, bf16, q8 = args.work / "f32", args.work / "bf16", args.work / "q8_0.gguf"
    run(args.d2o, "export", "--model", source, "--out", f32)
    run(args.d2o, "export", "--model", source, "--out", bf16, "--dtype", "bf16")
    run(args.d2o, "export", "--model", source, "--out", q8, "--dtype", "q8_0")
    made = train(args, source)
    base = load_model(f32)
    before = scores_of(args.d2o, f32, data, "--chat")

    def compare(form, theirs, model, *more):
        ours = scores_of(args.d2o, model, data, "--chat", *more)
        worst = worst_difference(ours, theirs, tokenizer, rows, True)
        checks.within("smollm2", f"{form}, nats per response over {len(rows)}", worst, TOLERANCE)

    compare("GGUF Q4_1", load_model(source), source)
    compare("safetensors f32", base, f32)
    compare("safetensors bf16", load_model(bf16), bf16)
    compare("GGUF Q8_0 of our making", load_model(q8), q8)
    compare("aligned, LoRA folded in by the run", load_model(made / "model"), made / "model")
    adapted = PeftModel.from_pretrained(base, made / "adapter").eval()
    compare("aligned, LoRA apart", adapted, source, "--adapter", made / "adapter")
    compare("aligned, LoRA folded in at loading", adapted, source, "--adapter", made / "adapter", "--merge-adapter")
    away = worst_difference(before, adapted, tokenizer, rows, True)
    checks.holds("smollm2", "the alignment did something", away > 0.1)
    checks.end()


if __name__ == "__main__":
    main()
