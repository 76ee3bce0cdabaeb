"""Greedy continuations of a model as transformers computes them, in float32 on the CPU.

    python greedy_ids.py --model SmolLM2-135M-Instruct.Q4_1.gguf \
        --out ../../crates/d2o/tests/fixtures/smollm2_greedy.json

Takes the first prompts of a JSONL file (`{"id", "prompt", ...}` a line), frames each as a single
user turn with the model's own chat template, and continues it greedily up to `--new` tokens or the
end token, which is kept. Writes

    {"model", "new", "versions", "encodings": [{"text", "ids"}],
     "prompts": [{"id", "prompt", "prompt_ids", "greedy_ids", "text", "margin"}]}

where `encodings` are texts on which tokenizers tend to differ, encoded without special tokens, and `margin` is the smallest gap, in logits, between the best and the second-best token over the
steps: a port that differs where the margin is near zero is not wrong.

`--save-dir DIR` also writes the dequantised model there as a Hugging Face directory (safetensors,
configuration, tokenizer, chat template) and checks that it loads and gives the same logits.
"""

import argparse
import itertools
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from hf_model import load_model, load_tokenizer, quiet, versions

ROOT = Path(__file__).resolve().parents[2]
PROBES = (
    "It costs 1234.50 euros, up 7% from 2019.",
    "Lists:\n\n1. one\n\n22. twenty-two   333",
    "I'll say we've won; don't you think it's SHE'S who'd know?",
    "  two blanks,\ta tab \r\n and a trailing blank ",
    "na\u00efve caf\u00e9 \u65e5\u672c\u8a9e \u0661\u0662\u0663 x\u00b2 \U0001f600",
    "def f(x):\n    return x_1 ** 2  # {square}",
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>",
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face directory or .gguf file")
    parser.add_argument("--prompts", type=Path, default=ROOT / "datasets/benign.jsonl", help="JSONL with id and prompt")
    parser.add_argument("--count", type=int, default=20, help="how many prompts to take")
    parser.add_argument("--new", type=int, default=32, help="most tokens to add to each")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    parser.add_argument("--save-dir", type=Path, help="where to save the model as safetensors")
    parser.add_argument("--threads", type=int, help="CPU threads")
    return parser.parse_args()


def first_rows(path, count):
    """The first `count` rows of a JSONL file."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, count)]
    if len(rows) < count:
        raise SystemExit(f"{path}: {len(rows)} rows, {count} asked for")
    return rows


def encodings(tokenizer):
    """The probe texts with their ids."""
    return [{"text": text, "ids": tokenizer(text, add_special_tokens=False)["input_ids"]} for text in PROBES]


def framed(tokenizer, prompt):
    """Ids of one user turn, up to where the assistant's answer begins."""
    turn = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@torch.inference_mode()
def greedy(model, ids, new, end):
    """The greedy continuation and the smallest gap between the two best logits on the way."""
    out, margin, cache, step = [], float("inf"), None, torch.tensor([ids])
    while len(out) < new:
        result = model(input_ids=step, past_key_values=cache, use_cache=True)
        cache = result.past_key_values
        best = result.logits[0, -1].topk(2)
        margin = min(margin, (best.values[0] - best.values[1]).item())
        out.append(best.indices[0].item())
        if out[-1] == end:
            break
        step = torch.tensor([out[-1:]])
    return out, margin


def continued(model, tokenizer, row, new):
    """One record of the output."""
    ids = framed(tokenizer, row["prompt"])
    out, margin = greedy(model, ids, new, tokenizer.eos_token_id)
    return {
        "id": row["id"],
        "prompt": row["prompt"],
        "prompt_ids": ids,
        "greedy_ids": out,
        "text": tokenizer.decode(out),
        "margin": round(margin, 6),
    }


def save(model, tokenizer, path):
    """Writes a Hugging Face directory; a tied head is left out, as transformers itself does."""
    path.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight")
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    model.config.save_pretrained(path)
    model.generation_config.save_pretrained(path)
    tokenizer.save_pretrained(path)


@torch.inference_mode()
def check_saved(model, tokenizer, path, ids):
    """Fails unless the saved directory gives the same ids and bit-identical logits."""
    if encodings(tokenizer) != encodings(load_tokenizer(path)):
        raise SystemExit(f"{path}: the saved tokenizer encodes differently")
    batch = torch.tensor([ids])
    if not torch.equal(model(batch).logits, load_model(path)(batch).logits):
        raise SystemExit(f"{path}: the saved model gives other logits")


def write(path, record):
    """One record a line, so that a change of the fixture is readable."""
    lists = {key: value for key, value in record.items() if isinstance(value, list)}
    head = {key: value for key, value in record.items() if key not in lists}
    text = json.dumps(head)[:-1]
    for key, rows in lists.items():
        text += f',\n "{key}": [\n  ' + ",\n  ".join(map(json.dumps, rows)) + "\n ]"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n}\n", encoding="ascii")


def main():
    args = arguments()
    if not (args.out or args.save_dir):
        raise SystemExit("nothing to do: give --out, --save-dir or both")
    quiet(args.threads)
    tokenizer, model = load_tokenizer(args.model), load_model(args.model)
    rows = first_rows(args.prompts, args.count)
    if args.save_dir:
        save(model, tokenizer, args.save_dir)
        check_saved(model, tokenizer, args.save_dir, framed(tokenizer, rows[0]["prompt"]))
    if args.out:
        prompts = [continued(model, tokenizer, row, args.new) for row in rows]
        head = {"model": args.model.name, "new": args.new, "versions": versions()}
        write(args.out, head | {"encodings": encodings(tokenizer), "prompts": prompts})
        print(f"{len(prompts)} prompts, smallest margin {min(row['margin'] for row in prompts)}")


if __name__ == "__main__":
    main()
