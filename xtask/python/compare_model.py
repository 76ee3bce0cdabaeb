"""A Llama of random weights, its tokenizer, and rows to train and sample on. Nothing is downloaded: the text is
the sources of Python's own library.

Writes OUT/model (transformers' layout), OUT/rows.jsonl and OUT/long.jsonl:
{"prompt", "chosen", "rejected", "anchors": [K]}, lengths in tokens drawn from 64-128 (prompts of long.jsonl: 256-384).
"""

import argparse
import glob
import json
import os
import random
import sysconfig

parser = argparse.ArgumentParser()
parser.add_argument("--out", required=True)
parser.add_argument("--vocab", type=int, required=True)
parser.add_argument("--rows", type=int, default=64)
parser.add_argument("--anchors", type=int, default=8)
args = parser.parse_args()

import torch  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402

files = sorted(glob.glob(os.path.join(sysconfig.get_paths()["stdlib"], "*.py")))
special = ["<pad>", "<s>", "</s>"]
byte_level = Tokenizer(models.BPE())
byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
byte_level.decoder = decoders.ByteLevel()
byte_level.train(files, trainers.BpeTrainer(vocab_size=args.vocab, special_tokens=special, show_progress=False,
                                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
model_dir = os.path.join(args.out, "model")
tokenizer.save_pretrained(model_dir)
torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=args.vocab, hidden_size=288, num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=6,
    intermediate_size=768, max_position_embeddings=4096, rms_norm_eps=1e-5, tie_word_embeddings=False,
    pad_token_id=0, bos_token_id=1, eos_token_id=2,
)
LlamaForCausalLM(config).float().save_pretrained(model_dir)

choose = random.Random(0)
ids = tokenizer("".join(open(file, errors="ignore").read() for file in files[:60]))["input_ids"]


def text(low, high):
    start = choose.randrange(len(ids) - high)
    return tokenizer.decode(ids[start:start + choose.randint(low, high)]).strip()


for name, low, high in [("rows", 64, 128), ("long", 256, 384)]:
    with open(os.path.join(args.out, f"{name}.jsonl"), "w", encoding="utf-8") as file:
        for _ in range(args.rows):
            # A newline ends the prompt, so that no token spans the border.
            row = {"prompt": text(low, high) + "\n", "chosen": text(64, 128), "rejected": text(64, 128),
                   "anchors": [text(64, 128) for _ in range(args.anchors)]}
            file.write(json.dumps(row) + "\n")
