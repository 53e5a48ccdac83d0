"""Attributes of a data set as a feature set, and expected levels of its classes as semantics."""

from __future__ import annotations

from functools import cache

import numpy as np

from zsar_kit.artefacts import exists
from zsar_kit.config import digest_of
from zsar_kit.data.feature_set import FeatureSet
from zsar_kit.data.leakage import EncoderRecord
from zsar_kit.data.parts import train_part
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.encoders.distributed import made_together
from zsar_kit.errors import TextError, nearest_name
from zsar_kit.experiments.pipeline.workspace import Workspace, slug
from zsar_kit.primitives.attributes import attributes_digest
from zsar_kit.primitives.forms import AUTHORS, MEAN, Form, load_form, require_distinct
from zsar_kit.primitives.measure import KINECT_RATE, measure, packed
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import LanguageRecord

#: the name of the "encoder" that measures attributes
PRIMITIVES = "primitives"
#: text set of expected levels to the author of its form
LEVEL_SETS = {"levels": MEAN, **{f"levels_{author}": author for author in AUTHORS}}
FORETOLD = "levels_foretold"
#: raised when an attribute is computed differently, so that stored features are made again
VERSION = 1


def is_level_set(text_set: str) -> bool:
    """Whether a text set is one of expected levels rather than of sentences."""
    return text_set in LEVEL_SETS or text_set == FORETOLD


def primitive_features(workspace: Workspace, skeletons: SkeletonSet, protocol: str) -> FeatureSet:
    """The attributes of all samples as packed levels (:func:`~zsar_kit.primitives.measure.packed`), measured once.

    They are measured on whole sequences at their own frame rate, and learnt from nothing: their encoder has seen no class.
    """
    name = f"{PRIMITIVES}_{protocol}_{digest_of([attributes_digest(), VERSION])}"
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


@cache
def level_semantics(dataset: str, text_set: str) -> Semantics:
    """The expected levels of all classes of a data set as semantics.

    ``pooled`` holds the packed levels; there is one token a topic, the levels of that topic alone.

    Raises:
        TextError: there is no such set of levels or no form of the data set, or two classes have equal forms.
    """
    if text_set not in LEVEL_SETS:
        raise TextError(f"unknown set of levels {text_set!r}", remedy=nearest_name(text_set, LEVEL_SETS))
    form = load_form(dataset, LEVEL_SETS[text_set])
    require_distinct(form)
    return semantics_of(form, text_set)


def semantics_of(form: Form, text_set: str) -> Semantics:
    """A form as semantics."""
    from zsar_kit.primitives.attributes import TOPICS, attributes

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
