"""Makes the golden fixtures: what transformers, torch and TRL say about a tiny Llama and a tiny GPT-2.

    python golden.py

Writes below `crates/*/tests/fixtures/`; each folder's README describes the fields. Everything named
neither `trl` nor `float32` is computed in float64 from float32 weights. Fixed seeds: the same versions
(see requirements.txt) write the same numbers. The script compares TRL's float32 losses with the float64
formulas and stops if they are further apart than float32 explains.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import golden_data as data
import golden_losses as losses
import golden_models as models
import golden_steps as steps
from hf_model import quiet, versions

ROOT = Path(__file__).resolve().parents[2] / "crates"
# Rows whose logits and hidden states are kept.
SHOWN = [(2, "rejected")]


def token_log_probs(model, weights, prompt, answer):
    """Log-probability of each answer token, and the whole log-distributions that they come from."""
    logits = model.logits(weights, torch.tensor(prompt + answer))
    table = logits[len(prompt) - 1 : -1].log_softmax(-1)
    return table.gather(1, torch.tensor(answer)[:, None])[:, 0], table


def scores(model, weights, examples):
    """Token log-probabilities by kind: one list a row, a list of lists for anchors."""
    of = lambda row, answer: token_log_probs(model, weights, row["prompt"], answer)[0]
    return {
        "chosen": [of(row, row["chosen"]) for row in examples],
        "rejected": [of(row, row["rejected"]) for row in examples],
        "anchors": [[of(row, anchor) for anchor in row["anchors"]] for row in examples],
    }


def summed(tokens):
    """`[rows]` or `[rows, k]`."""
    if isinstance(tokens[0], list):
        return torch.stack([summed(row) for row in tokens])
    return torch.stack([row.sum() for row in tokens])


def lengths(tokens):
    return [lengths(row) if isinstance(row, list) else len(row) for row in tokens]


def listed(tree):
    """Tensors as lists, everywhere."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().tolist()
    if isinstance(tree, dict):
        return {key: listed(value) for key, value in tree.items()}
    return [listed(value) for value in tree] if isinstance(tree, list) else tree


def write(path, record):
    """JSON with one line a top-level key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f" {json.dumps(key)}: {json.dumps(listed(value), ensure_ascii=False)}" for key, value in record.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def divergences(model, policy, reference, examples):
    """Mean entropy, and KL from policy to reference, over the rejected answers' positions."""
    entropy, kl = [], []
    for row in examples:
        p = token_log_probs(model, policy, row["prompt"], row["rejected"])[1]
        q = token_log_probs(model, reference, row["prompt"], row["rejected"])[1]
        entropy.append(-(p.exp() * p).sum(-1).mean())
        kl.append((p.exp() * (p - q)).sum(-1).mean())
    return {"entropy": entropy, "kl": kl}


def write_states(path, model, policy, examples):
    """Logits and hidden states of the shown sequences, rounded to float32."""
    tensors = {}
    for row, kind in SHOWN:
        ids = torch.tensor(examples[row]["prompt"] + examples[row][kind])
        tensors[f"{row}.{kind}.ids"] = ids
        tensors[f"{row}.{kind}.logits"] = model.logits(policy, ids)
        for layer, state in enumerate(model.states(policy, ids)):
            tensors[f"{row}.{kind}.hidden.{layer}"] = state
    floats = {name: t if name.endswith("ids") else t.detach().float().contiguous() for name, t in tensors.items()}
    save_file(floats, path)


def all_losses(by_model):
    """D2O, the DPO family and the losses on negatives alone, per row."""
    policy, reference, plus = by_model["policy"], by_model["reference"], by_model["reference_plus"]
    sums = {name: {kind: summed(tokens[kind]) for kind in tokens} for name, tokens in by_model.items()}
    w_len, l_len = (torch.tensor(lengths(policy[kind])) for kind in ("chosen", "rejected"))
    w, l = sums["policy"]["chosen"], sums["policy"]["rejected"]
    w_ref, l_ref = sums["reference"]["chosen"], sums["reference"]["rejected"]
    avoidance = torch.stack([torch.log1p(-row.exp()).sum() for row in policy["rejected"]])
    h = losses.d2o(sums["policy"]["anchors"], sums["reference"]["anchors"], l, sums["reference_plus"]["rejected"])
    first = (sums["policy"]["anchors"][:, :1], sums["reference"]["anchors"][:, :1], l, l_ref)
    one = losses.d2o(*first, losses.BETA, losses.BETA)
    return {
        "lengths": {kind: lengths(policy[kind]) for kind in policy},
        "scores": sums,
        "avoidance": avoidance,
        "d2o": {"h": h, "loss": -F.logsigmoid(h), "weight": torch.sigmoid(-h), "one_anchor_is_dpo": -F.logsigmoid(one)},
        "pairs": losses.pairs(w, l, w_ref, l_ref, w_len, l_len),
        "negatives": losses.negatives(l, l_ref, l_len, avoidance),
        "trl_functions": losses.trl_others(w, l, w_len, l_len),
    }


def desensitised(tokens):
    """Sums in which the tokens beyond the shorter answer's length count half (TRL's `ld_alpha` 0.5)."""
    shared = [min(len(w), len(l)) for w, l in zip(tokens["chosen"], tokens["rejected"])]
    of = lambda kind: [row[:n].sum() + 0.5 * row[n:].sum() for row, n in zip(tokens[kind], shared)]
    return {kind: of(kind) for kind in ("chosen", "rejected")}


def agreement(model, policy, row):
    """WPO's weight of a pair: how probable both answers are, against the model's own draws."""
    weight = 1.0
    for kind in ("chosen", "rejected"):
        log_probs, table = token_log_probs(model, policy, row["prompt"], row[kind])
        weight *= (log_probs - (2 * table).logsumexp(-1)).mean().exp()
    return weight


def compare(trl, pairs):
    """Stops unless TRL's float32 agrees with the formulas; returns the worst relative difference."""
    worst = 0.0
    for name, case in trl.items():
        if name not in pairs:
            continue
        by_row = pairs[name].tolist()
        told, expected = ([case["batch"]], [sum(by_row) / len(by_row)]) if name.startswith("aot") else (case["rows"], by_row)
        for a, b in zip(told, expected):
            difference = abs(a - b) / max(1.0, abs(b))
            if difference > 2e-4:
                raise SystemExit(f"{name}: TRL says {a}, the formula {b}")
            worst = max(worst, difference)
    return worst


def make(model, fast, examples, scratch):
    """All fixtures of one family."""
    family = model.family
    folder = ROOT / "d2o-model/tests/fixtures" / f"golden-{family}"
    seed = 21 if family == "llama" else 22
    reference = models.random_weights(model.shapes, torch.Generator().manual_seed(seed))
    kinds = {"policy": models.moved(reference, seed + 10, 0.03), "reference": reference}
    if family == "llama":
        kinds["reference_plus"] = models.moved(reference, seed + 20, 0.02)
    for name, weights in kinds.items():
        models.save(folder / name, model.config, weights)
    exact = {name: {key: value.double() for key, value in weights.items()} for name, weights in kinds.items()}
    exact.setdefault("reference_plus", exact["reference"])
    with torch.no_grad():
        by_model = {name: scores(model, weights, examples) for name, weights in exact.items()}
        write_states(folder / "states.safetensors", model, exact["policy"], examples)
        measured = divergences(model, exact["policy"], exact["reference"], examples)
        record = all_losses(by_model)
        record["desensitised"] = {name: desensitised(by_model[name]) for name in ("policy", "reference")}
        record["agreement"] = [agreement(model, exact["policy"], row) for row in examples]
    trl = losses.trl_dpo(folder, fast, examples, scratch)
    kto = losses.trl_kto(folder, fast, data.ROWS, scratch)
    worst = compare(trl, record["pairs"])
    head = {"versions": versions() | {"trl": steps.version("trl")}, "float32_trl_difference": worst}
    write(folder / "golden.json", head | {"examples": examples, "tokens": by_model["policy"], "sums": record["scores"], **measured})
    write(ROOT / f"d2o-objective/tests/fixtures/{family}.json", head | record | {"trl_float32": trl, "trl_kto_float32": kto})
    training = steps.training(model, kinds["policy"], examples, record["scores"])
    write(ROOT / f"d2o-train/tests/fixtures/golden/{family}.json", head | training["record"])
    save_file(training["weights"], ROOT / f"d2o-train/tests/fixtures/golden/{family}-adamw.safetensors")
    if family == "llama":
        row = torch.tensor(examples[0]["prompt"])
        logits = model.logits(exact["policy"], row)[-1].detach().float()
        write(ROOT / "d2o-sampler/tests/fixtures/distributions.json", head | steps.distributions(logits, row))
    print(f"{family}: TRL in float32 is {worst:.2g} from the float64 formulas")


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    quiet(threads=1)
    fast = data.tokenizer()
    examples = data.examples(fast)
    folder = ROOT / "d2o-text/tests/fixtures/golden"
    fast.save_pretrained(folder)
    write(folder / "tokenization.json", data.tokenization(fast))
    (ROOT / "d2o-train/tests/fixtures/golden").mkdir(parents=True, exist_ok=True)
    write(ROOT / "d2o-train/tests/fixtures/golden/schedules.json", steps.schedules())
    with tempfile.TemporaryDirectory() as scratch:
        for model in (models.Llama(fast), models.Gpt2(fast)):
            make(model, fast, examples, scratch)


if __name__ == "__main__":
    main()
