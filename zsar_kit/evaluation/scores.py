"""What a method gives to the protocol: scores of samples against classes, and no labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from zsar_kit.artefacts import write_atomic
from zsar_kit.errors import ArtefactError, DataError
from zsar_kit.reprs import counted, listed

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of every sample against every class, from one or several heads.

    Args:
        heads: name to ``[sample, class]`` array, larger is better. A method with several predictions (say
            context and parts) has several heads; headline numbers use :meth:`fused`.
        classes: the original 0-based class ids of the columns.
        samples: the names of the rows, unique.
        errors: name to ``[sample, class]`` array of raw positive errors, smaller is better; only
            :class:`~zsar_kit.evaluation.gates.RatioGate` needs them.

    Raises:
        DataError: shapes disagree, a value is not finite, an error is not positive, or there are fewer than
            two classes.
    """

    heads: Mapping[str, np.ndarray]
    classes: tuple[int, ...]
    samples: tuple[str, ...]
    errors: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(int(c) for c in self.classes))
        object.__setattr__(self, "samples", tuple(str(s) for s in self.samples))
        for group in ("heads", "errors"):
            object.__setattr__(self, group, {str(k): np.asarray(v) for k, v in getattr(self, group).items()})
        self._validate()

    def _validate(self) -> None:
        if not self.heads:
            raise DataError("Scores needs at least one head, got none", where="heads")
        if len(self.classes) < 2:
            raise DataError(f"Scores needs at least two classes, got {len(self.classes)}", where="classes")
        for name, values in (("classes", self.classes), ("samples", self.samples)):
            if len(set(values)) != len(values):
                twice = next(v for v in values if values.count(v) > 1)
                raise DataError(f"every name must be unique, {twice!r} occurs twice", where=name)
        shape = (len(self.samples), len(self.classes))
        for group in ("heads", "errors"):
            for name, values in getattr(self, group).items():
                where = f"{group}[{name!r}]"
                if values.shape != shape:
                    raise DataError(f"expected shape [sample, class] = {shape}, got {values.shape}", where=where)
                if not np.issubdtype(values.dtype, np.floating):
                    raise DataError(f"expected floating-point scores, got {values.dtype}", where=where)
                bad = ~np.isfinite(values)
                if bad.any():
                    row, column = np.argwhere(bad)[0]
                    raise DataError(
                        f"scores must be finite, got {values[row, column]} for sample {self.samples[row]!r}, "
                        f"class {self.classes[column]} ({int(bad.sum())} such values)",
                        where=where,
                    )
        for name, values in self.errors.items():
            if values.size and values.min() <= 0:
                raise DataError(
                    f"errors must be positive, the smallest is {values.min():g}",
                    where=f"errors[{name!r}]",
                    remedy="Similarities belong in `heads`.",
                )

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        sizes = f"{counted(len(self), 'sample')}, {counted(len(self.classes), 'class', 'classes')}"
        errors = f", errors {listed([*map(repr, self.errors)], 3)}" if self.errors else ""
        return f"Scores({sizes}, heads {listed([*map(repr, self.heads)], 3)}{errors})"

    def fused(self, present: Bool[np.ndarray, "sample class"] | None = None) -> Float[np.ndarray, "sample class"]:
        """One score matrix in float64: the only head, or the mean of the heads' softmax over the classes.

        The softmax runs over all columns: restrict the scores to the competing classes first.

        Args:
            present: which classes compete for each sample; the others get minus infinity and no share. None for all.
        """
        heads = [head.astype(np.float64) for head in self.heads.values()]
        if present is not None:
            heads = [np.where(present, head, -np.inf) for head in heads]
        if len(heads) == 1:
            return heads[0]
        from scipy.special import softmax  # slow to import, and one head does not need it

        fused = np.mean([softmax(head, axis=1) for head in heads], axis=0)
        return fused if present is None else np.where(present, fused, -np.inf)

    def restrict(self, classes: Iterable[int]) -> Scores:
        """The same samples scored against fewer classes, columns in the order given.

        Raises:
            DataError: a class has no column.
        """
        wanted = tuple(int(c) for c in classes)
        columns = column_indices(self.classes, wanted)
        return self._take(np.s_[:, columns], classes=wanted)

    def select(self, rows: np.ndarray) -> Scores:
        """The rows given by a boolean mask or by indices."""
        index = np.flatnonzero(rows) if rows.dtype == bool else rows
        return self._take(index, samples=tuple(self.samples[i] for i in index))

    def single_head(self, name: str) -> Scores:
        """The scores of one head, without errors."""
        return Scores({name: self.heads[name]}, self.classes, self.samples)

    def _take(self, index, *, classes: tuple[int, ...] | None = None, samples: tuple[str, ...] | None = None) -> Scores:
        return Scores(
            heads={k: v[index] for k, v in self.heads.items()},
            errors={k: v[index] for k, v in self.errors.items()},
            classes=self.classes if classes is None else classes,
            samples=self.samples if samples is None else samples,
        )

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, atomically; classes, samples and head names go in its header."""
        tensors = {f"heads.{k}": np.ascontiguousarray(v) for k, v in self.heads.items()}
        tensors |= {f"errors.{k}": np.ascontiguousarray(v) for k, v in self.errors.items()}
        meta = {
            "kind": "Scores",
            "schema": SCHEMA,
            "classes": self.classes,
            "samples": self.samples,
            "heads": list(self.heads),
            "errors": list(self.errors),
        }
        write_atomic(path, save(tensors, metadata={"meta": json.dumps(meta, sort_keys=True)}))

    @classmethod
    def load(cls, path: str | Path) -> Scores:
        """Read what :meth:`save` wrote.

        Raises:
            ArtefactError: the file is absent, truncated, or something else.
        """
        path = Path(path)
        if not path.is_file():
            raise ArtefactError("there is no score file", where=path, remedy="Run the step that writes it.")
        try:
            with safe_open(path, framework="np") as stream:
                meta = json.loads((stream.metadata() or {}).get("meta", "{}"))
                if meta.get("kind") != "Scores" or meta.get("schema") != SCHEMA:
                    raise ArtefactError(
                        f"expected Scores of schema {SCHEMA}, found {meta.get('kind')!r} of schema "
                        f"{meta.get('schema')!r}",
                        where=path,
                        remedy="Evaluate the run again with this version of zsar_kit.",
                    )
                heads = {k: stream.get_tensor(f"heads.{k}") for k in meta["heads"]}
                errors = {k: stream.get_tensor(f"errors.{k}") for k in meta["errors"]}
        except (SafetensorError, json.JSONDecodeError, KeyError) as error:
            raise ArtefactError(f"not a readable score file: {error}", where=path) from None
        return cls(heads, tuple(meta["classes"]), tuple(meta["samples"]), errors)


def column_indices(known: tuple[int, ...], wanted: Iterable[int]) -> np.ndarray:
    """Positions of the class ids ``wanted`` among the columns ``known``.

    Raises:
        DataError: a wanted class has no column.
    """
    position = {c: i for i, c in enumerate(known)}
    wanted = list(wanted)
    if missing := [c for c in wanted if c not in position]:
        raise DataError(
            f"no scores for class {missing[0]}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + f"; the columns are {list(known)}",
            where="Scores.classes",
            remedy="Score every class that the protocol needs.",
        )
    return np.array([position[c] for c in wanted], dtype=np.int64)
