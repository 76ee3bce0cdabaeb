"""Log-probability of given responses as transformers computes it, in float32 on the CPU.

    python score_rows.py --model DIR|FILE.gguf --data rows.jsonl [--chat]

Reads `{"id", "prompt", "response"}` a line and prints what `d2o score` prints,

    {"id", "prompt_tokens", "response_tokens", "log_prob"}

with `log_prob` in nats, summed over the response and its end token. Without `--chat` the two texts
are encoded apart, no special tokens are added, and the end token follows the response. With
`--chat` the model's template frames the prompt as one user turn (or the row's `messages`), up to
where the answer begins; the response is encoded apart and closed by the end token.

Each row runs alone, without padding. With `--compare FILE` the output of `d2o score` on the same
rows is read too, and the worst absolute difference is printed to standard error; it exits with 1
if token counts differ or the difference is above `--tolerance`.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from hf_model import load_model, load_tokenizer, quiet


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face directory or .gguf file")
    parser.add_argument("--data", type=Path, required=True, help="JSONL with id, prompt and response")
    parser.add_argument("--chat", action="store_true", help="frame the prompt with the model's chat template")
    parser.add_argument("--limit", type=int, help="score the first rows only")
    parser.add_argument("--compare", type=Path, help="output of `d2o score` on the same rows")
    parser.add_argument("--tolerance", type=float, default=5e-3, help="nats; used with --compare")
    parser.add_argument("--threads", type=int, help="CPU threads")
    return parser.parse_args()


def read_rows(path, limit=None):
    """The non-empty lines of a JSONL file, parsed."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return rows[:limit]


def prompt_ids(tokenizer, row, chat):
    """Ids of the prompt, framed by the template or plain."""
    if not chat:
        return tokenizer(row["prompt"], add_special_tokens=False)["input_ids"]
    turns = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@torch.inference_mode()
def log_prob(model, prompt, response):
    """Summed log-probability, in nats, of `response` after `prompt`."""
    logits = model(torch.tensor([prompt + response])).logits[0]
    # The logits at position t predict token t + 1.
    predictions = logits[len(prompt) - 1 : -1].float().log_softmax(-1)
    return predictions.gather(1, torch.tensor(response)[:, None]).double().sum().item()


def score(model, tokenizer, row, chat):
    """One record of the output."""
    prompt = prompt_ids(tokenizer, row, chat)
    response = tokenizer(row["response"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return {
        "id": row["id"],
        "prompt_tokens": len(prompt),
        "response_tokens": len(response),
        "log_prob": log_prob(model, prompt, response),
    }


def compare(scores, path, tolerance):
    """Exits with 1 unless the rows in `path` agree with `scores`."""
    theirs = {row["id"]: row for row in read_rows(path) if "log_prob" in row}
    worst, complaints = (0.0, None), []
    for mine in scores:
        other = theirs.get(mine["id"])
        if other is None:
            complaints.append(f"{mine['id']}: not in {path}")
            continue
        for count in ("prompt_tokens", "response_tokens"):
            if mine[count] != other[count]:
                complaints.append(f"{mine['id']}: {count} {mine[count]} here, {other[count]} there")
        worst = max(worst, (abs(mine["log_prob"] - other["log_prob"]), mine["id"]), key=lambda pair: pair[0])
    if worst[0] > tolerance:
        complaints.append(f"{worst[1]}: differs by {worst[0]:.3g} nats, {tolerance:g} allowed")
    print(f"{len(scores)} rows, worst difference {worst[0]:.3g} nats", file=sys.stderr)
    if complaints:
        raise SystemExit("\n".join(complaints))


def main():
    args = arguments()
    quiet(args.threads)
    tokenizer, model = load_tokenizer(args.model), load_model(args.model)
    scores = []
    for row in read_rows(args.data, args.limit):
        scores.append(score(model, tokenizer, row, args.chat))
        print(json.dumps(scores[-1]), flush=True)
    tokens = sum(row["response_tokens"] for row in scores)
    total = sum(row["log_prob"] for row in scores)
    if tokens:
        print(f"{total / tokens:.6f} nats a token over {tokens} tokens", file=sys.stderr)
    if args.compare:
        compare(scores, args.compare, args.tolerance)


if __name__ == "__main__":
    main()
