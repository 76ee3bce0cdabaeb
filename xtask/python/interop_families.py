"""Every model family against transformers and PEFT: exports, adapters and folded adapters of the tests' fixtures.

A test of `d2o-model` that is ignored otherwise writes, for each family, `base`, `adapter`, `merged` and
`logits.json` with the logits that it computed; the other side computes them again from the files.
"""

import json
import os
import subprocess

import torch
from peft import PeftModel

from hf_model import load_model
from interop_world import ROOT, Checks, arguments

# The features of `cargo xtask test`, so that nothing is compiled twice.
SCOPE = ["--workspace"]
TEST = ["test", *SCOPE, "--test", "model", "interop", "--", "--ignored"]
# Relative to the largest logit, or to 1.
TOLERANCE = 1e-4


@torch.inference_mode()
def worst(model, ids, expected):
    """The largest distance of the model's logits from `expected`, relative to the largest of these."""
    found = model(ids, use_cache=False).logits
    expected = torch.tensor(expected).view_as(found)
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


def main():
    args = arguments(__doc__)
    checks = Checks()
    work = args.work.resolve()
    subprocess.run(
        [os.environ.get("CARGO", "cargo"), *TEST],
        cwd=ROOT,
        env=os.environ | {"D2O_INTEROP_DIR": str(work)},
        check=True,
    )
    families = sorted(path.parent for path in work.glob("*/logits.json"))
    checks.holds("all", "families were written", len(families) > 0)
    for folder in families:
        figures = json.loads((folder / "logits.json").read_text(encoding="utf-8"))
        ids, name = torch.tensor(figures["ids"]), folder.name
        base = load_model(folder / "base")
        checks.within(name, "our logits, by transformers", worst(base, ids, figures["base"]), TOLERANCE)
        adapted = PeftModel.from_pretrained(base, folder / "adapter").eval()
        checks.within(name, "our logits with adapter, by PEFT", worst(adapted, ids, figures["adapted"]), TOLERANCE)
        merged = load_model(folder / "merged")
        checks.within(name, "our logits of merged shards", worst(merged, ids, figures["adapted"]), TOLERANCE)
    checks.end()


if __name__ == "__main__":
    main()
