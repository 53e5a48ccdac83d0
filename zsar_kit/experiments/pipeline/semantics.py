"""Class texts and context prompts, encoded once and then looked up by content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import torch

from zsar_kit.artefacts import exists, made_once
from zsar_kit.errors import TextError
from zsar_kit.experiments.pipeline.primitives import (
    FORETOLD,
    FORETOLD_FROM,
    foretold_semantics,
    is_level_set,
    level_semantics,
)
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.reprs import listed
from zsar_kit.semantics.context_bank import ContextBank
from zsar_kit.semantics.context_request import ContextRequest
from zsar_kit.semantics.editions import CURRENT
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.masked_language import MaskedLanguage, prompt
from zsar_kit.semantics.text_encoder import TextEncoder, load_text_encoder
from zsar_kit.semantics.text_encoding import TextEncoding
from zsar_kit.semantics.text_files import load_texts


def semantics_for(
    workspace: Workspace,
    dataset: str,
    text_set: str,
    language_model: str,
    edition: str = CURRENT,
    encoding: TextEncoding | None = None,
    *,
    unseen: tuple[int, ...] = (),
) -> Semantics:
    """Token and pooled features of one text set of all classes; encoded once, then read from the cache.

    A set of expected levels takes the place of texts where its name is asked for; ``unseen`` are the classes that
    foretold levels must not learn from.
    """
    if text_set == FORETOLD:

        def encoded(other: str, name: str) -> Semantics:
            return semantics_for(workspace, other, name, language_model, edition)

        return foretold_semantics(dataset, unseen, edition, encoded)
    if is_level_set(text_set):
        return level_semantics(dataset, text_set)
    encoding = encoding or TextEncoding()
    encoder = _text_encoder(language_model, str(workspace.torch_device), encoding.projected)
    texts = load_texts(dataset, edition)
    return Semantics.build(texts, text_set, encoder, cache=workspace.text_cache, pad_to=encoding.pad_to)


#: what to do where a method reads these texts and no others
_NO_CHOICE = {
    FORETOLD: f"Foretold levels read the texts {listed(FORETOLD_FROM)} of every class: add them (`zsar texts generate` "
    "writes them), or give the classes expected levels of your own: zsar form use.",
    "contexts": "Add contexts to every class (`zsar texts generate` writes them). SkeletonContext cannot do without; "
    "other methods can read other texts.",
}


def require_texts(dataset: str, names: Sequence[str], edition: str = CURRENT) -> None:
    """Refuse, before any long work, a data set whose classes lack a text or a form.

    Args:
        dataset: name of the data set.
        names: of text sets or sets of expected levels.
        edition: of the kit's texts.

    Raises:
        TextError: a class has no such text, the data set has no form, or two classes have equal levels.
    """
    for name in dict.fromkeys(names):
        if is_level_set(name) and name != FORETOLD:
            level_semantics(dataset, name)
            continue
        texts = load_texts(dataset, edition)
        for text_set in FORETOLD_FROM if name == FORETOLD else (name,):
            for class_id in texts.ids:
                try:
                    texts.sentences(text_set, class_id)
                except TextError as error:
                    remedy = _NO_CHOICE.get(name, error.remedy)
                    raise TextError(error.problem, where=error.where, remedy=remedy) from None


def text_similarity(
    workspace: Workspace, dataset: str, text_set: str, language_model: str = "offline", edition: str = CURRENT
) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names, and the cosine similarity ``[class, class]`` of the pooled texts of one text set."""
    semantics = semantics_for(workspace, dataset, text_set, language_model, edition)
    unit = semantics.pooled / np.linalg.norm(semantics.pooled, axis=1, keepdims=True)
    return semantics.class_names, (unit @ unit.T).astype(float)


def context_bank_for(
    workspace: Workspace,
    dataset: str,
    seen: tuple[int, ...],
    request: ContextRequest,
    language_model: str,
    edition: str = CURRENT,
) -> ContextBank:
    """Encoded context prompts of the seen classes; encoded once, then read from the cache."""
    return ContextBank.build(
        load_texts(dataset, edition),
        seen,
        MaskedLanguage(_text_encoder(language_model, str(workspace.torch_device))),
        request,
        cache=workspace.text_cache,
        progress=workspace.progress,
    )


def prompt_states(
    workspace: Workspace, words: Mapping[str, str], slots: Sequence[str], request: ContextRequest, language_model: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states and mask of one prompt, ``[1, token, d]`` and ``[1, token]``; slots without a word are masked.

    Raises:
        TextError: a word is not one piece of the language model, so that it can't fill a slot.
    """
    language = MaskedLanguage(_text_encoder(language_model, str(workspace.torch_device)))
    for word in words.values():
        language.word_id(word)
    filled = {slot: words.get(slot, language.mask_token) for slot in slots}
    encoded = language.encoder.encode([prompt(filled, request.used_title)], cache=workspace.text_cache)
    return encoded.tokens, encoded.mask


def token_pieces(workspace: Workspace, texts: Sequence[str], language_model: str) -> list[list[str]]:
    """The pieces into which the language model's tokenizer cuts each text, special ones included."""
    tokenizer = _text_encoder(language_model, str(workspace.torch_device)).tokenizer
    return [tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]) for text in texts]


def store_contexts(workspace: Workspace, bank: ContextBank) -> str:
    """Store the part of a context bank that recognition reads; returns its folder, relative to the workspace."""
    kept = bank.for_inference()
    place = f"contexts/{slug(kept.dataset)}_{kept.digest()}"
    with made_once(workspace.root / place):
        if not exists(workspace.root / place):
            kept.write(workspace.root / place)
    return place


def store_semantics(workspace: Workspace, semantics: Semantics) -> str:
    """Store the encoded texts of a run; returns their folder, relative to the workspace."""
    place = f"semantics/{slug(semantics.dataset)}_{slug(semantics.text_set)}_{semantics.digest()}"
    with made_once(workspace.root / place):
        if not exists(workspace.root / place):
            semantics.write(workspace.root / place)
    return place


@cache
def _text_encoder(name: str, device: str, projected: bool = True) -> TextEncoder:
    """A text encoder, cached: loading a language model takes seconds, and every run of a sweep needs it."""
    return load_text_encoder(name, device=device, projected=projected)
