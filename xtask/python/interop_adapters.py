"""Adapters against PEFT, both ways: PEFT's read here, ours read there, apart and folded in."""

import json

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from hf_model import load_model, load_tokenizer
from interop_world import Checks, arguments, rows_file, run, scores_of, tiny_models, worst_difference

TOLERANCE = 1e-3
ALL = {"all": {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}}
KINDS = ALL | {
    "two in the last layer": {
        "r": 3,
        "lora_alpha": 5,
        "target_modules": ["q_proj", "down_proj"],
        "layers_to_transform": [2],
    },
    "rank-stabilised": {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj"], "use_rslora": True},
}
# What is asked of each model; the maps of the others have other names.
FAMILIES = {"llama": KINDS, "llama-tied": KINDS, "qwen2": KINDS, "phi3": ALL, "gemma2": ALL, "gpt2": ALL}
TRAINED = ("llama-tied",)
TRAINING = [
    "data.held_out=0",
    "anchors.k=2",
    "anchors.sampler.max_new_tokens=8",
    "train.steps=4",
    "train.learning_rate=2e-2",
    "stop.max_anchor_kl=0",
    'train.parameters={kind="lora", rank=3, alpha=6, targets=["q_proj", "up_proj", "down_proj"]}',
]


def peft_adapter(base, path, options):
    """A PEFT adapter of random weights, in whose second factors something stands."""
    torch.manual_seed(5)
    model = get_peft_model(load_model(base), LoraConfig(task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    model.save_pretrained(path)
    return model.eval()


def check_theirs(checks, args, family, base, data, rows):
    """PEFT's adapters on our model."""
    tokenizer = load_tokenizer(base)
    for number, (kind, options) in enumerate(FAMILIES[family].items()):
        path = base.parent / f"peft-{number}"
        model = peft_adapter(base, path, options)
        away = worst_difference(scores_of(args.d2o, base, data), model, tokenizer, rows, False)
        checks.holds(f"{family} {kind}", "the adapter does something", away > 0.1)
        for how, flags in {"apart": [], "folded in": ["--merge-adapter"]}.items():
            ours = scores_of(args.d2o, base, data, "--adapter", path, *flags)
            worst = worst_difference(ours, model, tokenizer, rows, False)
            checks.within(f"{family} {kind}", f"PEFT's adapter {how}, nats per response", worst, TOLERANCE)
        merged = base.parent / f"merged-{number}"
        run(args.d2o, "export", "--model", base, "--adapter", path, "--out", merged)
        ours = scores_of(args.d2o, merged, data)
        worst = worst_difference(ours, load_model(merged), tokenizer, rows, False)
        checks.within(f"{family} {kind}", "merged export in transformers, nats per response", worst, TOLERANCE)
        theirs = model.merge_and_unload()
        worst = worst_difference(ours, theirs, tokenizer, rows, False)
        checks.within(f"{family} {kind}", "merged export against PEFT's merge, nats per response", worst, TOLERANCE)


def train(args, base, out, negatives, *more):
    """A short adapter run; returns its directory."""
    settings = [part for setting in TRAINING for part in ("--set", setting)]
    run(args.d2o, "train", "--model", base, "--negatives", negatives, "--out", out, "--no-eval", *settings, *more)
    return out


def check_ours(checks, args, family, base, data, rows):
    """What a run leaves, in PEFT and in transformers."""
    tokenizer, negatives = load_tokenizer(base), args.work / "negatives.jsonl"
    lines = [json.dumps({"prompt": row["prompt"], "rejected": row["response"]}) for row in rows]
    negatives.write_text("\n".join(lines), encoding="utf-8")
    first = train(args, base, base.parent / "run", negatives)
    second = train(args, base, base.parent / "run-on-top", negatives, "--adapter", first / "adapter")
    before = scores_of(args.d2o, base, data)
    for name, made in {"trained": first, "trained on top of it": second}.items():
        model = PeftModel.from_pretrained(load_model(base), made / "adapter").eval()
        away = worst_difference(before, model, tokenizer, rows, False)
        checks.holds(f"{family} {name}", "training did something", away > 0.05)
        for how, flags in {"apart": [], "folded in": ["--merge-adapter"]}.items():
            ours = scores_of(args.d2o, base, data, "--adapter", made / "adapter", *flags)
            worst = worst_difference(ours, model, tokenizer, rows, False)
            checks.within(f"{family} {name}", f"our adapter {how} in PEFT, nats per response", worst, TOLERANCE)
        ours = scores_of(args.d2o, made / "model", data)
        for side, theirs in {"transformers": load_model(made / "model"), "PEFT with the adapter": model}.items():
            worst = worst_difference(ours, theirs, tokenizer, rows, False)
            checks.within(f"{family} {name}", f"the run's model in {side}, nats per response", worst, TOLERANCE)


def main():
    args = arguments(__doc__)
    checks = Checks()
    data = args.work / "rows.jsonl"
    rows = rows_file(data, 6)
    for family, base in tiny_models(args, among=FAMILIES):
        check_theirs(checks, args, family, base, data, rows)
        if family in TRAINED:
            check_ours(checks, args, family, base, data, rows)
    checks.end()


if __name__ == "__main__":
    main()
