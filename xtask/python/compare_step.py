"""A D2O step in PyTorch, eager, float32: what people write today, and the best layout by hand.

`--layout naive` repeats the prompt for each response and projects every position through the head;
`--layout prefix` runs the prompts once, repeats their key-value cache, runs the responses as short rows
against it, and projects response positions only. `--reference live` computes the reference at each step.
"""

import argparse

from compare_shared import Laps, limit_threads, rows

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--data", required=True)
parser.add_argument("--layout", choices=["naive", "prefix"], required=True)
parser.add_argument("--reference", choices=["stored", "live"], required=True)
parser.add_argument("--k", type=int, default=8)
parser.add_argument("--prompts", type=int, default=4)
parser.add_argument("--steps", type=int, default=3)
parser.add_argument("--warmup", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
limit_threads(args.threads)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache  # noqa: E402

torch.set_num_threads(args.threads)
BETA = ALPHA = 0.1
tokenizer = AutoTokenizer.from_pretrained(args.model)
policy = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).train()
base = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval().requires_grad_(False)
optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-5, weight_decay=0.0)


def ids(text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def group(row):
    """The prompt, and the rejected response followed by the anchors, each with its end token."""
    responses = [row["rejected"]] + [row["anchors"][i % len(row["anchors"])] for i in range(args.k)]
    return ids(row["prompt"]), [ids(text) + [tokenizer.eos_token_id] for text in responses]


def padded(lists, left=False):
    width = max(map(len, lists))
    values = torch.zeros(len(lists), width, dtype=torch.long)
    mask = torch.zeros_like(values)
    for row, items in enumerate(lists):
        place = slice(width - len(items), width) if left else slice(0, len(items))
        values[row, place] = torch.tensor(items)
        mask[row, place] = 1
    return values, mask


def naive(model, groups):
    pairs = [(prompt, response) for prompt, responses in groups for response in responses]
    tokens, mask = padded([prompt + response for prompt, response in pairs])
    scored = torch.zeros_like(mask)
    for row, (prompt, response) in enumerate(pairs):
        scored[row, len(prompt):len(prompt) + len(response)] = 1
    logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits[:, :-1]
    log_probs = F.log_softmax(logits, -1).gather(-1, tokens[:, 1:, None])[..., 0]
    return (log_probs * scored[:, 1:]).sum(1)


def prefix(model, groups):
    count = len(groups[0][1])
    prompts, prompt_mask = padded([prompt for prompt, _ in groups], left=True)
    responses = [response for _, each in groups for response in each]
    tokens, mask = padded([response[:-1] for response in responses])
    cache = DynamicCache()
    places = (prompt_mask.cumsum(1) - 1).clamp(min=0)
    ends = model.model(input_ids=prompts, attention_mask=prompt_mask, position_ids=places, past_key_values=cache,
                       use_cache=True).last_hidden_state[:, -1]
    cache.batch_repeat_interleave(count)
    lengths = prompt_mask.sum(1).repeat_interleave(count)
    places = lengths[:, None] + torch.arange(tokens.shape[1])
    seen = torch.cat([prompt_mask.repeat_interleave(count, 0), mask], 1)
    inner = model.model(input_ids=tokens, attention_mask=seen, position_ids=places, past_key_values=cache,
                        use_cache=True).last_hidden_state
    hidden = torch.cat([ends.repeat_interleave(count, 0)[:, None], inner], 1)
    owner = torch.tensor([row for row, response in enumerate(responses) for _ in response])
    place = torch.tensor([index for response in responses for index in range(len(response))])
    target = torch.tensor([token for response in responses for token in response])
    log_probs = F.log_softmax(model.lm_head(hidden[owner, place]), -1).gather(-1, target[:, None])[:, 0]
    return torch.zeros(len(responses)).index_add(0, owner, log_probs)


scores = naive if args.layout == "naive" else prefix


def reference(groups):
    with torch.no_grad():
        return scores(base, groups)


data = [group(row) for row in rows(args.data)[: args.prompts * (args.steps + args.warmup)]]
batches = [data[start:start + args.prompts] for start in range(0, len(data), args.prompts)]
stored = [reference(groups) for groups in batches] if args.reference == "stored" else None
if stored is not None:
    del base
laps = Laps(args.warmup)
for index, groups in enumerate(batches):
    with laps:
        ratios = scores(policy, groups) - (reference(groups) if stored is None else stored[index])
        ratios = ratios.view(len(groups), -1)
        loss = -F.logsigmoid(BETA * ratios[:, 1:].mean(1) - ALPHA * ratios[:, 0]).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    naive_tokens = sum(len(prompt) + len(response) for prompt, responses in groups for response in responses)
    laps.note(naive_tokens, float(loss.detach()))
laps.summary()
