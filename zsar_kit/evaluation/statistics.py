"""Uncertainty: Student-t intervals over seeds, paired differences, and a bootstrap over subjects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from zsar_kit.errors import DataError


@dataclass(frozen=True)
class Summary:
    """A mean and the half-width of its interval.

    Attributes:
        mean: in the unit of the values.
        half_width: of the two-sided Student-t interval; None for a single value.
        n: the number of values.
        level: the interval's coverage.
    """

    mean: float
    half_width: float | None
    n: int
    level: float = 0.95

    def __repr__(self) -> str:
        width = "" if self.half_width is None else f" ± {self.half_width:.4g}"
        return f"Summary({self.mean:.4g}{width}, n = {self.n}, level {self.level:g})"

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper end, or None for a single value."""
        return None if self.half_width is None else (self.mean - self.half_width, self.mean + self.half_width)


def summarize(values: Iterable[float], *, level: float = 0.95) -> Summary:
    """Mean and Student-t interval over independent repetitions (method seeds).

    mean ± t_{(1+level)/2, n-1} s / sqrt(n), with s the standard deviation with n - 1.

    Raises:
        DataError: there is no value, or one is not finite.
    """
    array = np.asarray(list(values), dtype=np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise DataError(f"a summary needs at least one finite value, got {array.tolist()}", where="values")
    if array.size == 1:
        return Summary(float(array[0]), None, 1, level)
    from scipy.stats import t as student_t  # takes a second to import, and single runs do not need it

    quantile = student_t.ppf((1 + level) / 2, array.size - 1)
    half_width = float(quantile * array.std(ddof=1) / np.sqrt(array.size))
    return Summary(float(array.mean()), half_width, array.size, level)


def paired_difference(variant: Iterable[float], base: Iterable[float], *, level: float = 0.95) -> Summary:
    """Mean and interval of ``variant - base`` over the same seeds, in the same order.

    Raises:
        DataError: the two have different lengths.
    """
    variant, base = list(variant), list(base)
    if len(variant) != len(base):
        raise DataError(
            f"a paired difference needs the same seeds on both sides, got {len(variant)} and {len(base)} values"
        )
    return summarize(np.subtract(variant, base).tolist(), level=level)


def bootstrap_totals(
    columns: Float[np.ndarray, "sample column"],
    clusters: np.ndarray,
    *,
    draws: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "draw column"]:
    """Column sums over samples when whole clusters are drawn with replacement.

    Ratios of such sums (hits over samples) are the bootstrap distribution of accuracies. Clusters are drawn
    instead of samples because repetitions by one subject are similar.

    Args:
        columns: what to sum, e.g. hit and one for each sample.
        clusters: the cluster of each sample, e.g. its subject; of any sortable type.
        draws: the number of bootstrap samples.
        generator: the source of randomness.
    """
    _, index = np.unique(clusters, return_inverse=True)
    n = int(index.max()) + 1
    totals = np.stack([np.bincount(index, column, minlength=n) for column in columns.T], axis=1)
    multiplicity = generator.multinomial(n, np.full(n, 1.0 / n), size=draws)
    return multiplicity @ totals


def percentile_interval(values: Float[np.ndarray, " draw"], *, level: float = 0.95) -> tuple[float, float] | None:
    """The central interval of the finite values; None where there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def cluster_bootstrap(
    hits: np.ndarray,
    clusters: np.ndarray,
    *,
    generator: np.random.Generator,
    draws: int = 1000,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """Percentile interval of the mean of ``hits`` under resampling of clusters; None with fewer than two
    clusters.

    With few clusters the percentile interval is too narrow, by about sqrt((n - 1) / n), so print the number of
    clusters too.
    """
    if len(np.unique(clusters)) < 2:
        return None
    columns = np.stack([np.asarray(hits, dtype=np.float64), np.ones(len(hits))], axis=1)
    totals = bootstrap_totals(columns, clusters, draws=draws, generator=generator)
    return percentile_interval(totals[:, 0] / totals[:, 1], level=level)
