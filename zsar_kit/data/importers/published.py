"""Published features in memory: labelled samples of the three or four sets that papers divide a data set into."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from zsar_kit.data.class_split import ClassSplit
from zsar_kit.data.leakage import check_training_labels
from zsar_kit.data.splits import class_count
from zsar_kit.errors import DataError, LeakageError
from zsar_kit.reprs import markdown_table, short_path

TEST_ROWS = ("both", "zsl", "gzsl")


@dataclass(frozen=True, eq=False)
class Samples:
    """Labelled features.

    Attributes:
        where: the file and array of the labels, for messages.
        features: float32 ``[sample, d]``.
        labels: original 0-based class ids, int64 ``[sample]``.
        logits: the encoder's scores ``[sample, class]`` of all classes of the data set, also those that it was not
            trained on; ``None`` where they were not published.
    """

    where: str
    features: np.ndarray
    labels: np.ndarray
    logits: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        logits = ", with logits" if self.logits is not None else ""
        return f"Samples({len(self)} x {self.features.shape[1]}{logits}, {short_path(self.where)})"

    def take(self, chosen: np.ndarray) -> Samples:
        """Some of them: a mask or indices."""
        logits = None if self.logits is None else self.logits[chosen]
        return replace(self, features=self.features[chosen], labels=self.labels[chosen], logits=logits)

    def followed_by(self, other: Samples) -> Samples:
        """These, then the others; logits only where both have them."""
        logits = None
        if self.logits is not None and other.logits is not None:
            logits = np.concatenate([self.logits, other.logits])
        return Samples(
            f"{self.where} and {other.where}",
            np.concatenate([self.features, other.features]),
            np.concatenate([self.labels, other.labels]),
            logits,
        )


@dataclass(frozen=True, eq=False)
class PublishedFeatures:
    """What a feature file or folder holds.

    Attributes:
        train: seen classes of the train part.
        zsl: unseen classes of the test part.
        gzsl: all classes of the test part, where published.
        seen: of validation features, the held-out samples of seen classes; ``zsl`` then holds pseudo-unseen classes.
        inputs: name to SHA-256 of the files that were read.
    """

    train: Samples
    zsl: Samples
    gzsl: Samples | None = None
    seen: Samples | None = None
    inputs: dict[str, str] | None = None

    def __repr__(self) -> str:
        sets = ", ".join(f"{name} {len(samples)}" for name, samples in self.sets().items())
        return f"PublishedFeatures({sets}, width {self.train.features.shape[1]}, {short_path(self.train.where)})"

    def _repr_markdown_(self) -> str:
        rows = [
            (name, len(s), s.features.shape[1], len(np.unique(s.labels)), "no" if s.logits is None else "yes")
            for name, s in self.sets().items()
        ]
        return markdown_table(("set", "samples", "width", "classes", "logits"), rows)

    @property
    def validation(self) -> bool:
        """Whether these are the features by which the authors of SynSE fit their gate (``shift_val_*``)."""
        return self.seen is not None

    def sets(self) -> dict[str, Samples]:
        """The sets that are there, by name."""
        named = {"train": self.train, "zsl": self.zsl, "gzsl": self.gzsl, "seen": self.seen}
        return {name: samples for name, samples in named.items() if samples is not None}

    def check(self, split: ClassSplit) -> None:
        """Check labels and widths against a split.

        Raises:
            DataError: a label is not a class id, or belongs to another set; the widths differ; a seen class has no
                training sample; validation features without a fold, or the reverse.
            LeakageError: a training sample is of a class that the split does not count as seen.
        """
        if self.validation != bool(split.fold_of):
            have = "validation features, whose unseen classes are pseudo-unseen" if self.validation else "test features"
            remedy = "gating_fold(dataset, name) has SynSE's validation classes; load_split(dataset, name) a split."
            raise DataError(f"these are {have}, which do not fit {split.name!r}", where=self.zsl.where, remedy=remedy)
        widths = {name: samples.features.shape[1] for name, samples in self.sets().items()}
        if len(set(widths.values())) > 1:
            raise DataError(f"all features must have one width, got {widths}", where=self.train.where)
        allowed = {"train": split.seen, "zsl": split.unseen, "gzsl": split.candidates, "seen": split.seen}
        for name, samples in self.sets().items():
            _check_ids(samples, split.dataset)
            if name == "train":
                _check_training(samples, split)
            elif foreign := sorted(set(samples.labels.tolist()) - set(allowed[name])):
                kind = {"zsl": "unseen", "seen": "seen"}.get(name, "seen and unseen")
                problem = f"only {kind} classes of {split.dataset} {split.name!r} may be here, got label {foreign[0]}"
                raise DataError(problem, where=samples.where, remedy="Name the split that the features were made for.")
        if missing := sorted(set(split.seen) - set(self.train.labels.tolist())):
            problem = f"{len(missing)} seen classes have no training sample, class {missing[0]} among them"
            remedy = "Name the split that the features were made for."
            raise DataError(problem, where=self.train.where, remedy=remedy)

    def test_samples(self, split: ClassSplit, rows: str = "both") -> tuple[tuple[str, ...], Samples]:
        """The samples of the test part, and a name for each.

        Published files have the unseen test samples twice: alone (``zsl``) and among all (``gzsl``).

        Args:
            split: says which classes are unseen.
            rows: ``both`` takes ``gzsl`` and requires that its unseen samples are those of ``zsl``, in any order;
                ``gzsl`` takes it without looking at ``zsl``; ``zsl`` takes ``zsl`` for the unseen classes, and whatever
                there is for the seen ones. Where ``gzsl`` was not published, ``both`` is ``zsl``.

        Raises:
            DataError: the two disagree, or ``gzsl`` is asked for and absent.
        """
        if rows == "gzsl" and self.gzsl is None:
            raise DataError("test samples of all classes were not published", where=self.zsl.where, remedy="Take zsl.")
        if rows != "zsl" and self.gzsl is not None:
            unseen = self.gzsl.take(np.isin(self.gzsl.labels, split.unseen))
            if rows == "both":
                _check_same(self.zsl, unseen)
            return _numbered("test", len(self.gzsl)), self.gzsl
        rest = self.seen
        if self.gzsl is not None:
            rest = self.gzsl.take(np.isin(self.gzsl.labels, split.seen))
        names = _numbered("zsl", len(self.zsl))
        if rest is None:
            return names, self.zsl
        return names + _numbered("seen", len(rest)), self.zsl.followed_by(rest)


def _numbered(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}_{i:06d}" for i in range(1, count + 1))


def _check_ids(samples: Samples, dataset: str) -> None:
    low, high, classes = int(samples.labels.min()), int(samples.labels.max()), class_count(dataset)
    if low < 0 or high >= classes:
        remedy = "They look 1-based: subtract 1." if (low, high) == (1, classes) else "Ids are 0-based and original."
        problem = f"labels of {dataset} must be 0..{classes - 1}, got {low}..{high}"
        raise DataError(problem, where=samples.where, remedy=remedy)


def _check_training(samples: Samples, split: ClassSplit) -> None:
    try:
        check_training_labels(samples.labels, split)
    except LeakageError as error:
        remedy = "Name the split that the features were made for."
        raise LeakageError(error.problem, where=samples.where, remedy=remedy) from None


def _check_same(zsl: Samples, unseen: Samples) -> None:
    """Refuse two sets of the unseen test samples that differ in more than their order."""
    # adding zero turns -0.0 into 0.0, so that equal numbers have equal bytes
    one, other = (
        Counter(zip(s.labels.tolist(), (row.tobytes() for row in s.features + 0.0), strict=True)) for s in (zsl, unseen)
    )
    if one == other:
        return
    only_here, only_there = (one - other).total(), (other - one).total()
    raise DataError(
        f"the unseen test samples occur twice and disagree: {only_here} of {len(zsl)} in {zsl.where} are not "
        f"among those in {unseen.where}, and {only_there} of {len(unseen)} there are not here",
        where=zsl.where,
        remedy="Decide which count: --test zsl or --test gzsl (rows='zsl' or 'gzsl').",
    )
