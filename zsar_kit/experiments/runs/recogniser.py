"""Name any actions in words and classify a clip: a finished run as a recogniser, without training.

>>> recogniser = Recogniser.load("workspace/runs/...", Workspace())  # doctest: +SKIP
>>> prediction = recogniser.classify("clip.npy", "wave: a raised hand swings; bow; sit down")  # doctest: +SKIP
>>> prediction.ranked[0]  # doctest: +SKIP
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from zsar_kit.data.readers.clips import read_clip
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.pretrain import TrainedEncoder
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.evaluation.open_set import OpenSet, fit_open_set
from zsar_kit.evaluation.scores import Scores
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.methods.base import Method, ReadsContexts, WeighsKeyParts
from zsar_kit.semantics.embeddings import Semantics
from zsar_kit.semantics.language import TextEncoder, load_text_encoder
from zsar_kit.semantics.texts import ClassTexts
from zsar_kit.semantics.words import parse_classes

Clip = str | Path | np.ndarray


@dataclass(frozen=True)
class Prediction:
    """What a recogniser says of one clip.

    Attributes:
        ranked: class label and its probability, the likeliest first; with ``none_of_these`` they sum to one.
        none_of_these: probability that the clip shows none of them, calibrated on pseudo-unseen classes.
        milliseconds: stage to the time it took.
    """

    ranked: tuple[tuple[str, float], ...]
    none_of_these: float
    milliseconds: dict[str, float]

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.ranked[0][0]

    def __str__(self) -> str:
        rows = [{"class": name, "probability": 100 * p} for name, p in self.ranked]
        rows.append({"class": "(none of these)", "probability": 100 * self.none_of_these})
        stages = ", ".join(f"{name} {ms:.0f}" for name, ms in self.milliseconds.items())
        table = format_table(rows, {"class": "class", "probability": "probability, %"})
        return f"{table}Milliseconds: {stages}; together {sum(self.milliseconds.values()):.0f}."


@dataclass(frozen=True)
class Recogniser:
    """A trained run, ready for clips and words.

    Attributes:
        method: the trained method.
        encoder: the skeleton encoder that it was trained behind.
        semantics: the class texts of the run, by text set.
        seen: its training classes, which serve as neighbours and as reference, and never compete.
        open_set: confidence, fitted on the run's pseudo-unseen folds.
        language_model: name of the language model, or folder.
        workspace: its text cache and device are used.
        reads_maps: whether the method is asked about un-pooled maps.
    """

    method: Method
    encoder: TrainedEncoder
    semantics: dict[str, Semantics]
    seen: tuple[int, ...]
    open_set: OpenSet
    language_model: str
    workspace: Workspace
    reads_maps: bool = False

    @classmethod
    def load(cls, run: str | Path, workspace: Workspace) -> Recogniser:
        """Make a recogniser of a finished run.

        Raises:
            ArtefactError: the run is not finished, or its model, encoder or texts are missing.
            ConfigError: its method can't take classes after training.
            DataError: its folds are too small to calibrate confidence on.
        """
        folder = RunFolder(Path(run))
        if not folder.finished:
            raise ArtefactError(
                "there is no finished run here",
                where=folder.path,
                remedy="Train one (zsar train ...), or unpack one (zsar run import FILE).",
            )
        result = folder.result()
        if missing := [key for key in ("semantics", "encoder_folder", "classes", "feature_shape") if key not in result]:
            raise ArtefactError(
                f"the run does not say its {missing[0]}", where=folder.path, remedy="Do it again with this version."
            )
        method = folder.method(workspace)
        if type(method).add_classes is Method.add_classes:
            raise ConfigError(f"the method {result['method']!r} can't take classes after training", where=folder.path)
        return cls(
            method=method,
            encoder=folder.encoder(workspace),
            semantics=folder.semantics(workspace),
            seen=tuple(result["classes"]["seen"]),
            open_set=fit_open_set(folder.folds()),
            language_model=result["language_model"],
            workspace=workspace,
            reads_maps=len(result["feature_shape"]) > 1,
        )

    def classify(self, clip: Clip, classes: str | ClassTexts, *, layout: str = "ntu25") -> Prediction:
        """Rank classes given as words for one clip.

        Only these classes compete; the training classes are their neighbours (Flora, Eq. 7) and the reference of "none
        of these".

        Args:
            clip: a file of a known data set, an array file or an array; see :func:`read_clip`.
            classes: see :func:`parse_classes`.
            layout: the joint layout of an array.

        Raises:
            DataError: the clip can't be read, or shows no body.
            TextError: fewer than two classes, or classes that are the same.
            ArtefactError: the language model is not the run's.
        """
        spent: dict[str, float] = {}
        with _timed(spent, "read"):
            sequence, own_layout = read_clip(clip, layout)
        with _timed(spent, "words"):
            texts = parse_classes(classes, first_id=self._first_id) if isinstance(classes, str) else classes
            method = self._with_classes(texts)
        with _timed(spent, "skeleton"):
            feature = self._feature(sequence, own_layout)
        with _timed(spent, "score"), torch.inference_mode():
            columns = (*texts.ids, *self.seen)
            output = method.class_scores(feature, columns)
            scores = Scores(
                {k: v.float().cpu().numpy() for k, v in output.heads.items()},
                columns,
                (sequence.sample,),
                {k: v.float().cpu().numpy() for k, v in output.errors.items()},
            )
            confidence = self.open_set.confidence(scores, texts.ids, self.seen)
        known = float(confidence.known[0])
        order = np.argsort(-confidence.classes[0], kind="stable")
        ranked = tuple((texts.names[i], known * float(confidence.classes[0, i])) for i in order)
        return Prediction(ranked, 1 - known, spent)

    def contexts(self, clip: Clip, *, k: int = 5, layout: str = "ntu25") -> dict[str, list[tuple[str, float]]]:
        """The k likeliest words of each slot with their probabilities, read from the clip's motion alone.

        Raises:
            ConfigError: the run's method reads no contexts.
        """
        if not isinstance(self.method, ReadsContexts):
            raise self._lacks("reads no contexts")
        return self.method.predict_contexts(self._feature(*read_clip(clip, layout)), k)[0]

    def key_parts(self, clip: Clip, *, layout: str = "ntu25") -> np.ndarray:
        """Importance of each joint of the NTU layout at each coarse frame, ``[T', joint]``; a frame's sum is one.

        Raises:
            ConfigError: the run's method weighs no parts.
        """
        if not isinstance(self.method, WeighsKeyParts):
            raise self._lacks("weighs no key parts")
        with torch.inference_mode():
            return self.method.key_parts(self._feature(*read_clip(clip, layout)))[0].cpu().numpy()

    @property
    def reads_contexts(self) -> bool:
        """Whether :meth:`contexts` has an answer."""
        return isinstance(self.method, ReadsContexts) and self.method.reads_contexts

    def _lacks(self, what: str) -> ConfigError:
        return ConfigError(f"{type(self.method).__name__} {what}", remedy="Load a run of skeleton_context.")

    def latency(self, clip: Clip, classes: str, *, repeats: int = 20, layout: str = "ntu25") -> dict[str, float]:
        """Median milliseconds of each stage over some repetitions, the first one (which warms up) left out."""
        runs = [self.classify(clip, classes, layout=layout).milliseconds for _ in range(repeats + 1)][1:]
        return {stage: float(np.median([r[stage] for r in runs])) for stage in runs[0]}

    @property
    def _first_id(self) -> int:
        return 1 + max(max(s.class_ids) for s in self.semantics.values())

    @cached_property
    def _language(self) -> TextEncoder:
        encoder = load_text_encoder(self.language_model, device=self.workspace.device)
        record = next(iter(self.semantics.values())).language
        if (encoder.record.weights, encoder.record.pooling) != (record.weights, record.pooling):
            raise ArtefactError(
                f"the run's texts were encoded by {record.name!r} ({record.weights[:12]}), not by "
                f"{encoder.record.name!r} ({encoder.record.weights[:12]})",
                where=self.language_model,
                remedy="Put the same language model there.",
            )
        return encoder

    def _with_classes(self, texts: ClassTexts) -> Method:
        cache = self.workspace.root / "text-cache"
        new = {name: Semantics.build(texts, name, self._language, cache=cache) for name in self.semantics}
        method = copy.deepcopy(self.method)  # the next call may name other classes
        method.add_classes(new)
        return method

    def _feature(self, sequence, layout: str) -> torch.Tensor:
        config = self.encoder.config
        ready = encoder_clips([ready_sequence(sequence.joints, layout, config)], config)
        with torch.inference_mode():
            batch = torch.from_numpy(ready).to(self.workspace.device)
            output = self.encoder.model(batch, maps=self.reads_maps)
            return output.maps.float() if self.reads_maps else output.pooled.float()


@contextmanager
def _timed(spent: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    spent[stage] = 1000 * (time.perf_counter() - started)
