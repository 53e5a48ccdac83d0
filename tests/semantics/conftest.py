"""Tiny text models with random weights, saved as a user would find them, and the offline default model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from zsar_kit.errors import MissingModelError
from zsar_kit.semantics.language import TextEncoder, load_text_encoder

WORDS = (
    "the",
    "right",
    "left",
    "arm",
    "hand",
    "leg",
    "head",
    "rises",
    "lowers",
    "bends",
    "turns",
    "and",
    "once",
)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of width 16 and 12 positions whose vocabulary is WORDS."""
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    BertTokenizer(vocab=vocabulary, model_max_length=12).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole CLIP (text and vision): text width 16, projected to 8; 10 positions."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-clip"
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    units = [*letters, *(f"{x}</w>" for x in letters), "ar", "arm</w>", "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {unit: i for i, unit in enumerate(units)}
    merges = [("a", "r"), ("ar", "m</w>")]
    CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=10).save_pretrained(folder)
    text = {
        "vocab_size": len(units),
        "hidden_size": 16,
        "projection_dim": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 10,
        "bos_token_id": len(units) - 2,
        "eos_token_id": len(units) - 1,
    }
    vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision |= {"image_size": 8, "patch_size": 4}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(bert_folder: Path) -> TextEncoder:
    return load_text_encoder(bert_folder)


@pytest.fixture(scope="session")
def clip(clip_folder: Path) -> TextEncoder:
    return load_text_encoder(str(clip_folder))


@pytest.fixture(scope="session")
def offline_encoder() -> TextEncoder:
    """The offline default model; where it is not installed tests skip, but fail in CI."""
    try:
        return load_text_encoder()
    except MissingModelError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
