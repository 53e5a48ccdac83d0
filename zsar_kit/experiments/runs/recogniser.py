"""A finished run as a recogniser: name any actions in words and classify a clip, without training.

>>> recogniser = Recogniser.load("workspace/runs/...")  # doctest: +SKIP
>>> prediction = recogniser.classify("clip.npy", "wave: a raised hand swings; bow; sit down")  # doctest: +SKIP
>>> prediction.ranked[0]  # doctest: +SKIP
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool

from zsar_kit.data.catalogue import is_flat
from zsar_kit.data.readers.clips import read_clip
from zsar_kit.data.skeletons import SkeletonSequence
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.pretrain import TrainedEncoder
from zsar_kit.errors import ArtefactError, ConfigError, DataError
from zsar_kit.evaluation.open_set import OpenSet, fit_open_set
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.primitives import is_level_set, semantics_of
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.candidates import levels_of_words, require_comparable
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.recognition import Clip, measured_clip, require_clip
from zsar_kit.methods.base import Method, ReadsContexts, WeighsKeyParts
from zsar_kit.primitives.forms import FORETOLD, Form, own_form
from zsar_kit.primitives.measure import KINECT_RATE, attributes_lost, levels_of, packed
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.text_encoder import UNPROJECTED, TextEncoder, load_text_encoder
from zsar_kit.semantics.texts import ClassTexts
from zsar_kit.semantics.words import Words, named_words, parse_classes

log = logging.getLogger("zsar_kit")


@dataclass(frozen=True, repr=False)
class Prediction:
    """A recogniser's answer for one clip.

    Attributes:
        ranked: class labels with their probabilities, likeliest first; with ``none_of_these`` they sum to one.
        none_of_these: probability that the clip shows none of the classes, calibrated on pseudo-unseen classes.
        milliseconds: time of each stage.
        lost: number of attributes that were left out, as they read joints that were not found for most of the clip.
    """

    ranked: tuple[tuple[str, float], ...]
    none_of_these: float
    milliseconds: dict[str, float]
    lost: int = 0

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.ranked[0][0]

    def __repr__(self) -> str:
        name, probability = self.ranked[0]
        return f"Prediction({name!r} {100 * probability:.1f} %, none of these {100 * self.none_of_these:.1f} %)"

    def _repr_markdown_(self) -> str:
        rows = [{"class": name, "probability": 100 * p} for name, p in self.ranked]
        rows.append({"class": "(none of these)", "probability": 100 * self.none_of_these})
        return format_table(rows, {"class": "class", "probability": "probability, %"})

    def __str__(self) -> str:
        stages = ", ".join(f"{name} {ms:.0f}" for name, ms in self.milliseconds.items())
        return f"{self._repr_markdown_()}Milliseconds: {stages}; total {sum(self.milliseconds.values()):.0f}."


@dataclass(frozen=True, repr=False)
class Recogniser:
    """A trained run, ready for clips and words.

    Attributes:
        method: the trained method.
        encoder: the skeleton encoder whose features it was trained on; ``None`` where attributes are all it reads.
        semantics: the class texts of the run, by text set.
        seen: the training classes, which serve as neighbours and as reference, and are never candidates.
        open_set: confidence, fitted on the run's pseudo-unseen folds.
        language_model: name or folder of the language model.
        workspace: the workspace whose text cache and device are used.
        reads_maps: whether the method reads un-pooled maps.
        features: ``encoder``, ``primitives`` or ``both``.
        dataset: name of the data set that the run was trained on.
        unseen: its unseen classes, which are the candidates where none are named.
    """

    method: Method
    encoder: TrainedEncoder | None
    semantics: dict[str, Semantics]
    seen: tuple[int, ...]
    open_set: OpenSet
    language_model: str
    workspace: Workspace
    reads_maps: bool = False
    features: str = "encoder"
    dataset: str = ""
    unseen: tuple[int, ...] = ()

    def __repr__(self) -> str:
        heard = ", ".join(self.semantics)
        return f"Recogniser({type(self.method).__name__}, {len(self.seen)} training classes, texts: {heard})"

    @classmethod
    def load(cls, run: str | Path | RunFolder, workspace: Workspace | None = None) -> Recogniser:
        """Make a recogniser of a finished run.

        Args:
            run: a run folder, or its path.
            workspace: where its encoder and texts are; default: the workspace that contains the folder.

        Raises:
            ArtefactError: the run is not finished, or its model, encoder or texts are missing.
            ConfigError: its method can't add classes after training.
            DataError: its folds are too small to calibrate confidence on.
        """
        folder = run if isinstance(run, RunFolder) else RunFolder(Path(run), workspace)
        if not folder.finished:
            raise ArtefactError(
                "no finished run here",
                where=folder.path,
                remedy="Train one (zsar train ...), or unpack one (zsar run import FILE).",
            )
        result = folder.result()
        if missing := [key for key in ("semantics_folders", "seen", "feature_shape") if not getattr(result, key)]:
            raise ArtefactError(
                f"the run's result lacks {missing[0]}", where=folder.path, remedy="Run it again with this version."
            )
        method = folder.method()
        if type(method).add_classes is Method.add_classes:
            raise ConfigError(f"the method {result.method!r} can't add classes after training", where=folder.path)
        features = folder.config().resolve().features
        return cls(
            method=method,
            encoder=None if features == "primitives" else folder.encoder(),
            semantics=folder.semantics(),
            seen=result.seen,
            open_set=fit_open_set([(fold.scores, fold.labels, fold.seen) for fold in folder.folds()]),
            language_model=result.language_model,
            workspace=folder.workspace,
            reads_maps=len(result.feature_shape) > 1,
            features=features,
            dataset=result.dataset,
            unseen=result.unseen,
        )

    def classify(
        self,
        clip: Clip,
        classes: Words | ClassTexts = "",
        *,
        layout: str = "ntu25",
        rate: float = KINECT_RATE,
        missing: Bool[np.ndarray, "person frame joint"] | None = None,
        flat: bool = False,
    ) -> Prediction:
        """Rank classes given as words for one clip.

        Only these classes are candidates; the training classes serve as their neighbours (Flora, Eq. 7) and as the
        reference for "none of these".

        Args:
            clip: a file of a known data set, an array file or an array; see :func:`read_clip`.
            classes: see :func:`parse_classes`; default: the unseen classes of the run, with the run's own texts.
            layout: the joint layout of an array.
            rate: frames a second, where attributes are measured.
            missing: which joints of an array were not found and are filled in; attributes that read one which was not
                found for most of the clip are missing. Encoders read what was filled in.
            flat: whether the joints are points of a picture.

        Raises:
            DataError: the clip can't be read, shows no body, or has points of a picture where the run was trained on
                bodies in space, or the reverse; or attributes are measured, and it has a single frame, or hips or
                shoulders were not found for most of it.
            TextError: there are fewer than two classes, or a class is given twice.
            ArtefactError: the language model is not the run's.
        """
        require_clip(clip)
        self.require_dimensions(flat)
        spent: dict[str, float] = {}
        with _timed(spent, "read"):
            sequence, own_layout = read_clip(clip, layout)
        with _timed(spent, "words"):
            ids, names, method = self._candidates(classes)
        with _timed(spent, "skeleton"):
            feature, lost = self._feature(sequence, own_layout, rate, missing)
        with _timed(spent, "score"), torch.inference_mode():
            columns = (*ids, *self.seen)
            output = method.class_scores(feature, columns)
            scores = Scores(
                {k: v.float().cpu().numpy() for k, v in output.heads.items()},
                columns,
                (sequence.sample,),
                {k: v.float().cpu().numpy() for k, v in output.errors.items()},
            )
            confidence = self.open_set.confidence(scores, ids, self.seen)
        known = float(confidence.known[0])
        order = np.argsort(-confidence.classes[0], kind="stable")
        ranked = tuple((names[i], known * float(confidence.classes[0, i])) for i in order)
        return Prediction(ranked, 1 - known, spent, lost)

    def require_dimensions(self, flat: bool, where: str | Path | None = None) -> None:
        """Refuse points of a picture for a run on bodies in space, and the reverse.

        Raises:
            DataError: the run was trained on the other kind.
        """
        if flat != is_flat(self.dataset):
            here, there = ("points of a picture", "bodies in space") if flat else ("bodies in space", "points")
            problem = f"the clip has {here}, the run was trained on {there}"
            raise DataError(problem, where=where, remedy="Take a run of a set with the same kind of points.")

    def contexts(self, clip: Clip, *, k: int = 5, layout: str = "ntu25") -> dict[str, list[tuple[str, float]]]:
        """The k likeliest words of each slot with their probabilities, read from the clip's motion alone.

        Raises:
            ConfigError: the run's method reads no contexts.
        """
        if not isinstance(self.method, ReadsContexts):
            raise self._lacks("reads no contexts")
        require_clip(clip)
        return self.method.predict_contexts(self._feature(*read_clip(clip, layout))[0], k)[0]

    def key_parts(self, clip: Clip, *, layout: str = "ntu25") -> np.ndarray:
        """Importance of each joint of the NTU layout at each coarse frame, ``[T', joint]``; each frame sums to one.

        Raises:
            ConfigError: the run's method weighs no key parts.
        """
        if not isinstance(self.method, WeighsKeyParts):
            raise self._lacks("weighs no key parts")
        require_clip(clip)
        with torch.inference_mode():
            return self.method.key_parts(self._feature(*read_clip(clip, layout))[0])[0].cpu().numpy()

    @property
    def reads_contexts(self) -> bool:
        """Whether :meth:`contexts` is available."""
        return isinstance(self.method, ReadsContexts) and self.method.reads_contexts

    @property
    def unseen_names(self) -> tuple[str, ...]:
        """Names of the classes that compete where none are named."""
        return next(iter(self.semantics.values())).select(self.unseen).class_names

    def _lacks(self, what: str) -> ConfigError:
        return ConfigError(f"{type(self.method).__name__} {what}", remedy="Load a run of skeleton_context.")

    def latency(self, clip: Clip, classes: Words, *, repeats: int = 20, layout: str = "ntu25") -> dict[str, float]:
        """Median milliseconds of each stage over ``repeats`` calls, after one call to warm up."""
        runs = [self.classify(clip, classes, layout=layout).milliseconds for _ in range(repeats + 1)][1:]
        return {stage: float(np.median([r[stage] for r in runs])) for stage in runs[0]}

    @property
    def _first_id(self) -> int:
        return 1 + max(max(s.class_ids) for s in self.semantics.values())

    @cached_property
    def _language(self) -> TextEncoder:
        record = next(own.language for name, own in self.semantics.items() if not is_level_set(name))
        encoder = load_text_encoder(
            self.language_model, device=self.workspace.torch_device, projected=record.pooling != UNPROJECTED
        )
        if (encoder.record.weights, encoder.record.pooling) != (record.weights, record.pooling):
            raise ArtefactError(
                f"the run's texts were encoded by {record.name!r} ({record.weights[:12]}), not by "
                f"{encoder.record.name!r} ({encoder.record.weights[:12]})",
                where=self.language_model,
                remedy="Provide the language model that the run used.",
            )
        return encoder

    def _candidates(self, classes: Words | ClassTexts) -> tuple[tuple[int, ...], tuple[str, ...], Method]:
        """Ids and names of the classes that compete, and the method that knows them; the last words are remembered."""
        if isinstance(classes, str) and not classes:
            return self.unseen, self.unseen_names, self.method
        if isinstance(classes, ClassTexts):
            return classes.ids, classes.names, self._with_classes(classes)
        words = tuple(named_words(classes)[0])  # of a file what it says now: it may have been edited
        if words not in self._heard:
            texts = parse_classes(classes, first_id=self._first_id)
            method = self._with_classes(texts)
            self._heard.clear()
            self._heard[words] = texts, method
        texts, method = self._heard[words]
        return texts.ids, texts.names, method

    @cached_property
    def _heard(self) -> dict[tuple[tuple[str, str], ...], tuple[ClassTexts, Method]]:
        return {}

    def _with_classes(self, texts: ClassTexts) -> Method:
        cache = self.workspace.text_cache
        new = {
            name: self._levels(texts, name)
            if is_level_set(name)
            else Semantics.build(texts, name, self._language, cache=cache, pad_to=own.padded_to)
            for name, own in self.semantics.items()
        }
        method = copy.deepcopy(self.method)  # the next call may name other classes
        method.add_classes(new)
        return method

    def _levels(self, texts: ClassTexts, text_set: str) -> Semantics:
        """Expected levels of classes in words, of the authors whose levels the run has: by name, else foretold.

        Raises:
            TextError: two classes have equal levels.
        """
        pairs = [(name, texts.sentences("motion", c)[0]) for c, name in zip(texts.ids, texts.names, strict=True)]
        own = None if text_set == FORETOLD else own_form(self.dataset)
        how = {"own": own, "language_model": self.language_model, "text_set": text_set}
        levels, sources, notes = levels_of_words(pairs, **how)
        require_comparable(texts.names, sources, levels)
        for note in notes:
            log.info("%s", note)
        return semantics_of(Form("words", "words", texts.ids, texts.names, levels), text_set)

    def _feature(
        self,
        sequence: SkeletonSequence,
        layout: str,
        rate: float = KINECT_RATE,
        missing: Bool[np.ndarray, "person frame joint"] | None = None,
    ) -> tuple[torch.Tensor, int]:
        """What the method reads of a clip, and how many attributes had to be left out."""
        lost, parts = 0, [] if self.encoder is None else [self._encoded(self.encoder, sequence, layout)]
        if self.features != "encoder":
            bodies, values = measured_clip(np.asarray(sequence.joints), layout, rate, sequence.sample, missing)
            lost = int(attributes_lost(bodies)[0])
            parts.append(torch.from_numpy(packed(levels_of(values[None]))).to(self.workspace.torch_device))
        return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)), lost

    def _encoded(self, encoder: TrainedEncoder, sequence: SkeletonSequence, layout: str) -> torch.Tensor:
        config = encoder.config
        ready = encoder_clips([ready_sequence(sequence.joints, layout, config.protocol)], config)
        with torch.inference_mode():
            batch = torch.from_numpy(ready).to(self.workspace.torch_device)
            output = encoder.model(batch, maps=self.reads_maps)
            return output.maps.float() if self.reads_maps else output.pooled.float()


@contextmanager
def _timed(spent: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    spent[stage] = 1000 * (time.perf_counter() - started)
