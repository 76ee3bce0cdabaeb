"""Sampling in PyTorch: `transformers.generate`, and a loop by hand over a preallocated cache.

`--samples K` asks for K answers to each of `batch / K` prompts. Nothing stops early, so that both sides
draw the same number of tokens.
"""

import argparse

from compare_shared import Laps, limit_threads, rows

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--data", required=True)
parser.add_argument("--how", choices=["transformers", "loop"], required=True)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--new", type=int, default=128)
parser.add_argument("--samples", type=int, default=1)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
limit_threads(args.threads)

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, StaticCache  # noqa: E402

torch.set_num_threads(args.threads)
tokenizer = AutoTokenizer.from_pretrained(args.model, padding_side="left")
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
texts = [row["prompt"] for row in rows(args.data)[: args.batch // args.samples]]


def by_transformers(tokens, mask):
    return model.generate(input_ids=tokens, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                          max_new_tokens=args.new, min_new_tokens=args.new, num_return_sequences=args.samples,
                          pad_token_id=tokenizer.pad_token_id)


def by_loop(tokens, mask):
    tokens, mask = (x.repeat_interleave(args.samples, 0) for x in (tokens, mask))
    rows_, width = tokens.shape
    cache = StaticCache(config=model.config, max_cache_len=width + args.new)
    seen = torch.cat([mask, torch.ones(rows_, args.new, dtype=mask.dtype)], 1)
    places = (mask.cumsum(1) - 1).clamp(min=0)
    drawn = tokens
    for step in range(args.new):
        start = 0 if step == 0 else width + step - 1
        hidden = model.model(input_ids=drawn, attention_mask=seen[:, :width + step], position_ids=places,
                             cache_position=torch.arange(start, width + step), past_key_values=cache,
                             use_cache=True).last_hidden_state[:, -1]
        drawn = torch.multinomial(torch.softmax(model.lm_head(hidden), -1), 1)
        places = places[:, -1:] + 1
    return drawn


laps = Laps(warmup=1)
for index in range(args.rounds + 1):
    torch.manual_seed(index)
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.no_grad(), laps:
        (by_transformers if args.how == "transformers" else by_loop)(batch["input_ids"], batch["attention_mask"])
    laps.note(args.batch * args.new)
laps.summary()
