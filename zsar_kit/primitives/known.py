"""The classes that the kit has forms of, found by name, and those of them that mean the same act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float32

from zsar_kit.errors import TextError, nearest_name
from zsar_kit.primitives.forms import MEAN, Form, form_datasets, load_form, mean_where_known, same_meaning

#: data sets whose classes have forms of their own; all other data sets have classes of these
ORIGINS = ("ntu120", "pku_mmd", "utd_mhad", "nw_ucla", "kinder_gator")


@dataclass(frozen=True)
class KnownClass:
    """A class of a data set that has a form.

    Attributes:
        dataset, class_id, name: as in the catalogue.
    """

    dataset: str
    class_id: int
    name: str

    @property
    def source(self) -> str:
        """Where its form is: ``utd_mhad:26``."""
        return f"{self.dataset}:{self.class_id}"

    def levels(self, author: str = MEAN) -> Float32[np.ndarray, " attribute"]:
        """The mean of both authors' levels, or those of one."""
        return load_form(self.dataset, author).of(self.class_id)

    def meaning(self) -> frozenset[tuple[str, int]]:
        """All classes that mean the same act, this one among them."""
        return _meaning(self.dataset, self.class_id)


@cache
def _meaning(dataset: str, class_id: int) -> frozenset[tuple[str, int]]:
    return same_meaning([(dataset, class_id)])


@cache
def known_classes(dataset: str = "") -> tuple[KnownClass, ...]:
    """All classes that the kit has forms of, or those of one data set.

    Raises:
        TextError: the kit has no form of that data set.
    """
    if dataset and dataset not in form_datasets():
        raise TextError(
            f"the kit has no form of data set {dataset!r}",
            remedy=f"{nearest_name(dataset, form_datasets())} Forms of your own: --form FILE.",
        )
    names = (dataset,) if dataset else tuple(d for d in ORIGINS if d in form_datasets())
    return tuple(KnownClass(d, *row) for d in names for row in _rows(load_form(d)))


def _rows(form: Form) -> list[tuple[int, str]]:
    return list(zip(form.class_ids, form.class_names, strict=True))


def folded(name: str) -> str:
    """A name without case and punctuation: ``Walk-in-place`` and ``walk in place`` are one."""
    return " ".join("".join(c if c.isalnum() else " " for c in name.casefold()).split())


def classes_named(name: str, among: Sequence[KnownClass]) -> list[KnownClass]:
    """The classes with that name, case and punctuation apart."""
    return [known for known in among if folded(known.name) == folded(name)]


def mean_levels(classes: Sequence[KnownClass], author: str = MEAN) -> Float32[np.ndarray, " attribute"]:
    """The mean of several classes' levels where more than one form knows; what the only one knows elsewhere."""
    return mean_where_known([known.levels(author) for known in classes])
