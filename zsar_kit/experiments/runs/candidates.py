"""The classes that ``recognise`` chooses among, each with the levels that are expected of it, and where they come
from: the kit's forms, a form of your own, or words of which a language model foretells the levels."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from tqdm.auto import tqdm

from zsar_kit.errors import ConfigError, TextError
from zsar_kit.primitives.attributes import attribute_names
from zsar_kit.primitives.forms import FORETOLD as FORETOLD_SET
from zsar_kit.primitives.forms import LEVEL_SETS, Form, equal_rows, read_form, require_distinct
from zsar_kit.primitives.known import ORIGINS, classes_named, folded, known_classes, mean_levels
from zsar_kit.primitives.near_names import near_names
from zsar_kit.reprs import counted, listed
from zsar_kit.semantics.offline import INSTALL_REMEDY
from zsar_kit.semantics.text_files import load_texts
from zsar_kit.semantics.words import Words, named_words, warn_undescribed

log = logging.getLogger("zsar_kit")
FORETOLD = "foretold"
#: a class whose form expects more than this of ``two_persons`` is one of two persons
PAIR = 0.5
Meaning = frozenset[tuple[str, int]]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Classes and their expected levels.

    Attributes:
        names: of the classes.
        sources: where the levels of each come from: ``utd_mhad:26`` (a form of the kit; several are joined by ``+``),
            the name of a form file, or ``foretold``.
        levels: ``[class, attribute]``, NaN where unknown.
        keys: (data set, class id) of classes of the kit whose meaning counts; ``None`` where a candidate stands for
            itself.
        meanings: all that mean the same as each; an answer leaves out candidates that mean the same as a nearer one.
        notes: what has to be said beside an answer, one line each.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    levels: Float32[np.ndarray, "class attribute"]
    keys: tuple[tuple[str, int] | None, ...]
    meanings: tuple[Meaning, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Candidates({counted(len(self.names), 'class')}: {listed(self.names)})"

    def __len__(self) -> int:
        return len(self.names)

    def of_one_person(self) -> Candidates:
        """Without the classes that two persons do, by their forms; foretold levels are guesses and leave nothing out.

        All of them where fewer than two would be left.
        """
        two = self.levels[:, attribute_names().index("two_persons")] > PAIR
        kept = [i for i, source in enumerate(self.sources) if source == FORETOLD or not two[i]]
        if len(kept) < 2:
            return self
        picked = {
            name: tuple(getattr(self, name)[i] for i in kept) for name in ("names", "sources", "keys", "meanings")
        }
        return replace(self, levels=self.levels[kept], **picked)


def choose_candidates(
    classes: Words = "", *, dataset: str = "", form: str | Path = "", language_model: str = "offline"
) -> Candidates:
    """The candidates that the options of ``recognise`` name.

    Args:
        classes: see :func:`~zsar_kit.semantics.words.named_words`; empty for all known classes.
        dataset: only classes of this data set, as it has them; without it, classes of several data sets that mean the
            same are one candidate. With ``classes``: those without a form of your own take forms of this data set only.
        form: a form of your own. Without ``classes`` its classes are the candidates, and no data set is named; with
            them, a class that it has takes its levels.
        language_model: what foretells the levels of words without a form: ``offline``, a name, or a folder.

    Raises:
        TextError: there is no such data set, the form is broken, or two classes have equal levels and are named.
        ConfigError: a form and a data set are named, but no classes.
        MissingModelError: words have no form, and the language model is not installed.
    """
    in_words = not isinstance(classes, str) or bool(classes)
    if form and dataset and not in_words:
        raise ConfigError(
            f"the classes of a form are the candidates, so the data set {dataset!r} would not be looked at",
            where=form,
            remedy="Leave out the data set (--dataset), or name the classes that you want (--classes).",
        )
    own = read_form(Path(form)) if form else None
    if in_words:
        return _of_words(classes, own, dataset, language_model)
    if own is not None:
        require_distinct(own)
        return _checked(list(own.class_names), [_name_of(own)] * len(own.class_names), own.levels)
    known = known_classes(dataset)
    return Candidates(
        names=tuple(k.name for k in known),
        sources=tuple(k.source for k in known),
        levels=np.stack([k.levels() for k in known]),
        keys=tuple(None if dataset else (k.dataset, k.class_id) for k in known),
        meanings=tuple(frozenset() if dataset else k.meaning() for k in known),
    )


def _name_of(form: Form) -> str:
    return f"form {form.dataset}"


def _of_words(classes: Words, own: Form | None, dataset: str, language_model: str) -> Candidates:
    pairs, _ = named_words(classes)
    levels, sources, notes = levels_of_words(pairs, own=own, dataset=dataset, language_model=language_model)
    return _checked([label for label, _ in pairs], sources, levels, notes)


def levels_of_words(
    pairs: Sequence[tuple[str, str]],
    *,
    own: Form | None = None,
    dataset: str = "",
    language_model: str = "offline",
    text_set: str = "levels",
) -> tuple[Float32[np.ndarray, "class attribute"], list[str], tuple[str, ...]]:
    """Each class takes the form of its name: your own, one of the kit's; else its levels are foretold.

    Args:
        pairs: name and description of each class.
        own: a form of your own.
        dataset: only the kit's forms of this data set.
        language_model: what foretells.
        text_set: whose levels: of both authors (``levels``), of one, or all foretold (``levels_foretold``).

    Returns:
        The levels, where each class's are from, and what has to be said of them.
    """
    known = () if text_set == FORETOLD_SET else known_classes(dataset)
    own_names = [folded(name) for name in own.class_names] if own is not None else []
    levels: list[np.ndarray | None] = []
    sources: list[str] = []
    for label, _ in pairs:
        if own is not None and folded(label) in own_names:
            levels.append(own.levels[own_names.index(folded(label))])
            sources.append(_name_of(own))
        elif found := classes_named(label, known):
            levels.append(mean_levels(found, LEVEL_SETS[text_set]))
            sources.append("+".join(k.source for k in found))
        else:
            levels.append(None)
            sources.append(FORETOLD)
    notes: tuple[str, ...] = ()
    if missing := [i for i, row in enumerate(levels) if row is None]:
        told = _foretold([pairs[i] for i in missing], language_model)
        for i, row in zip(missing, told, strict=True):
            levels[i] = row
        labels = [pairs[i][0] for i in missing]
        why, hints = ("", ()) if text_set == FORETOLD_SET else _why_foretold(labels, dataset)
        notes = (f"Foretold from the words alone by a language model{why}: {', '.join(labels)}.", *hints)
    return np.stack([row for row in levels if row is not None]).astype(np.float32), sources, notes


def _why_foretold(labels: Sequence[str], dataset: str) -> tuple[str, tuple[str, ...]]:
    """Why no form was taken, and what is said of forms of the same or a close name."""
    known, of_set = known_classes(), known_classes(dataset)
    elsewhere, close = [], []
    for label in labels:
        if found := classes_named(label, known) if dataset else []:
            elsewhere.append(f"{label!r} ({', '.join(dict.fromkeys(k.dataset for k in found))})")
        elif names := near_names(label, [k.name for k in of_set]):
            close.append(f"for {label!r} {', '.join(map(repr, names))}")
    hints = []
    if elsewhere:
        hints.append(f"Other data sets have forms, not asked for (--dataset {dataset}): {', '.join(elsewhere)}.")
    if close:
        hints.append(f"Known classes with close names, whose forms are better than a guess: {'; '.join(close)}.")
    return f", as no form {f'of {dataset} ' if dataset else ''}has them", tuple(hints)


def _checked(names: list[str], sources: list[str], levels: np.ndarray, notes: tuple[str, ...] = ()) -> Candidates:
    """Refuse what cannot be told apart or compared.

    Raises:
        TextError: there are fewer than two classes, one of them knows no level, or two have equal levels.
    """
    if len(names) < 2:
        problem = f"at least two classes are needed to choose among, got {len(names)}"
        raise TextError(problem, where=sources[0], remedy="Add a [[class]] table, or name classes (--classes).")
    require_comparable(names, sources, levels)
    count = len(names)
    alone: Meaning = frozenset()
    return Candidates(tuple(names), tuple(sources), levels.astype(np.float32), (None,) * count, (alone,) * count, notes)


def require_comparable(names: Sequence[str], sources: Sequence[str], levels: np.ndarray) -> None:
    """Refuse classes that nothing tells apart.

    Args:
        names: of the classes.
        sources: where the levels of each are from, for messages.
        levels: ``[class, attribute]``, NaN where unknown.

    Raises:
        TextError: a class knows no level, or two have equal levels.
    """
    for name, source, row in zip(names, sources, levels, strict=True):
        if not np.isfinite(row).any():
            raise TextError(f"no level of the class {name!r} is known", where=source, remedy="Fill in its form.")
    for first, second, *_ in equal_rows(levels):
        raise TextError(
            f"the classes {names[first]!r} and {names[second]!r} have equal levels, so nothing tells them apart",
            where=sources[second],
            remedy="Leave one out, or describe how they differ in a form of your own (--form).",
        )


def _foretold(pairs: Sequence[tuple[str, str]], language_model: str) -> Float32[np.ndarray, "new attribute"]:
    """Levels from descriptions, by regression on the texts and forms of all known classes.

    A class of the kit, and what means the same, is left out where its own levels are foretold.

    Raises:
        MissingModelError: the language model is not there; the words that need it are named.
    """
    from zsar_kit.errors import MissingModelError
    from zsar_kit.primitives.foretell import foretell_each

    classes = counted(len(pairs), "class")
    log.info("Foretelling levels of %s with the language model %s: loading it takes seconds", classes, language_model)
    try:
        texts, encoded = _known_embeddings(language_model), _encoder(language_model)
    except MissingModelError as error:
        names = ", ".join(repr(label) for label, _ in pairs)
        raise MissingModelError(
            f"no form has these classes, and a language model is needed to foretell their levels: {names}; "
            f"{error.problem}",
            where=error.where,
            remedy=error.remedy or INSTALL_REMEDY,
        ) from None
    for label, description in pairs:
        if not description:
            warn_undescribed(label)
    new = encoded.encode([description or label for label, description in pairs]).pooled.double().cpu().numpy()
    known = known_classes()
    levels = np.stack([k.levels() for k in known]).astype(np.float64)
    hidden = [{place for k in classes_named(label, known) for place in k.meaning()} for label, _ in pairs]
    allowed = np.array([[(k.dataset, k.class_id) not in itself for k in known] for itself in hidden])
    return foretell_each(texts, levels, new, allowed)


@lru_cache(maxsize=2)
def _encoder(language_model: str):
    from zsar_kit.semantics.text_encoder import load_text_encoder

    return load_text_encoder(language_model)


@lru_cache(maxsize=2)
def _known_embeddings(language_model: str) -> np.ndarray:
    """Embeddings of the motion texts of all known classes, in their order; kept in the user's cache folder."""
    from zsar_kit.semantics.embeddings import Semantics

    encoder, cache, rows = _encoder(language_model), _cache_folder(), []
    for dataset in tqdm(ORIGINS, desc="texts of the known classes", unit="data set", leave=False, disable=None):
        if ids := [k.class_id for k in known_classes() if k.dataset == dataset]:
            rows.append(Semantics.build(load_texts(dataset), "motion", encoder, cache=cache).select(ids).pooled)
    return np.concatenate(rows).astype(np.float64)


def _cache_folder() -> Path | None:
    """Where encoded texts are kept between calls, by their content; ``None`` where nothing can be written."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zsar_kit" / "texts"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
