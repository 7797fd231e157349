"""A byte-level CLIP tokenizer: every byte is a token, so that 514 tokens write any text."""

import json
from pathlib import Path

from tokenizers import pre_tokenizers

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77  # tokens, as in CLIP


def write_letters(folder: Path) -> Path:
    """Write the tokenizer's files to `folder`, which is created if missing, and return `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    symbols = byte_symbols()
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), BEGIN, END]
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": LENGTH,
        "bos_token": BEGIN,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
    }
    vocab = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")  # no merges at all
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    return folder


def byte_symbols() -> list[str]:
    """Return the 256 characters that stand for bytes in byte-level BPE, in CLIP's order."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())
