"""Exported directories against transformers: weights, logits, log-probabilities, tokenizer and settings."""

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from hf_model import load_model, load_tokenizer
from interop_world import Checks, arguments, rows_file, run, scores_of, tiny_models, worst_difference

FORMS = {
    "f32": ([], torch.float32),
    "bf16": (["--dtype", "bf16"], torch.bfloat16),
    "f16": (["--dtype", "f16"], torch.float16),
    "sharded": (["--shard-bytes", "60000"], torch.float32),
}
TOLERANCE = 1e-3


@torch.inference_mode()
def logits(model, ids):
    return model(ids).logits


def same_model(original, exported, dtype, ids):
    """How far the logits of the export are from those of the original rounded to the export's type."""
    rounded = load_model(original)
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.to(dtype))
    info = AutoModelForCausalLM.from_pretrained(exported, output_loading_info=True)[1]
    strange = [key for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in info[kind]]
    if strange:
        raise SystemExit(f"{exported}: {strange}")
    return (logits(rounded, ids) - logits(load_model(exported), ids)).abs().max().item()


def check_files(checks, name, original, exported, dtype):
    """Everything beside the weights."""
    before, after = AutoTokenizer.from_pretrained(original), AutoTokenizer.from_pretrained(exported)
    text = "Is 1024 two\n\n  times 512?<|im_end|> é"
    same = before(text)["input_ids"] == after(text)["input_ids"] and before.chat_template == after.chat_template
    checks.holds(name, "tokenizer and template", same)
    end = GenerationConfig.from_pretrained(exported).eos_token_id
    checks.holds(name, "end token in generation_config.json", end in (before.eos_token_id, [before.eos_token_id]))
    files = sorted(exported.glob("*.safetensors"))
    stored = {tensor.dtype for file in files for tensor in load_file(file).values()}
    checks.holds(name, "stored type", stored == {dtype})
    checks.holds(name, "shards", (len(files) > 1) == exported.name.startswith("sharded"))


def main():
    args = arguments(__doc__)
    checks = Checks()
    data = args.work / "rows.jsonl"
    rows = rows_file(data, 6)
    for family, original in tiny_models(args):
        for form, (flags, dtype) in FORMS.items():
            exported = original.parent / form
            run(args.d2o, "export", "--model", original, "--out", exported, *flags)
            name = f"{family} {form}"
            tokenizer = load_tokenizer(exported)
            ids = torch.tensor([tokenizer(rows[0]["response"])["input_ids"]])
            checks.within(name, "logits of the export in transformers", same_model(original, exported, dtype, ids), 0.0)
            check_files(checks, name, original, exported, dtype)
            model = load_model(exported)
            for chat in (False, True):
                ours = scores_of(args.d2o, exported, data, *(["--chat"] if chat else []))
                worst = worst_difference(ours, model, tokenizer, rows, chat)
                checks.within(name, f"nats per response, {'chat' if chat else 'plain'}", worst, TOLERANCE)
    checks.end()


if __name__ == "__main__":
    main()
