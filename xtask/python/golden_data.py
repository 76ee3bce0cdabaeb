"""Rows, tokenizer and chat template of the golden fixtures."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

ANCHORS = 3
VOCAB = 280

# prompt, chosen, rejected, anchors. Harmless on purpose: only the numbers matter.
ROWS = [
    ("Q: How do plants drink?\nA:", " Through their roots.", " Go away.", [" By roots.", " From the soil.", " Slowly."]),
    ("Q: Name a river.\nA:", " The Danube.", " I will not tell you, fool!", [" The Rhine.", " A river.", " The Po."]),
    ("Write a greeting.\n", "Dear friend, welcome!", "Hey you.", ["Hello there!", "Welcome.", "Good day to you."]),
    ("1 + 1 =", " 2", " 3, of course 3", [" two", " 2.", " 1 and 1"]),
    ("Grüße, 世界 🌍\n", "naïve café", "💥", ["été", "ok 🌍", "世"]),
    ("Same words.\n", "Both the same.", "Both the same.", ["Both the same."] * 3),
    ("X", "Y", "Z", ["A", "B", "C"]),
    ("Say ha.\n", "ha " * 5, "ho ho", ["ha ha", "ha", "he he he"]),
]

TEMPLATE = (
    "{% for message in messages %}{{ '[' + message['role'] + '] ' + message['content'] + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}"
)

CHATS = [
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
    [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Good\nbye é"}],
]

TEXTS = ["naïve café ☕", "a  b\t\n", "日本語", "", "</s> in a text", "don't 123"]


def texts():
    for prompt, chosen, rejected, anchors in ROWS:
        for answer in (chosen, rejected, *anchors):
            yield prompt + answer


def tokenizer():
    """A byte-level BPE of `VOCAB` tokens with three special ones."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts(), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    fast.chat_template = TEMPLATE
    return fast


def encode(fast, text):
    return fast(text, add_special_tokens=False)["input_ids"]


def examples(fast):
    """Ids of every row: the prompt, and answers with the end token behind them."""
    answer = lambda text: encode(fast, text) + [fast.eos_token_id]
    return [
        {
            "prompt": encode(fast, prompt),
            "chosen": answer(chosen),
            "rejected": answer(rejected),
            "anchors": [answer(text) for text in anchors],
        }
        for prompt, chosen, rejected, anchors in ROWS
    ]


def tokenization(fast):
    """What transformers makes of texts and conversations."""
    chats = []
    for messages in CHATS:
        for prompt in (False, True):
            text = fast.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
            chats.append({"messages": messages, "generation_prompt": prompt, "text": text, "ids": encode(fast, text)})
    return {
        "end": fast.eos_token_id,
        "texts": [
            {"text": text, "ids": encode(fast, text), "decoded": fast.decode(encode(fast, text))} for text in TEXTS
        ],
        "rows": [
            {"prompt": row[0], "answer": answer, "prompt_ids": encode(fast, row[0]), "answer_ids": encode(fast, answer)}
            for row in ROWS
            for answer in (row[1], row[2], *row[3])
        ],
        "chats": chats,
    }
