"""Figures of class texts: which classes have similar texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import rankdata

from zsar_kit.data.splits import load_split
from zsar_kit.experiments.pipeline.semantics import text_similarity
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.plotting.semantics import plot_neighbours, plot_similarity, plot_slot_sharing
from zsar_kit.semantics.editions import CURRENT
from zsar_kit.semantics.slots import all_slots, shared_words
from zsar_kit.semantics.texts import ClassTexts


def neighbour_figures(
    workspace: Workspace,
    dataset: str,
    split: str,
    text_set: str = "motion",
    language_model: str = "offline",
    k: int = 5,
    edition: str = CURRENT,
) -> tuple[Axes, Axes]:
    """Text similarity of all classes, and the nearest classes by text of each unseen class."""
    names, similarity = text_similarity(workspace, dataset, text_set, language_model, edition)
    rows = list(load_split(dataset, split).unseen)
    return (
        plot_similarity(similarity, names, highlight=rows, title=f"{dataset}: cosine of {text_set} texts"),
        plot_neighbours(
            similarity,
            names,
            classes=rows,
            k=k,
            highlight=rows,
            title=f"Nearest by {text_set} text (orange: unseen)",
        ),
    )


def agreement_figure(
    workspace: Workspace, dataset: str, text_sets: Sequence[str], language_model: str, edition: str = CURRENT
) -> Axes:
    """Do text sets agree on which classes are alike? Spearman's rank correlation of their class similarities."""
    pairs = [text_similarity(workspace, dataset, text_set, language_model, edition)[1] for text_set in text_sets]
    upper = np.triu_indices(len(pairs[0]), 1)
    ranks = np.array([rankdata(similarity[upper]) for similarity in pairs])
    title = f"{dataset}: agreement of text sets on which classes are alike"
    return plot_similarity(np.corrcoef(ranks), text_sets, label="rank correlation", title=title)


def slot_figure(known: Sequence[ClassTexts]) -> Axes:
    """How many classes share each context word, for some data sets."""
    reach = {texts.dataset: {s.slot: s.reach for s in all_slots(texts)} for texts in known}
    return plot_slot_sharing(reach, title="Context words and the classes that share them")


def shared_words_figure(texts: ClassTexts, split: str) -> Axes:
    """Which unseen classes share context words with which other classes."""
    rows = list(load_split(texts.dataset, split).unseen)
    return plot_neighbours(
        shared_words(texts),
        texts.names,
        classes=rows,
        highlight=rows,
        x="share of context words in common",
        title="Nearest by context words (orange: unseen)",
    )
