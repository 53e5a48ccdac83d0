"""What a flow makes of one clip: paths from class texts, velocity errors over time and per token, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from zsar_kit.errors import ConfigError, DataError
from zsar_kit.evaluation.calibration import calibration_curve
from zsar_kit.evaluation.gates import Gate
from zsar_kit.evaluation.metrics import SeenUnseenCurve
from zsar_kit.experiments.pipeline.semantics import token_pieces
from zsar_kit.experiments.reports.inspection import CANDIDATES, Inspection
from zsar_kit.methods.latents import FlowsBetweenLatents

TIMES = tuple(np.linspace(0.0, 1.0, 21).round(4).tolist())
PIXELS = 2  # a plane


@dataclass(frozen=True, eq=False)
class ClassFlow:
    """The flow between one class text and one clip.

    Positions and velocities are means over the text's tokens, in the common plane of all classes of the clip.

    Attributes:
        class_id: the class.
        source, target: ends of the path, ``[2]``.
        at: position at each of :data:`TIMES`, ``[time, 2]``.
        predicted: velocity that the field predicts there, ``[time, 2]``.
        wanted: the velocity that leads from the source to the target (Flora, Eq. 6), ``[2]``.
        errors: velocity error (Eq. 14, the norm over tokens and features) at each time, ``[time]``.
        token_errors: the norm over features for each token, ``[time, token]``.
        tokens: what each token is.
    """

    class_id: int
    source: np.ndarray
    target: np.ndarray
    at: np.ndarray
    predicted: np.ndarray
    wanted: np.ndarray
    errors: np.ndarray
    token_errors: np.ndarray
    tokens: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ClipFlow:
    """The flows of one clip.

    Attributes:
        classes: by class, in the order asked for.
        share: share of the variance of positions and velocities that the plane holds.
    """

    classes: tuple[ClassFlow, ...]
    share: float


def flow_method(inspection: Inspection) -> FlowsBetweenLatents:
    """The run's method.

    Raises:
        ConfigError: it has no flow.
    """
    method = inspection.method
    if not isinstance(method, FlowsBetweenLatents):
        raise ConfigError(
            f"a run of {inspection.result.method!r} has no flow",
            where=inspection.run.path.name,
            remedy="Choose a run of flora; the ErrorExplorer shows any run.",
        )
    return method


def clip_flow(inspection: Inspection, clip: int, classes: Sequence[int]) -> ClipFlow:
    """Follow the flow between a test clip and some class texts; one sample, a few classes.

    Raises:
        ConfigError: the run has no trained flow.
        DataError: there is no class.
    """
    if not classes:
        raise DataError("a flow needs at least one class, got none", where="classes")
    method, features = flow_method(inspection), inspection.stored_features(clip)
    with torch.inference_mode():
        paths = [method.transport(features, c, TIMES) for c in classes]
    means = [{n: getattr(p, n).mean(-2) for n in ("z_0", "z_1", "z_t", "predicted", "target")} for p in paths]
    points = [m[name].reshape(-1, m[name].shape[-1]) for m in means for name in ("z_0", "z_1")]
    plane = _Plane(torch.cat(points).float().cpu().numpy())
    found = []
    for c, path, mean in zip(classes, paths, means, strict=True):
        off = (path.predicted - path.target).norm(dim=-1)[:, 0].float().cpu().numpy()
        flat = {name: value.float().cpu().numpy() for name, value in mean.items()}
        found.append(
            ClassFlow(
                class_id=c,
                source=plane.place(flat["z_0"][0]),
                target=plane.place(flat["z_1"][0]),
                at=plane.place(flat["z_t"][:, 0]),
                predicted=plane.turn(flat["predicted"][:, 0]),
                wanted=plane.turn(flat["target"][0]),
                errors=path.errors()[:, 0].float().cpu().numpy(),
                token_errors=off,
                tokens=_token_words(inspection, c, off.shape[1]),
            )
        )
    return ClipFlow(tuple(found), plane.share)


class _Plane:
    """The plane of the two largest principal components of some points."""

    def __init__(self, points: np.ndarray) -> None:
        self.centre = points.mean(0)
        _, sizes, axes = np.linalg.svd(points - self.centre, full_matrices=False)
        self.axes = axes[:PIXELS]
        total = float(np.square(sizes).sum())
        self.share = float(np.square(sizes[:PIXELS]).sum()) / total if total else 1.0

    def place(self, z: np.ndarray) -> np.ndarray:
        """Positions in the plane."""
        return (z - self.centre) @ self.axes.T

    def turn(self, v: np.ndarray) -> np.ndarray:
        """Directions in the plane."""
        return v @ self.axes.T


def _token_words(inspection: Inspection, class_id: int, count: int) -> tuple[str, ...]:
    """What each token of a class's text is; the last is the text as a whole."""
    known = [s for s in inspection.run.semantics().values() if class_id in s.class_ids]
    rows = [s.class_ids.index(class_id) for s in known]
    texts = [" ".join(s.texts[row]) for s, row in zip(known, rows, strict=True)]
    pieces = token_pieces(inspection.run.workspace, texts, inspection.result.language_model)
    lengths = [int(s.mask[row].sum()) for s, row in zip(known, rows, strict=True)]
    # Texts may have been encoded without the start and end tokens.
    pieces = [p[1:-1] if n == len(p) - 2 else p for p, n in zip(pieces, lengths, strict=True)]
    words = [" | ".join(p[i] for p in pieces if i < len(p)) or "(whole text)" for i in range(count - 1)]
    return (*words, "(whole text)")


@dataclass(frozen=True, eq=False)
class GateView:
    """The trade-off between seen and unseen classes on the test samples, to look at; gamma is not chosen on it.

    Attributes:
        gate: with the gamma that the run chose on its folds.
        curve: S and U over all values of gamma, fractions.
        margins: what the gate compares with its threshold, for each test clip among all classes.
        best_seen, best_unseen: the best class of each domain, for each of them.
    """

    gate: Gate
    curve: SeenUnseenCurve
    margins: np.ndarray
    best_seen: np.ndarray
    best_unseen: np.ndarray

    def at(self, gamma: float) -> tuple[float, float, float]:
        """S, U and H in percent at a value of gamma."""
        thresholds = self.gate.direction * self.curve.gammas
        # A step holds from the threshold before it, excluded, to its own.
        place = min(int(np.searchsorted(thresholds, self.gate.direction * gamma)), len(thresholds) - 1)
        s, u = 100 * float(self.curve.seen[place]), 100 * float(self.curve.unseen[place])
        return s, u, 2 * s * u / (s + u) if s + u else 0.0

    def is_unseen(self, clip: int, gamma: float) -> bool:
        """Whether a clip is taken for one of an unseen class at a value of gamma."""
        return bool(self.margins[clip] < self.gate.direction * gamma)


def gate_view(inspection: Inspection) -> GateView:
    """The gate of a run over its stored test scores."""
    classes = inspection.classes(CANDIDATES[1])
    scores = inspection.scores.restrict(classes)
    kept = np.isin(inspection.labels, classes)
    gate, seen = inspection.run.gate(), inspection.split.seen
    curve = calibration_curve(gate, scores.select(kept), inspection.labels[kept], seen)
    compared = gate.compare(scores, np.isin(classes, seen))
    ids = np.array(classes)
    return GateView(gate, curve, compared.margin, ids[compared.best_seen], ids[compared.best_unseen])
