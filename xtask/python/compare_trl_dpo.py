"""DPO steps by TRL's trainer, float32 on the processor, the reference computed before the first step."""

import argparse
import tempfile
import warnings

from compare_shared import Laps, limit_threads, rows

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--data", required=True)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--steps", type=int, default=3)
parser.add_argument("--warmup", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
limit_threads(args.threads)
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from datasets import Dataset, disable_progress_bars  # noqa: E402
from transformers import AutoTokenizer, TrainerCallback  # noqa: E402
from trl import DPOConfig, DPOTrainer  # noqa: E402

torch.set_num_threads(args.threads)
disable_progress_bars()
laps = Laps(args.warmup)
tokens = []


class Clock(TrainerCallback):
    def on_step_begin(self, *_, **__):
        laps.__enter__()

    def on_step_end(self, *_, **__):
        laps.__exit__()
        laps.note(tokens[-1])


class Trainer(DPOTrainer):
    def compute_loss(self, model, inputs, *rest, **named):
        tokens.append(int(inputs["attention_mask"].sum()))
        return super().compute_loss(model, inputs, *rest, **named)


steps = args.steps + args.warmup
fields = ("prompt", "chosen", "rejected")
data = Dataset.from_list([{name: row[name] for name in fields} for row in rows(args.data)[: args.batch * steps]])
with tempfile.TemporaryDirectory() as out:
    config = DPOConfig(
        output_dir=out, per_device_train_batch_size=args.batch, max_steps=steps, learning_rate=1e-5, beta=0.1,
        lr_scheduler_type="constant", precompute_ref_log_probs=True, gradient_checkpointing=False, bf16=False,
        fp16=False, use_cpu=True, save_strategy="no", report_to=[], disable_tqdm=True, max_grad_norm=1.0,
        dataloader_pin_memory=False, logging_steps=10_000, seed=0,
    )
    trainer = Trainer(model=args.model, args=config, train_dataset=data, callbacks=[Clock()],
                      processing_class=AutoTokenizer.from_pretrained(args.model))
    trainer.train()
laps.summary()
