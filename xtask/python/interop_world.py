"""What the checks of `cargo xtask interop` share: running `d2o`, tiny models to run it on, and comparing.

A check is a script `interop_NAME.py --d2o PROGRAM --work DIR`. It exits with 0 if all agrees, with 1
and the reason if not, and with 77 after saying what it would need.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from hf_model import quiet
from score_rows import read_rows, score

ROOT = Path(__file__).resolve().parents[2]
BENIGN = ROOT / "datasets" / "benign.jsonl"
LEFT_OUT = 77
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def arguments(doc, *more):
    """The arguments of a check; `more` are (flag, options) beside the usual ones."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--d2o", type=Path, required=True, help="the program")
    parser.add_argument("--work", type=Path, required=True, help="an empty folder for what is written")
    parser.add_argument("--only", nargs="*", help="names of tiny models, instead of all")
    for flag, options in more:
        parser.add_argument(flag, **options)
    args = parser.parse_args()
    quiet()
    args.d2o = args.d2o.resolve()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    return args


def leave_out(reason):
    """Ends the check without a verdict."""
    print(f"left out: {reason}")
    sys.exit(LEFT_OUT)


def run(program, *args):
    """The output of `d2o ARGS`; its complaint ends the check."""
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"d2o {' '.join(map(str, args))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


class Checks:
    """Differences against their tolerances, told as they are found."""

    def __init__(self):
        self.failed = []

    def within(self, family, quantity, worst, tolerance):
        """Notes the worst difference of a quantity."""
        print(f"parity\t{family}\t{quantity}\t{tolerance:g}\t{worst:.3g}\tflex", flush=True)
        if not worst <= tolerance:
            self.failed.append(f"{family}, {quantity}: {worst:.3g}, {tolerance:g} allowed")

    def holds(self, family, what, truth):
        """Notes a condition."""
        self.within(family, what, 0.0 if truth else float("inf"), 0.0)

    def end(self):
        """Exits with 1 if anything failed."""
        if self.failed:
            raise SystemExit("\n".join(self.failed))


def tokenizer():
    """Byte-level BPE that splits digits, as SmolLM2 does, with ChatML framing."""
    bpe = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator((row["response"] for row in read_rows(BENIGN)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=TEMPLATE,
    )


def sizes(tokens):
    """Sizes of the tiny models; a few embedding rows have no token."""
    return {
        "vocab_size": tokens + 12,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def families(tokens):
    """Name and configuration of every tiny model, and whether GGUF has a form for it here."""
    size = sizes(tokens)
    llama3 = {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    gemma = {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 16}
    yield "llama", LlamaConfig(**size, head_dim=16, tie_word_embeddings=False), True
    yield "llama-tied", LlamaConfig(**size, rope_theta=5000.0, tie_word_embeddings=True), True
    yield "llama3", LlamaConfig(**size, rope_parameters=llama3, tie_word_embeddings=True), True
    yield "mistral", MistralConfig(**size, sliding_window=None), True
    yield "mistral-window", MistralConfig(**size, sliding_window=16), False
    yield "qwen2", Qwen2Config(**size, tie_word_embeddings=True), True
    yield "qwen3", Qwen3Config(**size, head_dim=16), True
    yield "smollm3", SmolLM3Config(**(size | {"num_hidden_layers": 4}), pad_token_id=0), True
    yield "phi3", Phi3Config(**size, pad_token_id=0), False
    yield "gemma2", Gemma2Config(**size, **gemma), False
    yield "gemma3", Gemma3TextConfig(**size, **gemma), False
    # GPT-2's configuration has names of its own and would keep the others' beside them.
    own = {name: size[name] for name in ("vocab_size", "initializer_range", "bos_token_id", "eos_token_id")}
    yield "gpt2", GPT2Config(**own, n_embd=64, n_layer=3, n_head=4, n_positions=512, n_inner=96), False


def tiny(config, path, seed=3):
    """Writes a random model with a tokenizer below `path`."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(path)
    tokenizer().save_pretrained(path)


def tiny_models(args, gguf=False, among=None):
    """Writes all tiny models, or those that GGUF has a form for, or those named; yields name and directory."""
    for name, config, has_form in families(len(tokenizer())):
        named = all(names is None or name in names for names in (among, args.only))
        if named and (has_form or not gguf):
            path = args.work / name / "original"
            tiny(config, path)
            yield name, path


def rows_file(path, count, longest=160):
    """Writes the first short rows of the benign questions and answers; returns them."""
    rows = [row for row in read_rows(BENIGN) if len(row["response"]) <= longest or longest == 0][:count]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return rows


def scores_of(program, model, rows, *more):
    """`d2o score` of a file of rows, by id."""
    lines = run(program, "score", "--model", model, "--data", rows, *more).splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def worst_difference(ours, model, tokenizer, rows, chat):
    """The largest difference in nats between `d2o` and a torch model, which must count the same tokens."""
    worst = 0.0
    for row in rows:
        mine, theirs = ours[row["id"]], score(model, tokenizer, row, chat)
        for count in ("prompt_tokens", "response_tokens"):
            if mine[count] != theirs[count]:
                raise SystemExit(f"{row['id']}: {count} {mine[count]} here, {theirs[count]} there")
        worst = max(worst, abs(mine["log_prob"] - theirs["log_prob"]))
    return worst
