"""Two finished runs as one recogniser: their scores, added with the weight that their folds choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zsar_kit.artefacts import PROVENANCE, atomic_folder, write_json, write_provenance
from zsar_kit.config import digest_of
from zsar_kit.errors import ArtefactError, ConfigError
from zsar_kit.evaluation.calibration import fit_gamma
from zsar_kit.evaluation.fusion import WEIGHTS, Fusion, fit_fusion
from zsar_kit.evaluation.protocol import evaluate
from zsar_kit.evaluation.result import Evaluation
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.runs.folder import FoldScores, RunFolder, input_digest
from zsar_kit.experiments.runs.result import RunResult
from zsar_kit.reprs import plain_markdown

KIND, SCHEMA = "Fusion", 2


@dataclass(frozen=True, eq=False)
class FusedRuns:
    """The fusion of two runs, evaluated like a run.

    Attributes:
        members: results of both runs.
        names: of their folders.
        fusion: weight of the second, scales, and what each weight gives on the folds.
        evaluation: of the fused test scores; GZSL with calibrated stacking, its gamma fitted on the fused folds.
        path: folder of the record, ``fusion.json``, and of the fused scores, ``scores.safetensors`` against all classes
            and ``zsl_scores.safetensors`` among unseen ones.
    """

    members: tuple[RunResult, RunResult]
    names: tuple[str, str]
    fusion: Fusion
    evaluation: Evaluation
    path: Path

    def __repr__(self) -> str:
        micro = self.evaluation.micro
        return f"FusedRuns({self.fusion!r}: ZSL {micro.zsl:.1f} %, H {micro.harmonic:.1f} %)"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {
            "members": [{"run": n, "digest": m.digest} for n, m in zip(self.names, self.members, strict=True)],
            "weight_of_second": self.fusion.weight,
            "scales": list(self.fusion.scales),
            "folds_zsl_by_weight": dict(zip((f"{w:.2f}" for w in WEIGHTS), self.fusion.accuracy.tolist(), strict=True)),
            "caveats": list(self._caveats()),
            "marks": self.marks(),
            "evaluation": self.evaluation.to_dict(),
        }

    def marks(self) -> dict[str, list[str]]:
        """What stands beside every number of the members: encoders, use of texts, notes."""
        found = {
            "encoder": [m.encoder_mark for m in self.members],
            "texts": [m.text_use for m in self.members],
            "notes": [note for m in self.members for note in m.notes],
        }
        return {name: list(dict.fromkeys(values)) for name, values in found.items() if values}

    def _caveats(self) -> tuple[str, ...]:
        said = [c for m in self.members for c in (*m.selection.split(", ")[1:], *m.calibration.split(", ")[1:])]
        return tuple(sorted(set(said)))

    def rows(self) -> list[dict[str, Any]]:
        """A row for each member and for the fusion."""
        w, folds = self.fusion.weight, self.fusion.accuracy
        named = [f"{m.method} ({m.preset}), seed {m.seed}" for m in self.members]
        found = [*(m.evaluation for m in self.members), self.evaluation]
        shares, on_folds = (f"{1 - w:.3g}", f"{w:.3g}", None), (folds[0], folds[-1], folds.max())
        lines = zip([*named, "fused"], shares, on_folds, found, strict=True)
        return [
            {"method": name, "weight": share, "folds": float(fold), "zsl": e.micro.zsl, "h": e.micro.harmonic}
            for name, share, fold, e in lines
        ]

    def _repr_markdown_(self) -> str:
        first = self.members[0]
        columns = {"method": "method", "weight": "weight", "folds": "ZSL on folds", "zsl": "ZSL", "h": "H"}
        made = " (synthetic data)" if first.synthetic else ""
        notes = [f"{name.capitalize()}: {plain_markdown(', '.join(found))}.\n" for name, found in self.marks().items()]
        notes += [f"Folds: {', '.join(self._caveats())}.\n"] if self._caveats() else []
        heading = f"{first.dataset}{made} {first.split}; the folds chose the weight.\n"
        return "\n".join([heading, format_table(self.rows(), columns), *notes])

    def __str__(self) -> str:
        return self._repr_markdown_()


def fuse(first: str | Path | RunFolder, second: str | Path | RunFolder) -> FusedRuns:
    """Fuse two finished runs of the same data, split, protocol and folds; nothing is trained or measured.

    Weight and scales come from the stored scores of the pseudo-unseen folds alone. A run of several heads enters with
    the mean of their softmax over the candidate classes.

    Raises:
        ArtefactError: a run is not finished or stale, or a part of it is missing.
        ConfigError: the runs differ in data set, split, protocol or folds, or one has a separate model for ZSL.
        DataError: their stored scores are not of the same samples.
    """
    folders = tuple(one if isinstance(one, RunFolder) else RunFolder(one) for one in (first, second))
    for folder in folders:
        if not folder.finished:
            raise ArtefactError("no finished run here", where=folder.path, remedy="Finish it with zsar train.")
        folder.require_current()
        folder.require_scores_for_zsl()
    one, two = (folder.result() for folder in folders)
    _require_alike(one, two, folders)
    of_folds = [folder.folds() for folder in folders]
    fusion = fit_fusion(*(_scored(folds) for folds in of_folds))
    mixed = [replace(a, scores=fusion.apply(a.scores, b.scores)) for a, b in zip(*of_folds, strict=True)]
    gate = fit_gamma("stacking", _scored(mixed)).gate
    folder = folders[0]
    members, split = [one.scores() for one in folders], folder.split()
    scores, zsl = fusion.apply(*members), fusion.apply(*members, among=split.unseen)
    labels, subjects = folder.test_samples()
    evaluation = evaluate(scores, labels, subjects, split, calibration=gate, seed=one.seed, zsl=zsl)
    place = folder.workspace.root / "fusions" / f"{one.dataset}_{digest_of([one.digest, two.digest])}"
    names = (folders[0].path.name, folders[1].path.name)
    fused = FusedRuns((one, two), names, fusion, evaluation, place)
    inputs = {f"runs/{folder.path.name}": _content(folder) for folder in folders}
    with atomic_folder(place) as scratch:
        scores.save(scratch / "scores.safetensors")
        zsl.save(scratch / "zsl_scores.safetensors")
        write_json(scratch / "fusion.json", fused.to_dict())
        write_provenance(scratch, KIND, version=SCHEMA, inputs=inputs)
    return fused


def _content(folder: RunFolder) -> str:
    """Digest of all files of a run; the first runs have no record of them."""
    return input_digest(folder.path) if (folder.path / PROVENANCE).is_file() else folder.result().digest


def _scored(folds: Sequence[FoldScores]) -> list:
    return [(fold.scores, fold.labels, fold.seen) for fold in folds]


def _require_alike(one: RunResult, two: RunResult, folders: Sequence[RunFolder]) -> None:
    for name, what in (
        ("dataset", "data set"),
        ("protocol", "protocol"),
        ("unseen", "unseen classes"),
        ("seen", "seen classes"),
        ("folds", "pseudo-unseen folds"),
    ):
        mine, theirs = getattr(one, name), getattr(two, name)
        if mine != theirs:
            raise ConfigError(
                f"two runs can be fused if they have the same {what}, got {mine} and {theirs}",
                where=f"{folders[0].path.name}, {folders[1].path.name}",
                remedy="Train both on the same data set, split, protocol, folds and folds_seed.",
            )
