"""Gates between seen and unseen classes.

A classifier trained on seen classes favours them. Every gate here compares one number per sample (its margin)
with a threshold and then lets only the classes of one domain compete. The whole trade-off is therefore one
exact curve.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from zsar_kit.data.class_split import ClassSplit
from zsar_kit.errors import ConfigError, DataError, nearest_name
from zsar_kit.evaluation.metrics import stacking_margin
from zsar_kit.evaluation.scores import Scores

GateKind = Literal["stacking", "ratio", "logistic"]


ScoredFold = tuple[Scores, np.ndarray, ClassSplit | Iterable[int]]
"""Scores of the held-out samples of a pseudo-unseen fold, their labels, and its seen classes."""


class DomainMargin(NamedTuple):
    """What a gate decides by: a sample is unseen iff ``margin < threshold``; the best column of that domain wins."""

    margin: Float[np.ndarray, " sample"]
    best_seen: Int[np.ndarray, " sample"]
    best_unseen: Int[np.ndarray, " sample"]

    def __repr__(self) -> str:
        return f"DomainMargin({len(self.margin)} samples)"


class Gate(ABC):
    """A decision between the seen and the unseen domain with one threshold ``gamma``."""

    kind: GateKind
    gamma: float
    direction: float  # threshold = direction * gamma

    @abstractmethod
    def compare(self, scores: Scores, seen_mask: Bool[np.ndarray, " class"]) -> DomainMargin:
        """The margin of every sample and the best column in each domain; neither depends on gamma."""

    def predict(self, scores: Scores, seen_mask: Bool[np.ndarray, " class"]) -> Int[np.ndarray, " sample"]:
        """The predicted class ids.

        Args:
            scores: samples against seen and unseen classes.
            seen_mask: which columns are seen classes.

        Raises:
            DataError: the mask does not fit, or the scores lack what this gate needs.
        """
        compared = self.compare(scores, checked_mask(scores, seen_mask))
        unseen = compared.margin < self.direction * self.gamma
        return np.asarray(scores.classes)[np.where(unseen, compared.best_unseen, compared.best_seen)]

    def with_gamma(self, gamma: float) -> Gate:
        """The same gate with another threshold."""
        return type(self)(**{**vars(self), "gamma": float(gamma)})

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """A JSON-ready record of the gate and its parameters."""


@dataclass(frozen=True)
class CalibratedStacking(Gate):
    """argmax_c score_c - gamma [c is seen] (Chao et al. 2016, Eq. 2); a tie goes to the seen class.

    Args:
        gamma: in units of the score; 0 leaves the scores as they are.
    """

    gamma: float = 0.0
    kind = "stacking"
    direction = 1.0

    def compare(self, scores: Scores, seen_mask: Bool[np.ndarray, " class"]) -> DomainMargin:
        """The margin is the best seen minus the best unseen fused score."""
        return DomainMargin(*stacking_margin(scores.fused(), seen_mask))

    def describe(self) -> dict[str, Any]:
        """Kind and gamma."""
        return {"kind": self.kind, "gamma": self.gamma}


@dataclass(frozen=True)
class RatioGate(Gate):
    """Flora's gate (Eq. 15): unseen iff min_e(seen) / min_e(unseen) > gamma.

    Args:
        gamma: threshold of the ratio of the smallest errors.
        alpha: penalty on the errors of the other domain; None is the limit of a large penalty, where only
            classes of the chosen domain compete.
        head: which of ``scores.errors`` to use; None if there is only one.
    """

    gamma: float = 1.0
    alpha: float | None = None
    head: str | None = None
    kind = "ratio"
    direction = -1.0

    def _errors(self, scores: Scores) -> Float[np.ndarray, "sample class"]:
        if not scores.errors:
            raise DataError(
                "the ratio gate divides positive errors, and these scores have none",
                where="Scores.errors",
                remedy="Use calibrated stacking, or let the method report its errors.",
            )
        if self.head is None and len(scores.errors) > 1:
            raise DataError(
                f"the ratio gate needs one of the errors {list(scores.errors)}", remedy="Name it in `head`."
            )
        name = next(iter(scores.errors)) if self.head is None else self.head
        if name not in scores.errors:
            raise DataError(
                f"there are no errors named {name!r}", where="Scores.errors", remedy=nearest_name(name, scores.errors)
            )
        return scores.errors[name].astype(np.float64)

    def compare(self, scores: Scores, seen_mask: Bool[np.ndarray, " class"]) -> DomainMargin:
        """The margin is minus the ratio of the smallest errors."""
        errors = self._errors(scores)
        best_seen = np.where(seen_mask, errors, np.inf).argmin(axis=1)
        best_unseen = np.where(seen_mask, np.inf, errors).argmin(axis=1)
        rows = np.arange(len(errors))
        return DomainMargin(-errors[rows, best_seen] / errors[rows, best_unseen], best_seen, best_unseen)

    def predict(self, scores: Scores, seen_mask: Bool[np.ndarray, " class"]) -> Int[np.ndarray, " sample"]:
        """The class ids of argmin_y e_y + alpha [(y is seen) xor (ratio <= gamma)], Eq. 15."""
        if self.alpha is None:
            return super().predict(scores, seen_mask)
        mask = checked_mask(scores, seen_mask)
        in_seen_domain = -self.compare(scores, mask).margin <= self.gamma
        penalised = self._errors(scores) + self.alpha * (mask[None, :] ^ in_seen_domain[:, None])
        return np.asarray(scores.classes)[penalised.argmin(axis=1)]

    def describe(self) -> dict[str, Any]:
        """Kind, gamma, alpha and head."""
        return {"kind": self.kind, "gamma": self.gamma, "alpha": self.alpha, "head": self.head}


@dataclass(frozen=True)
class LogisticGate(Gate):
    """The gate of the SynSE family: logistic regression on the largest probabilities in each domain.

    Its features are the ``top`` largest values, sorted, of the softmax over the unseen columns and of the
    softmax over the seen columns, at a temperature; a sample is unseen iff P(unseen) > gamma.

    Note:
        Released code fits the threshold with "unseen iff P(unseen) > gamma" and applies "unseen iff
        P(unseen) >= 1 - gamma"; here the first convention holds in both places. Both softmaxes come from the
        method's own scores, not from the logits of the backbone.

    Args:
        weights: one per feature, the unseen ones first; ``top`` is half their number.
        bias: of the regression.
        temperature: divides the scores before the softmax.
        gamma: threshold of P(unseen).
    """

    weights: tuple[float, ...]
    bias: float
    temperature: float = 1.0
    gamma: float = 0.5
    kind = "logistic"
    direction = -1.0

    def __repr__(self) -> str:
        sizes = f"{len(self.weights)} weights, bias {self.bias:.4g}, temperature {self.temperature:g}"
        return f"LogisticGate(gamma={self.gamma!r}, {sizes})"

    @staticmethod
    def features(
        scores: Scores, seen_mask: Bool[np.ndarray, " class"], *, top: int, temperature: float
    ) -> Float[np.ndarray, "sample feature"]:
        """The sorted probabilities the regression reads.

        Raises:
            DataError: a domain has fewer than ``top`` classes.
        """
        if min(seen_mask.sum(), (~seen_mask).sum()) < top:
            raise DataError(
                f"the logistic gate reads the {top} largest probabilities of each domain, got "
                f"{int(seen_mask.sum())} seen and {int((~seen_mask).sum())} unseen classes",
                remedy="Fit it with a smaller `top`.",
            )
        from scipy.special import softmax  # slow to import, as below

        fused = scores.fused() / temperature
        blocks = [np.sort(softmax(fused[:, m], axis=1), axis=1)[:, ::-1][:, :top] for m in (~seen_mask, seen_mask)]
        return np.concatenate(blocks, axis=1)

    @classmethod
    def fit(cls, folds: Sequence[ScoredFold], *, temperature: float = 1.0, top: int | None = None) -> LogisticGate:
        """Fit the regression on samples of pseudo-unseen and of seen classes; both domains have equal weight.

        Args:
            folds: as for :func:`~zsar_kit.evaluation.calibration.fit_gamma`.
            temperature: of the softmax.
            top: probabilities read per domain; None means the size of the smallest domain of any fold.
        """
        from sklearn.linear_model import LogisticRegression  # takes two seconds to import, and few runs need it

        parsed = [parse_fold(fold) for fold in folds]
        size = top or min(int(min(mask.sum(), (~mask).sum())) for _, _, mask, _ in parsed)
        x = np.concatenate([cls.features(s, m, top=size, temperature=temperature) for s, _, m, _ in parsed])
        is_unseen = np.concatenate([~np.isin(labels, list(seen)) for _, labels, _, seen in parsed])
        if is_unseen.all() or not is_unseen.any():
            raise DataError("the logistic gate needs samples of seen and of pseudo-unseen classes", where="folds")
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(x, is_unseen)
        return cls(tuple(model.coef_[0].tolist()), float(model.intercept_[0]), temperature)

    def compare(self, scores: Scores, seen_mask: Bool[np.ndarray, " class"]) -> DomainMargin:
        """The margin is minus P(unseen); the best columns are those of calibrated stacking."""
        from scipy.special import expit

        x = self.features(scores, seen_mask, top=len(self.weights) // 2, temperature=self.temperature)
        _, best_seen, best_unseen = stacking_margin(scores.fused(), seen_mask)
        return DomainMargin(-expit(x @ np.asarray(self.weights) + self.bias), best_seen, best_unseen)

    def describe(self) -> dict[str, Any]:
        """Kind, gamma, temperature and the regression."""
        record: dict[str, Any] = {"kind": self.kind, "gamma": self.gamma, "temperature": self.temperature}
        return record | {"weights": list(self.weights), "bias": self.bias}


def make_gate(kind: str, gamma: float, **options: Any) -> Gate:
    """The gate of a kind: ``"stacking"`` or ``"ratio"``, with its further arguments.

    Raises:
        ConfigError: the kind is unknown, or ``"logistic"``, which must be fitted.
    """
    makers: dict[str, Callable[..., Gate]] = {"stacking": CalibratedStacking, "ratio": RatioGate}
    if kind == "logistic":
        raise ConfigError("a logistic gate has to be fitted", remedy="Use fit_gamma('logistic', folds).")
    if kind not in makers:
        raise ConfigError(f"unknown gate {kind!r}", remedy=nearest_name(kind, [*makers, "logistic"]))
    return makers[kind](gamma=gamma, **options)


def restore_gate(record: Mapping[str, Any]) -> Gate:
    """The gate that :meth:`Gate.describe` recorded, fitted ones included.

    Raises:
        ConfigError: the kind is missing or unknown, or a parameter is missing, unknown, or not of its type.
    """
    options = dict(record)
    kind = options.pop("kind", None)
    if not isinstance(kind, str) or kind not in _GATES:
        raise ConfigError(f"unknown gate {kind!r}", where="kind", remedy=nearest_name(str(kind), _GATES))
    known = {f.name: f.default is MISSING for f in fields(_GATES[kind])}
    if unknown := [name for name in options if name not in known]:
        raise ConfigError(f"a {kind} gate has no {unknown[0]!r}", remedy=nearest_name(unknown[0], known))
    if missing := [name for name, required in known.items() if required and name not in options]:
        raise ConfigError(f"a {kind} gate needs {missing[0]!r}")
    return _GATES[kind](**{name: _parameter(kind, name, value) for name, value in options.items()})


_GATES: dict[str, type[CalibratedStacking] | type[RatioGate] | type[LogisticGate]] = {
    "stacking": CalibratedStacking,
    "ratio": RatioGate,
    "logistic": LogisticGate,
}


def _parameter(kind: str, name: str, value: Any) -> Any:
    """A recorded parameter as the gate takes it: a number, except for the name of a head and the list of weights."""
    if name == "weights" and isinstance(value, list | tuple):
        return tuple(_parameter(kind, "weight", weight) for weight in value)
    if (name == "head" and isinstance(value, str)) or (name in ("head", "alpha") and value is None):
        return value
    if name in ("weights", "head") or isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name!r} of a {kind} gate cannot be {value!r} ({type(value).__name__})")
    return float(value)


def checked_mask(scores: Scores, seen_mask: np.ndarray) -> np.ndarray:
    """The mask as an array.

    Raises:
        DataError: it is not boolean, does not fit the columns, or marks none or all of them.
    """
    mask = np.asarray(seen_mask)
    if mask.shape != (len(scores.classes),) or mask.dtype != bool:
        raise DataError(
            f"expected a boolean mask over the {len(scores.classes)} classes, got {mask.dtype} of shape {mask.shape}",
            where="seen_mask",
        )
    if mask.all() or not mask.any():
        raise DataError(
            f"a gate needs seen and unseen columns, got {int(mask.sum())} seen of {mask.size}",
            where="seen_mask",
        )
    return mask


def parse_fold(fold: ScoredFold) -> tuple[Scores, np.ndarray, np.ndarray, tuple[int, ...]]:
    """Scores, labels, mask of the seen columns, and seen class ids of a fold.

    Raises:
        DataError: the labels do not fit the samples or the columns.
    """
    scores, labels, seen = fold
    labels = np.asarray(labels)
    if labels.shape != (len(scores),):
        raise DataError(f"a fold needs one label per sample, {len(scores)}, got {labels.shape}", where="folds")
    if foreign := sorted(set(labels.tolist()) - set(scores.classes)):
        raise DataError(f"a sample of a fold has label {foreign[0]}, which has no column", where="folds")
    ids = tuple(seen.seen if isinstance(seen, ClassSplit) else seen)
    return scores, labels, np.isin(scores.classes, ids), ids
