"""The losses of the golden fixtures: written out in float64, and as TRL computes them in float32."""

import math
import warnings

import torch
import torch.nn.functional as F
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForCausalLM

BETA, ALPHA, SMOOTHING, TAU = 0.1, 0.25, 0.1, 0.05

# name of a case -> arguments of TRL's DPOConfig
DPO_CASES = {
    **{
        name: {"loss_type": [name]}
        for name in (
            "sigmoid hinge ipo nca_pair bco_pair sppo_hard apo_zero apo_down discopop sigmoid_norm sft".split()
        )
    },
    **{
        name: {"loss_type": [name], "label_smoothing": SMOOTHING} for name in ("exo_pair", "robust", "aot", "aot_unpaired")
    },
    **{
        f"f_{name}": {"loss_type": ["sigmoid"], "f_divergence_type": name}
        for name in ("forward_kl", "js_divergence", "alpha_divergence")
    },
    "length_desensitised": {"loss_type": ["sigmoid"], "ld_alpha": 0.5},
    "weighted": {"loss_type": ["sigmoid"], "use_weighting": True},
    "mixed": {"loss_type": ["sigmoid", "bco_pair", "sft"], "loss_weights": [0.8, 0.2, 1.0]},
}


def d2o(anchors, anchor_reference, rejected, rejected_reference, beta=BETA, alpha=ALPHA):
    """The argument h of D2O's link; anchors `[rows, k]`, rejected `[rows]`."""
    return beta * (anchors - anchor_reference).mean(1) - alpha * (rejected - rejected_reference)


def pairs(w, l, w_ref, l_ref, w_len, l_len):
    """The DPO family per row, from summed log-probabilities and lengths in tokens."""
    log, sig = F.logsigmoid, torch.sigmoid
    up, down = w - w_ref, l - l_ref
    z, target = BETA * (up - down), 0.5 / BETA
    odds = lambda s, n: s / n - torch.log1p(-(s / n).exp())
    smoothed = lambda x: -(1 - SMOOTHING) * log(x) - SMOOTHING * log(-x)
    divergence = lambda g: -log(BETA * (g(up) - g(down)))
    return {
        "sigmoid": -log(z),
        "smoothed": smoothed(z),
        "hinge": torch.relu(1 - z),
        "ipo": (up / w_len - down / l_len - target) ** 2,
        "exo_pair": sig(z) * (log(z) - math.log(1 - SMOOTHING)) + sig(-z) * (log(-z) - math.log(SMOOTHING)),
        "nca_pair": -log(BETA * up) - 0.5 * log(-BETA * up) - 0.5 * log(-BETA * down),
        "robust": ((SMOOTHING - 1) * log(z) + SMOOTHING * log(-z)) / (1 - 2 * SMOOTHING),
        "bco_pair": -log(BETA * up) - log(-BETA * down),
        "sppo_hard": (up - target) ** 2 + (down + target) ** 2,
        "apo_zero": 1 - sig(BETA * up) + sig(BETA * down),
        "apo_down": sig(BETA * up) + 1 - sig(z),
        "discopop": -log(z) * (1 - sig(z / TAU)) + torch.exp(-z) * sig(z / TAU),
        "sigmoid_norm": -log(BETA * (up / w_len - down / l_len)),
        "aot": smoothed(BETA * ((w - l).sort()[0] - (w_ref - l_ref).sort()[0])),
        "aot_unpaired": smoothed(BETA * (up.sort()[0] - down.sort()[0])),
        "f_forward_kl": divergence(lambda ratio: -torch.exp(-ratio)),
        "f_js_divergence": divergence(log),
        "f_alpha_divergence": divergence(lambda ratio: -2 * torch.exp(-0.5 * ratio)),
        "sft": -w / w_len,
        "rpo": -log(z) - w / w_len,
        "slic": torch.relu(1 - w + l) - 0.1 * w,
        "simpo": -log(2 * w / w_len - 2 * l / l_len - 0.5),
        "dpop": -log(0.3 * (up - down - 50 * torch.relu(-up))),
        "cal_dpo": -log(up - down) + 0.5 * ((up - target) ** 2 + (down + target) ** 2),
        "kto": 1 - sig(BETA * up) + 1 - sig(-BETA * down),
        "cpo": -log(BETA * (w - l)) - w / w_len,
        "orpo": -w / w_len - BETA * log(odds(w, w_len) - odds(l, l_len)),
    }


def negatives(l, l_ref, l_len, avoidance):
    """Losses that need no positive; `avoidance` is the sum of log(1 - p) over the tokens."""
    ratio = l - l_ref
    return {
        "gradient_ascent": l / l_len,
        "npo": -2 / BETA * F.logsigmoid(-BETA * ratio),
        "simnpo": -2 / 2.5 * F.logsigmoid(2.5 * (-l / l_len - 0.5)),
        "unlikelihood": -avoidance,
    }


def trl_dpo(folder, fast, examples, out):
    """TRL's `DPOTrainer` on the same ids, in float32: every case row by row and as one batch."""
    from trl import DPOConfig, DPOTrainer

    disable_progress_bars()
    warnings.filterwarnings("ignore")
    load = lambda name: AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32)
    text = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}])
    rows = [{f"{key}_ids": row[key] for key in ("prompt", "chosen", "rejected")} for row in examples]
    results = {}
    for name, arguments in DPO_CASES.items():
        config = DPOConfig(
            output_dir=str(out), beta=BETA, max_length=None, use_cpu=True, bf16=False, fp16=False,
            gradient_checkpointing=False, report_to=[], disable_tqdm=True, save_strategy="no", seed=0, **arguments,
        )  # fmt: skip
        trainer = DPOTrainer(
            model=load("policy"), ref_model=load("reference"), args=config, train_dataset=text, processing_class=fast
        )

        def loss(chosen):
            with torch.no_grad():
                return float(trainer.compute_loss(trainer.model, trainer.data_collator(chosen)))

        results[name] = {"rows": [loss([row]) for row in rows], "batch": loss(rows)}
    return results


def trl_others(w, l, w_len, l_len):
    """The loss functions of TRL's CPO and ORPO trainers on float64 scores."""
    from types import SimpleNamespace

    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer

    place = SimpleNamespace(device="cpu")
    trainer = lambda **more: SimpleNamespace(accelerator=place, label_smoothing=0.0, alpha=0.0, simpo_gamma=0.5, **more)
    return {
        "simpo": CPOTrainer.cpo_loss(trainer(beta=2.0, loss_type="simpo"), w / w_len, l / l_len)[0],
        "cpo_preference": CPOTrainer.cpo_loss(trainer(beta=BETA, loss_type="sigmoid"), w, l)[0],
        "orpo_preference": -ORPOTrainer.odds_ratio_loss(trainer(beta=BETA), w / w_len, l / l_len)[0],
    }


def trl_kto(folder, fast, rows, out):
    """TRL's `KTOTrainer`: batches with the KL estimate that it made from mismatched pairs."""
    from trl import KTOConfig, KTOTrainer

    load = lambda name: AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32)
    data = [
        {"prompt": row[0], "completion": row[1] if good else row[2], "label": good}
        for i, row in enumerate(rows)
        for good in [i % 2 == 0]
    ]
    config = KTOConfig(
        output_dir=str(out), beta=BETA, per_device_train_batch_size=4, use_cpu=True, bf16=False, fp16=False,
        gradient_checkpointing=False, report_to=[], disable_tqdm=True, save_strategy="no", seed=0, max_length=None,
        desirable_weight=0.8, undesirable_weight=1.3, train_sampling_strategy="sequential",
    )  # fmt: skip
    trainer = KTOTrainer(
        model=load("policy"), ref_model=load("reference"), args=config, train_dataset=Dataset.from_list(data),
        processing_class=fast,
    )  # fmt: skip
    trainer.model.train()  # it files its metrics by mode; there is no dropout
    batches = []
    for first in range(0, len(data), 4):
        batch = [trainer.train_dataset[i] for i in range(first, first + 4)]
        trainer._metrics["train"].clear()
        with torch.no_grad():
            loss = float(trainer.compute_loss(trainer.model, trainer.data_collator(batch)))
        batches.append({"first": first, "loss": loss, "kl": trainer._metrics["train"]["kl"][-1]})
    return batches
