"""Gradients, AdamW steps, learning-rate schedules and filtered distributions of the golden fixtures."""

import importlib.metadata

import torch
import torch.nn.functional as F
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    get_scheduler,
)

import golden_losses as losses
from tiny_fixture import gradient_record

LR, STEPS, CLIP, DECAY = 1e-4, 3, 1.0, 0.01
# Every how many values of the trained weights are kept.
STRIDE = 5


def version(package):
    return importlib.metadata.version(package)


def score(model, weights, prompt, answer):
    """Log-probabilities of the answer's tokens."""
    table = model.logits(weights, torch.tensor(prompt + answer))[len(prompt) - 1 : -1].log_softmax(-1)
    return table.gather(1, torch.tensor(answer)[:, None])[:, 0]


def objectives(model, examples, sums):
    """Mean losses over the rows as functions of the policy's weights."""
    of = lambda weights, kind: torch.stack([score(model, weights, row["prompt"], row[kind]).sum() for row in examples])
    anchors = lambda weights: torch.stack(
        [torch.stack([score(model, weights, row["prompt"], a).sum() for a in row["anchors"]]) for row in examples]
    )
    reference, plus = sums["reference"], sums["reference_plus"]

    def d2o(weights):
        h = losses.d2o(anchors(weights), reference["anchors"], of(weights, "rejected"), plus["rejected"])
        return -F.logsigmoid(h).mean()

    def dpo(weights):
        margin = of(weights, "chosen") - reference["chosen"] - of(weights, "rejected") + reference["rejected"]
        return -F.logsigmoid(losses.BETA * margin).mean()

    def npo(weights):
        ratio = of(weights, "rejected") - reference["rejected"]
        return (-2 / losses.BETA * F.logsigmoid(-losses.BETA * ratio)).mean()

    def unlikelihood(weights):
        rows = [torch.log1p(-score(model, weights, row["prompt"], row["rejected"]).exp()).sum() for row in examples]
        return -torch.stack(rows).mean()

    return {"d2o": d2o, "dpo": dpo, "npo": npo, "unlikelihood": unlikelihood}


def leaves(weights):
    return {name: value.double().requires_grad_() for name, value in weights.items()}


def training(model, policy, examples, sums):
    """Gradients of four objectives, and the weights after AdamW steps on D2O."""
    record = {"beta": losses.BETA, "alpha": losses.ALPHA, "examples": examples, "sums": sums, "gradients": {}}
    functions = objectives(model, examples, sums)
    for name, loss in functions.items():
        weights = leaves(policy)
        value = loss(weights)
        gradients = dict(zip(weights, torch.autograd.grad(value, list(weights.values()))))
        record["gradients"][name] = {
            "loss": value.item(),
            "parameters": {key: gradient_record(gradient) for key, gradient in gradients.items()},
        }
    weights = leaves(policy)
    parameters = list(weights.values())
    adamw = torch.optim.AdamW(parameters, lr=LR, betas=(0.9, 0.999), eps=1e-8, weight_decay=DECAY)
    trace = []
    for _ in range(STEPS):
        adamw.zero_grad()
        loss = functions["d2o"](weights)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        adamw.step()
        trace.append({"loss": loss.item(), "norm": norm.item()})
    settings = {"lr": LR, "betas": [0.9, 0.999], "epsilon": 1e-8, "weight_decay": DECAY, "clip": CLIP, "stride": STRIDE}
    record["adamw"] = {**settings, "trace": trace}
    kept = {name: value.detach().float().flatten()[::STRIDE].contiguous() for name, value in weights.items()}
    return {"record": record, "weights": kept}


def schedules():
    """Learning rates of transformers' schedulers over a run of 12 steps, from a peak of 1."""
    record = {"warmup_steps": 3, "steps": 12, "min_lr_rate": 0.1}
    more = {"cosine_with_min_lr": {"min_lr_rate": record["min_lr_rate"]}}
    for name in ("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_min_lr"):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = get_scheduler(name, optimizer, 3, 12, scheduler_specific_kwargs=more.get(name, {}))
        record[name] = []
        for _ in range(12):
            record[name].append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
    return record


def distributions(logits, context):
    """Probabilities that are left by transformers' logits processors, in the order of generation."""
    penalty, temperature = RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper
    cases = [
        ({"temperature": 0.7}, [temperature(0.7)]),
        ({"top_k": 20}, [TopKLogitsWarper(20)]),
        ({"top_p": 0.9}, [TopPLogitsWarper(0.9)]),
        ({"min_p": 0.05}, [MinPLogitsWarper(0.05)]),
        ({"repetition_penalty": 1.3}, [penalty(1.3)]),
        (
            {"repetition_penalty": 1.3, "temperature": 0.7, "top_k": 40, "top_p": 0.8},
            [penalty(1.3), temperature(0.7), TopKLogitsWarper(40), TopPLogitsWarper(0.8)],
        ),
        (
            {"temperature": 1.4, "top_k": 60, "top_p": 0.95, "min_p": 0.1},
            [temperature(1.4), TopKLogitsWarper(60), TopPLogitsWarper(0.95), MinPLogitsWarper(0.1)],
        ),
    ]
    filtered = []
    for settings, processors in cases:
        scores = LogitsProcessorList(processors)(context[None], logits.double()[None])
        probabilities = scores.softmax(-1)[0]
        kept = torch.nonzero(probabilities > 0)[:, 0]
        filtered.append({"settings": settings, "ids": kept, "probabilities": probabilities[kept]})
    return {"context": context, "logits": logits, "filtered": filtered}
