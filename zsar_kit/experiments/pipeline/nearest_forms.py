"""Classes that have a form and mean nearly the same as some words, by text embedding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zsar_kit.experiments.pipeline.semantics import semantics_for
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.primitives.forms import load_form
from zsar_kit.primitives.known import ORIGINS
from zsar_kit.semantics.text_encoder import load_text_encoder


def nearest_by_text(workspace: Workspace, language_model: str = "offline", most: int = 5) -> Callable[[str], list[str]]:
    """A function from the words of an action to the classes of the kit that mean most alike, as ``dataset:id``.

    Names and labels of the classes are compared with the words by the cosine of their embeddings.

    Args:
        workspace: where encoded texts are kept.
        language_model: as for texts.
        most: how many classes are found.

    Raises:
        MissingModelError: the language model is not installed.
    """
    encoder = load_text_encoder() if language_model == "offline" else load_text_encoder(language_model)
    sources, names, vectors = [], [], []
    for dataset in ORIGINS:
        semantics = semantics_for(workspace, dataset, "label", language_model).select(load_form(dataset).class_ids)
        sources += [f"{dataset}:{c}" for c in semantics.class_ids]
        names += [other.casefold() for other in semantics.class_names]
        vectors.append(_unit(semantics.pooled))
    known = np.concatenate(vectors)

    def find(name: str) -> list[str]:
        words = _unit(encoder.encode([name]).pooled.numpy())
        order = np.argsort(-(known @ words[0]), kind="stable")
        first = dict.fromkeys(names[i] for i in order)
        return [sources[names.index(other)] for other in list(first)[:most]]

    return find


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
