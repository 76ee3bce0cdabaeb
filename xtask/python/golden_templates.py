"""Makes what transformers renders of chat templates in the shapes of many families, and of small templates.

    python golden_templates.py

The templates of families lie in `crates/d2o-text/tests/fixtures/templates/*.jinja`, written for this project. Writes
`families.json` (the conversations, and for each template and conversation the text and a digest of its ids, or that it
is refused) and `snippets.json` (the same for the small templates of `template_snippets.py`) beside them. Ids are those
of `fixtures/golden`. Versions: `requirements.txt`; no torch is needed.
"""

import hashlib
import json
from datetime import datetime
from pathlib import Path

import transformers.utils.chat_template_utils as chat_template_utils
from transformers import PreTrainedTokenizerFast

import template_snippets

FIXTURES = Path(__file__).resolve().parents[2] / "crates" / "d2o-data" / "tests" / "fixtures"
FOLDER = FIXTURES / "templates"

SYSTEM = {"role": "system", "content": "Be kind.\n"}
USER = {"role": "user", "content": " Why is the sky blue?  "}
ANSWER = {"role": "assistant", "content": "<think>\nlight\n</think>\n\nIt scatters light, é 🌍."}
MORE = {"role": "user", "content": "Thanks!\n\n\tAnd  'red'?"}
TOOL = {"role": "tool", "content": '{"temperature": 21.5}'}

CONVERSATIONS = [
    [USER],
    [SYSTEM, USER],
    [USER, ANSWER, MORE],
    [SYSTEM, USER, ANSWER, MORE, ANSWER],
    [USER, USER],
    [SYSTEM, USER, ANSWER, TOOL, TOOL, ANSWER, MORE],
    [{"role": "user", "content": ""}],
]

SNIPPET_CONVERSATION = [
    {"role": "system", "content": "You are terse."},
    {"role": "user", "content": " Hi  there \n"},
    {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello!"},
]


class Day(datetime):
    """The day that templates are told here."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


def rendered(tokenizer, template, messages, prompt):
    """The text, or none where transformers refuses."""
    try:
        return tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=prompt
        )
    except Exception:
        return None


def family(tokenizer, path):
    template = path.read_bytes().decode()
    cases = []
    for number, messages in enumerate(CONVERSATIONS):
        # Without the beginning of an answer, for the shortest, a longer and the longest.
        for prompt in (True, False) if number in (0, 2, 3) else (True,):
            text = rendered(tokenizer, template, messages, prompt)
            case = {"conversation": number, "generation_prompt": prompt, "text": text}
            if text is not None:
                ids = tokenizer(text, add_special_tokens=False)["input_ids"]
                # The ids follow from text and tokenizer; their digest keeps the file small.
                case |= {"tokens": len(ids), "ids": hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]}
            cases.append(case)
    return cases


def write(name, content):
    """An entry a line for the first two levels."""
    text = json.dumps(content, ensure_ascii=False)
    for entry in ('{"conversation"', '{"group"'):
        text = text.replace(", " + entry, ",\n" + entry)
    (FOLDER / name).write_text(text + "\n")


def main():
    chat_template_utils.datetime = Day
    tokenizer = PreTrainedTokenizerFast.from_pretrained(
        FIXTURES / "golden", extra_special_tokens={"image_token": "<image>"}
    )
    tokens = tokenizer.special_tokens_map
    families = {path.stem: family(tokenizer, path) for path in sorted(FOLDER.glob("*.jinja"))}
    write("families.json", {"tokens": tokens, "conversations": CONVERSATIONS, "families": families})
    small = [
        {"group": group, "template": template, "text": rendered(tokenizer, template, SNIPPET_CONVERSATION, True)}
        for group, template in template_snippets.snippets()
    ]
    write("snippets.json", {"tokens": tokens, "messages": SNIPPET_CONVERSATION, "snippets": small})
    shown = sum(case["text"] is not None for cases in families.values() for case in cases)
    print(f"{len(families)} templates, {shown} texts, {len(small)} snippets")


if __name__ == "__main__":
    main()
