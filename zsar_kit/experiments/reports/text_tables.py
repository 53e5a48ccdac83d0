"""Tables of class texts: how their words are shared, and which classes are nearest by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.semantics import text_similarity
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.semantics.check import reading_ease
from zsar_kit.semantics.editions import CURRENT
from zsar_kit.semantics.slots import all_slots
from zsar_kit.semantics.texts import ClassTexts


def slot_table(known: Sequence[ClassTexts]) -> str:
    """How classes share context words: one row per data set and slot."""
    rows = []
    for texts in known:
        ease = reading_ease(texts.of("motion", c) for c in texts.ids)
        for s in all_slots(texts):
            rows.append(
                {
                    "data set": f"{texts.dataset} ({len(texts.ids)})",
                    "reading ease": f"{ease:.0f}",
                    "slot": s.slot,
                    "words": str(s.words),
                    "of one class only": str(s.unique),
                    "rows with none, %": f"{100 * s.nothing:.0f}",
                    "rows with a shared word, %": f"{100 * s.shared:.0f}",
                    "information on the class, bits": f"{s.information:.2f}",
                    "above chance": f"{s.information - s.by_chance:.2f}",
                }
            )
    return format_table(rows, list(rows[0]))


def nearest_table(
    workspace: Workspace, sources: Sequence[str], language_model: str, edition: str = CURRENT, pairs: int = 4
) -> str:
    """The most similar pairs of classes of each data set, by motion texts and by contexts."""
    rows = []
    for source in sources:
        for text_set in ("motion", "contexts"):
            names, matrix = text_similarity(workspace, source, text_set, language_model, edition)
            upper = np.triu(matrix, 1)
            # Classes that share all their texts on purpose are similar by construction.
            upper[upper > 1 - 1e-6] = 0.0
            best = np.argsort(-upper, axis=None, kind="stable")[:pairs]
            for i, j in (np.unravel_index(k, upper.shape) for k in best):
                rows.append(
                    {
                        "data set": source,
                        "texts": text_set,
                        "nearest classes": f"{names[i]} ~ {names[j]}",
                        "cosine": float(upper[i, j]),
                    }
                )
    return format_table(rows, list(rows[0]), digits=2)
