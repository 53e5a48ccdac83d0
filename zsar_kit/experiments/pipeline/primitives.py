"""Attributes of a data set as a feature set, and expected levels of its classes as semantics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from zsar_kit.artefacts import exists
from zsar_kit.config import digest_of
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.leakage import EncoderRecord
from zsar_kit.data.lost_points import has_marks, missing_points
from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.encoders.distributed import made_together
from zsar_kit.errors import TextError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.primitives.attributes import TOPICS, VERSION, attributes, attributes_digest
from zsar_kit.primitives.foretell import PENALTY, foretell_each
from zsar_kit.primitives.forms import FORETOLD, LEVEL_SETS, Form, load_form, require_distinct, same_meaning
from zsar_kit.primitives.known import ORIGINS
from zsar_kit.primitives.measure import KINECT_RATE, measure, packed
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import LanguageRecord
from zsar_kit.semantics.text_files import load_texts

#: the name of the "encoder" that measures attributes
PRIMITIVES = "primitives"
#: text sets that levels are foretold from; chosen with the penalty by leaving out each NTU class in turn, on forms
#: alone: 47 % of the variance of levels are explained from motion, 55 % from all three
FORETOLD_FROM = ("motion", "parts", "phases")


def is_level_set(text_set: str) -> bool:
    """Whether a text set is one of expected levels rather than of sentences."""
    return text_set in LEVEL_SETS or text_set == FORETOLD


def primitive_features(workspace: Workspace, skeletons: SkeletonSet, protocol: str) -> FeatureSet:
    """The attributes of all samples as packed levels (:func:`~zsar_kit.primitives.measure.packed`), measured once.

    They are measured on whole sequences, at the 30 frames a second of a prepared set, and learnt from nothing: their
    encoder has seen no class. Of joints that the set marks as not found nothing is measured.
    """
    marked = has_marks(skeletons)
    made_by = [attributes_digest(), VERSION, *(["marks"] if marked else [])]
    name = f"{PRIMITIVES}_{protocol}_{digest_of(made_by)}"
    folder = workspace.root / "features" / slug(skeletons.dataset) / name
    inputs = {"skeletons": skeletons.digest, "attributes": attributes_digest(), "version": str(VERSION)}
    with made_together(folder):
        if exists(folder):
            return FeatureSet.load(folder, expected=inputs)
        measured = measure(
            (sequence.joints for sequence in skeletons),
            skeletons.layout,
            rate=KINECT_RATE,
            names=skeletons.index.sample.tolist(),
            missing=missing_points(skeletons) if marked else None,
            progress=workspace.progress,
        )
        record = EncoderRecord(PRIMITIVES, attributes_digest(), "joint", 0.0, skeletons.dataset, ())
        return FeatureSet.write(
            folder,
            chunks=[{"pooled": packed(measured.levels)}],
            skeleton_index=skeletons.index,
            train=np.asarray(train_part(skeletons, protocol)),
            dataset=skeletons.dataset,
            class_names=skeletons.class_names,
            encoder=record,
            inputs=inputs,
            config={"rate": KINECT_RATE},
        )


def level_semantics(dataset: str, text_set: str) -> Semantics:
    """The expected levels of all classes of a data set as semantics.

    ``pooled`` holds the packed levels; there is one token a topic, the levels of that topic alone.

    Raises:
        TextError: there is no such set of levels or no form of the data set, or two classes have equal forms.
    """
    if text_set not in LEVEL_SETS:
        raise TextError(f"unknown set of levels {text_set!r}", remedy=nearest_name(text_set, (*LEVEL_SETS, FORETOLD)))
    form = load_form(dataset, LEVEL_SETS[text_set])
    return _distinct(dataset, text_set, form.digest())


@cache
def _distinct(dataset: str, text_set: str, digest: str) -> Semantics:
    """Once for each content: a form of one's own may be replaced while the process runs."""
    del digest
    form = load_form(dataset, LEVEL_SETS[text_set])
    require_distinct(form)
    return semantics_of(form, text_set)


def foretold_semantics(
    dataset: str, unseen: tuple[int, ...], edition: str, encoded: Callable[[str, str], Semantics]
) -> Semantics:
    """Levels of all classes of a data set, each foretold from its texts; no author of these classes is needed.

    The regression learns from the forms of every class that the kit has, but for the unseen classes and all that mean
    the same as one of them. A seen class is foretold without its own form and those of the same meaning, so that all
    classes are foretold equally well.

    Args:
        dataset: name of the data set.
        unseen: classes whose forms must not be learnt from.
        edition: edition of the class texts.
        encoded: one text set of a data set (arguments: data set, text set), encoded.
    """
    forms = {d: load_form(d) for d in ORIGINS}
    places = [(d, c) for d, form in forms.items() for c in form.class_ids]
    levels = np.concatenate([form.levels for form in forms.values()]).astype(np.float64)

    def embedded(place: str, classes: tuple[int, ...]) -> np.ndarray:
        parts = [encoded(place, name).select(classes).pooled.astype(np.float64) for name in FORETOLD_FROM]
        return np.concatenate([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts], axis=1)

    texts = np.concatenate([embedded(d, form.class_ids) for d, form in forms.items()])
    own = encoded(dataset, FORETOLD_FROM[0])
    hidden = same_meaning([(dataset, c) for c in unseen])
    barred = [hidden | same_meaning([(dataset, c)]) for c in own.class_ids]
    allowed = np.array([[place not in bar for place in places] for bar in barred])
    told = foretell_each(texts, levels, embedded(dataset, own.class_ids), allowed)
    form = Form(dataset, "foretold", own.class_ids, own.class_names, told)
    made = semantics_of(form, FORETOLD)
    weights = levels_digest(dataset, FORETOLD, unseen, edition)
    return replace(made, language=replace(made.language, weights=weights))


def levels_digest(dataset: str, text_set: str, unseen: tuple[int, ...], edition: str) -> str:
    """What identifies a set of expected levels; another digest says that a form, or a text behind it, has changed."""
    if text_set != FORETOLD:
        return load_form(dataset, LEVEL_SETS[text_set]).digest()
    forms = {d: load_form(d) for d in ORIGINS}
    words = {d: load_texts(d, edition) for d in (*ORIGINS, dataset)}  # once each: reading a file takes the longest
    texts = {d: [w.sentences(name, c) for name in FORETOLD_FROM for c in w.ids] for d, w in words.items()}
    return digest_of([{d: forms[d].digest() for d in ORIGINS}, texts, dataset, list(unseen), PENALTY])


def semantics_of(form: Form, text_set: str) -> Semantics:
    """A form as semantics."""
    pooled = packed(form.levels)
    topic = np.array([TOPICS.index(a.topic) for a in attributes()] * 2)
    tokens = np.stack([np.where(topic == t, pooled, 0.0) for t in range(len(TOPICS))], axis=1).astype(np.float32)
    language = LanguageRecord(
        name=f"levels by {form.author}",
        weights=form.digest(),
        settings=attributes_digest(),
        width=pooled.shape[1],
        max_tokens=None,
        pooling="levels",
    )
    return Semantics(
        dataset=form.dataset,
        text_set=text_set,
        class_ids=form.class_ids,
        class_names=form.class_names,
        texts=((),) * len(form.class_ids),
        tokens=tokens,
        mask=np.ones(tokens.shape[:2], dtype=bool),
        pooled=pooled,
        language=language,
    )
