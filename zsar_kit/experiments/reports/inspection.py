"""Everything that an inspector shows of a clip of a run: computed once, and a *what if* runs one sample.

Scores of test samples are those that the run stored; nothing is trained or scored again. Parts are loaded when they are
first asked for, so that a run without a model, an encoder or a prepared data set still shows what it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from zsar_kit.config import Config
from zsar_kit.data.changes import held, with_motion_of, without_part
from zsar_kit.data.joints import BODY_PARTS, layout
from zsar_kit.data.splits import class_names
from zsar_kit.encoders.inputs import encoder_clips, ready_sequence
from zsar_kit.encoders.pretrain import TrainedEncoder
from zsar_kit.encoders.protocol import InputProtocol, chain_of, check_chain
from zsar_kit.errors import ArtefactError, ConfigError, DataError, TextError
from zsar_kit.experiments.pipeline.semantics import prompt_states
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.reports.contexts import texts_of_run
from zsar_kit.experiments.runs.explanation import explain
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import FoldData, build_test_data
from zsar_kit.experiments.runs.recogniser import Prediction, Recogniser
from zsar_kit.methods.base import ComparesLevels, Method, ReadsContexts, WeighsKeyParts
from zsar_kit.methods.task import sample_features
from zsar_kit.primitives.why import Explanation
from zsar_kit.semantics.slots import slot_words

CANDIDATES = ("unseen classes", "all classes")
GROUPS = ("all", "seen", "unseen")
OUTCOMES = ("all", "right", "wrong")
FUSED = "fused"
KEPT_READINGS = 256


@dataclass(frozen=True)
class Filters(Config):
    """Which test clips are of interest.

    Attributes:
        candidates: among which classes clips are classified: the unseen ones (ZSL; their own clips only), or all (GZSL,
            with the run's gate).
        group: clips of ``seen`` or ``unseen`` classes, or all.
        outcome: ``right``, ``wrong`` or all.
        margin: least and largest difference between the probabilities of the two best classes.
        action: class id; -1 for all.
    """

    candidates: str = CANDIDATES[0]
    group: str = "all"
    outcome: str = "all"
    margin: tuple[float, float] = (0.0, 1.0)
    action: int = -1

    def validate(self) -> None:
        """Check names and ranges."""
        for name, known in (("candidates", CANDIDATES), ("group", GROUPS), ("outcome", OUTCOMES)):
            self.require(getattr(self, name) in known, name, f"one of {known}")
        low, high = self.margin
        self.require(0 <= low <= high <= 1, "margin", "two numbers, 0 <= least <= largest <= 1")


@dataclass(frozen=True)
class Change(Config):
    """A *what if*: what is different from the clip as it is.

    Attributes:
        words: ``(slot, word)``: slots whose word is given to the model instead of being read.
        dropped: body parts that are drawn into the rest of the body.
        hold: frame from which on the pose is held; -1 for none.
        motion_of: position of the sample whose motion the body is given; -1 for none.
    """

    words: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()
    hold: int = -1
    motion_of: int = -1

    def validate(self) -> None:
        """Check names."""
        for part in self.dropped:
            self.require(part in BODY_PARTS, "dropped", f"some of {BODY_PARTS}")

    @property
    def moves(self) -> bool:
        """Whether the motion differs, so that the encoder has to read it."""
        return bool(self.dropped) or self.hold >= 0 or self.motion_of >= 0


@dataclass(frozen=True)
class Reading:
    """What a run makes of one clip.

    Attributes:
        joints: the clip as the encoder gets it before it is cut to length, ``[person, frame, 25, xyz]``.
        contexts: slot to its likeliest words with probabilities; empty where the method reads none.
        ranking: head to class ids with probabilities, the likeliest first; ``fused`` is the mean of the heads.
        importance: of each joint at each coarse frame, ``[T', joint]``; None where the method weighs none.
    """

    joints: np.ndarray = field(repr=False)
    contexts: Mapping[str, list[tuple[str, float]]]
    ranking: Mapping[str, list[tuple[int, float]]]
    importance: np.ndarray | None = field(repr=False)


class Inspection:
    """A finished run, ready to be asked about single clips.

    Args:
        run: the run folder.
        k: number of words per slot.

    Raises:
        ArtefactError: this is no finished run, or its scores are missing.
    """

    def __init__(self, run: RunFolder, k: int = 6) -> None:
        if not run.finished:
            raise ArtefactError(
                "no finished run here", where=run.path, remedy="Train one (zsar train ...), or name another folder."
            )
        self.run, self.result, self.k = run, run.result(), k
        self.scores, self.split = run.scores(), run.split()
        self.names = class_names(self.result.dataset)
        self._readings: dict[tuple, Reading] = {}
        self._found: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def __repr__(self) -> str:
        return f"Inspection({self.run.path.name!r}, {len(self.scores)} test clips)"

    @property
    def title(self) -> str:
        """Method, data set and split in words."""
        made = ", synthetic data" if self.result.synthetic else ""
        return f"{self.result.method} on {self.result.dataset} {self.result.split}{made}"

    @cached_property
    def skeletons(self):
        """The data set.

        Raises:
            ArtefactError: it is not prepared, or was prepared again and holds other samples.
        """
        found = prepare_skeletons(self.run.workspace, self.result.dataset)
        if missing := set(self.scores.samples) - set(found.index.sample.tolist()):
            problem = f"the data set no longer holds {len(missing)} of the run's test clips, such as {min(missing)!r}"
            raise ArtefactError(problem, where=found.path, remedy="Prepare it as it was, or train the run again.")
        return found

    @cached_property
    def rows(self) -> np.ndarray:
        """Positions of the test clips in the data set, in the order of the scores."""
        place = {name: i for i, name in enumerate(self.skeletons.index.sample.tolist())}
        return np.array([place[name] for name in self.scores.samples])

    @cached_property
    def labels(self) -> np.ndarray:
        """Classes of the test clips."""
        return self.skeletons.index.label[self.rows]

    @cached_property
    def method(self) -> Method:
        """The trained method."""
        return self.run.method()

    @cached_property
    def data(self) -> FoldData:
        """Features of all samples."""
        return build_test_data(self.run.config().resolve(), self.run.workspace)

    @cached_property
    def encoder(self) -> TrainedEncoder:
        """The skeleton encoder; only clips that are changed need it."""
        return self.run.encoder()

    @cached_property
    def texts(self):
        """The class texts that the run was trained with."""
        return texts_of_run(self.run)

    @cached_property
    def recogniser(self) -> Recogniser:
        """The run as a recogniser of classes in words."""
        return Recogniser.load(self.run)

    @property
    def slots(self) -> tuple[str, ...]:
        """Slots that the method reads; empty if it reads none."""
        return self.method.slots if isinstance(self.method, ReadsContexts) else ()

    def classes(self, candidates: str) -> tuple[int, ...]:
        """The classes of one of :data:`CANDIDATES`."""
        return self.split.unseen if candidates == CANDIDATES[0] else self.split.candidates

    def judged(self, candidates: str) -> tuple[np.ndarray, np.ndarray]:
        """The predicted class of each test clip, and the margin between its two best classes; from stored scores."""
        if candidates not in self._found:
            classes = self.classes(candidates)
            scores = self.scores.restrict(classes)
            shares = np.mean([_softmax(head) for head in scores.heads.values()], axis=0)
            best = np.sort(shares, axis=1)
            if candidates == CANDIDATES[0]:
                predicted = np.array(classes)[scores.fused().argmax(1)]
            else:
                predicted = self.run.gate().predict(scores, np.isin(classes, self.split.seen))
            self._found[candidates] = predicted, best[:, -1] - best[:, -2]
        return self._found[candidates]

    def find(self, filters: Filters) -> np.ndarray:
        """Positions among the test clips of those that pass the filters.

        Raises:
            DataError: none does; the message says which filter to widen.
        """
        predicted, margin = self.judged(filters.candidates)
        unseen = np.isin(self.labels, self.split.unseen)
        chosen = np.isin(self.labels, self.classes(filters.candidates))
        if filters.group != "all":
            chosen &= unseen == (filters.group == "unseen")
        if filters.action >= 0:
            chosen &= self.labels == filters.action
        if filters.outcome != "all":
            chosen &= (predicted == self.labels) == (filters.outcome == "right")
        chosen &= (margin >= filters.margin[0]) & (margin <= filters.margin[1])
        if not chosen.any():
            raise DataError(
                "no test clip passes all filters",
                where="filters",
                remedy="Widen the margin, choose all outcomes, or another class"
                + (" (seen classes need 'all classes' as candidates)." if filters.group == "seen" else "."),
            )
        return np.flatnonzero(chosen)

    def name(self, c: int) -> str:
        """The name of a class, marked if it is unseen."""
        return f"{self.names[c]}{' (unseen)' if c in self.split.unseen else ''}"

    def own_words(self, c: int) -> dict[str, tuple[str, ...]]:
        """The words of a class in each slot according to its texts; empty where texts and run no longer agree."""
        try:
            return {slot: slot_words(self.texts, c, slot) for slot in self.slots}
        except (ArtefactError, TextError):
            return {}

    def read(self, clip: int, candidates: str = CANDIDATES[0], change: Change | None = None) -> Reading:
        """What the run makes of a test clip, as it is or changed; one sample through the model.

        Args:
            clip: position among the test clips.
            candidates: one of :data:`CANDIDATES`.
            change: what is different; None for nothing.

        Raises:
            DataError: there is no such clip, or no body is left.
            TextError: a word can't fill a slot.
            ArtefactError: the run lacks what the change needs, such as an encoder.
        """
        if not 0 <= clip < len(self.scores):
            raise DataError(f"test clips are 0 to {len(self.scores) - 1}, got {clip}", where="clip")
        change = change or Change()
        key = (clip, candidates, change)
        if key not in self._readings:
            while len(self._readings) >= KEPT_READINGS:
                self._readings.pop(next(iter(self._readings)))
            self._readings[key] = self._read(int(self.rows[clip]), self.classes(candidates), change)
        return self._readings[key]

    def explained(self, clip: int, candidates: str = CANDIDATES[0]) -> Explanation | None:
        """Why a test clip is nearer to one class than to another, without the gate; None of a method that compares no
        levels."""
        if not isinstance(self.method, ComparesLevels):
            return None
        among = "unseen" if candidates == CANDIDATES[0] else "all"
        return explain(self.run, self.scores.samples[clip], among=among)

    def _read(self, row: int, classes: tuple[int, ...], change: Change) -> Reading:
        joints = self._joints(row, change)
        features = self._encoded(joints) if change.moves else self._stored(row)
        importance, contexts = None, {}
        with torch.inference_mode(), self._prompted(change):
            heads = {k: v.float().cpu().numpy() for k, v in self.method.class_scores(features, classes).heads.items()}
            if isinstance(self.method, ReadsContexts) and self.method.reads_contexts:
                contexts = self.method.predict_contexts(features, self.k)[0]
            if isinstance(self.method, WeighsKeyParts):
                importance = self._importance(self.method, features)
        return Reading(joints, contexts, _ranking(heads, classes), importance)

    def _importance(self, method: WeighsKeyParts, features: torch.Tensor) -> np.ndarray | None:
        try:
            return method.key_parts(features)[0].float().cpu().numpy()
        except ConfigError:  # this model was built without its part head
            return None

    def _prompted(self, change: Change):
        """The model with the changed prompt."""
        if not change.words:
            return nullcontext()
        request = self.run.config().resolve().method_config.contexts()
        if not isinstance(self.method, ReadsContexts) or request is None or not self.slots:
            raise ConfigError("this run reads no contexts, so no slot can be filled", where=self.run.path)
        states = prompt_states(self.run.workspace, dict(change.words), self.slots, request, self.result.language_model)
        return self.method.prompted(*states)

    def stored_features(self, clip: int) -> torch.Tensor:
        """Features of a test clip, as a batch of one."""
        return self._stored(int(self.rows[clip]))

    def joints(self, clip: int) -> np.ndarray:
        """A test clip as the encoder gets it before it is cut to length."""
        return self._joints(int(self.rows[clip]), Change())

    def joints_of_row(self, row: int) -> np.ndarray:
        """Any sample of the data set, by its position, in the same form.

        Raises:
            DataError: there is no such sample.
        """
        if not 0 <= row < len(self.skeletons):
            raise DataError(f"samples are 0 to {len(self.skeletons) - 1}, got {row}", where="row")
        return self._ready(row)

    def _ready(self, row: int) -> np.ndarray:
        skeletons = self.skeletons
        protocol = self.encoder.protocol if self.result.encoder_folder else InputProtocol()
        finished = check_chain(protocol, chain_of(skeletons), skeletons.path)
        return ready_sequence(skeletons.sequence(row).joints, skeletons.layout, protocol, finished=finished)

    def _joints(self, row: int, change: Change) -> np.ndarray:
        joints, ntu = self._ready(row), layout("ntu25")
        if change.motion_of >= 0:
            if change.motion_of >= len(self.skeletons):
                last = len(self.skeletons) - 1
                raise DataError(f"samples are 0 to {last}, got {change.motion_of}", where="motion_of")
            joints = with_motion_of(joints, self._ready(change.motion_of), ntu)
        for part in change.dropped:
            joints = without_part(joints, ntu, part)
        return held(joints, min(change.hold, joints.shape[1] - 1)) if change.hold >= 0 else joints

    def _stored(self, row: int) -> torch.Tensor:
        features = self.data.inputs(np.array([row]))
        return torch.from_numpy(np.array(sample_features(features, np.arange(1)))).to(self._device)

    def _encoded(self, joints: np.ndarray) -> torch.Tensor:
        encoder, maps = self.encoder, len(self.result.feature_shape) > 1
        clips = torch.from_numpy(encoder_clips([joints], encoder.config)).to(self._device)
        with torch.inference_mode():
            output = encoder.model(clips, maps=maps)
        # Stored maps have half precision; a clip that is not really changed is read as it was.
        return output.maps.half().float() if maps else output.pooled.float()

    @property
    def _device(self) -> torch.device:
        return self.run.workspace.torch_device

    def rank_words(self, clip: int, words: str, change: Change | None = None) -> Prediction:
        """Classes that somebody typed, ranked for a test clip; see :meth:`Recogniser.classify`."""
        joints = self._joints(int(self.rows[clip]), change or Change())
        return self.recogniser.classify(joints.astype(np.float32), words)


def _softmax(scores: np.ndarray) -> np.ndarray:
    exact = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return exact / exact.sum(axis=1, keepdims=True)


def _ranking(heads: Mapping[str, np.ndarray], classes: tuple[int, ...]) -> dict[str, list[tuple[int, float]]]:
    """Classes by probability in each head, and in their mean where there are several."""
    shares = {head: _softmax(values)[0] for head, values in heads.items()}
    if len(shares) > 1:
        shares[FUSED] = np.mean(list(shares.values()), axis=0)
    return {h: [(classes[i], float(p[i])) for i in np.argsort(-p, kind="stable")] for h, p in shares.items()}
