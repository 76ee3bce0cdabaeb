"""Compares exported models in transformers and PEFT with the logits that d2o-model gave.

    D2O_INTEROP_DIR=DIR cargo test -p d2o-model --test model interop -- --ignored
    python check_export.py DIR

DIR holds a folder for each family with `base`, `adapter`, `merged` and `logits.json`. Each line of the
output is tab-separated: `parity`, family, quantity, tolerance, worst difference, backend. Exit status 1
if a difference is beyond its tolerance.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel

from hf_model import load_model, quiet

TOLERANCE = 1e-4


def worst(model, ids, expected):
    """Largest distance of the model's logits from `expected`, relative to 1 or to the largest logit."""
    with torch.inference_mode():
        found = model(ids, use_cache=False).logits
    expected = torch.tensor(expected).view_as(found)
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


def checks(folder):
    """Quantity and worst difference of everything below one family's folder."""
    figures = json.loads((folder / "logits.json").read_text(encoding="utf-8"))
    ids = torch.tensor(figures["ids"])
    yield "transformers' logits of the export", worst(load_model(folder / "base"), ids, figures["base"])
    adapted = PeftModel.from_pretrained(load_model(folder / "base"), folder / "adapter")
    yield "PEFT's logits of base and adapter", worst(adapted, ids, figures["adapted"])
    yield "transformers' logits of merged shards", worst(load_model(folder / "merged"), ids, figures["adapted"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    quiet(threads=1)
    # A warning of PEFT or transformers about an export is a defect of the export.
    warnings.filterwarnings("error", module="peft")
    families = sorted(path.parent for path in args.folder.glob("*/logits.json"))
    if not families:
        sys.exit(f"{args.folder}: no family with a logits.json")
    good = True
    for folder in families:
        for quantity, difference in checks(folder):
            print(f"parity\t{folder.name}\t{quantity}\t{TOLERANCE:.0e}\t{difference:.1e}\tflex", flush=True)
            good &= difference < TOLERANCE
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
