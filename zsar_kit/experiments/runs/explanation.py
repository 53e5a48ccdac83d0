"""Why a run of the kinematic primitives decides as it does: for one clip, and over all its test clips.

>>> import zsar_kit as zk
>>> zk.explain("workspace/runs/...", "clip.npy")  # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from zsar_kit.data.catalogue import is_synthetic
from zsar_kit.data.lost_points import has_marks, missing_points
from zsar_kit.data.readers.clips import read_clip
from zsar_kit.errors import ArtefactError, ConfigError, DataError
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.pipeline.own_clip import OwnClip
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.runs.doctor_line import doctor_says
from zsar_kit.experiments.runs.folder import RunFolder
from zsar_kit.experiments.runs.inputs import build_test_data
from zsar_kit.experiments.runs.recognition import Clip, measured_clip, open_in_space, require_clip
from zsar_kit.methods.base import ComparesLevels
from zsar_kit.primitives.attributes import attribute, attribute_names
from zsar_kit.primitives.measure import KINECT_RATE, attributes_lost, levels_of, packed
from zsar_kit.primitives.spoken import spoken_about
from zsar_kit.primitives.why import Explanation, explain_lead
from zsar_kit.reprs import counted

Among = Literal["", "unseen", "all"]
#: clips that are compared with all classes at once
BATCH = 256


def explain(
    run: str | Path | RunFolder,
    clip: Clip,
    *,
    among: Among = "",
    count: int = 3,
    **reading: Any,
) -> Explanation:
    """Why a finished run places one class before another for a clip, and what misled it where the answer is wrong.

    Args:
        run: a run of a method that compares levels (``primitives``, ``primitives_calibrated``).
        clip: the name of a sample of the run's data set, whose class then is shown beside; a file of any
            format that is read, or an array.
        among: the classes that compete: the ``unseen`` ones of the split or ``all``; default: all for a sample of a
            seen class, else the unseen ones. No gate is applied.
        count: number of reasons at most.
        reading: of a file what it does not say, see :func:`~zsar_kit.experiments.pipeline.own_clip.open_clip`; of an
            array its ``layout`` (default: ``ntu25``) and its ``rate`` (default: 30 frames a second).

    Raises:
        ConfigError: the run's method compares no levels.
        DataError: there is no such clip, or it can't be measured.
        ArtefactError: the run is not finished, or a part of it is missing.
    """
    require_clip(clip)
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    method, result = _level_method(folder), folder.result()
    found, label = _found(folder, clip, reading)
    bodies, values = measured_clip(found.joints, found.layout, found.rate, found.name, found.missing)
    name = found.name
    classes = _classes(folder, among or ("all" if label in result.seen else "unseen"))
    levels = levels_of(values[None])
    with torch.inference_mode():
        features = torch.from_numpy(packed(levels)).to(folder.workspace.torch_device)
        distance, weight = method.attribute_distances(features, classes)
        expected = method.expected_levels(classes).double().cpu().numpy()
    weight = weight[0].double().cpu().numpy()
    shares = distance[0].double().cpu().numpy() * weight / np.maximum(weight.sum(1), 1e-9)[:, None]
    first, second = np.argsort(shares.sum(1), kind="stable")[:2].tolist()
    names = _names(folder)
    truth = names[label] if label in classes else ""

    def lead(other: int) -> Explanation:
        return explain_lead(
            bodies,
            values,
            shares[[first, other]],
            expected[[first, other]],
            (names[classes[first]], names[classes[other]]),
            clip=name,
            count=count,
            truth=truth,
            note="The data are synthetic." if is_synthetic(result.dataset) and label >= 0 else "",
        )

    wrong = label in classes and label != classes[first]
    misled = lead(classes.index(label)) if wrong else None
    doctor = ""
    if found.opened is not None and not isinstance(clip, np.ndarray):
        doctor = doctor_says(found.opened, int(attributes_lost(bodies)[0]), clip, **reading)
    return replace(lead(second), misled=misled, doctor=doctor)


def _level_method(folder: RunFolder) -> ComparesLevels:
    if not folder.finished:
        remedy = "Train one: zsar train DATASET SPLIT --method primitives --preset fixed"
        raise ArtefactError("no finished run here", where=folder.path, remedy=remedy)
    method = folder.method()
    if not isinstance(method, ComparesLevels):
        raise ConfigError(
            f"the run's method ({folder.result().method}) compares no levels, so no attribute explains it",
            where=folder.path,
            remedy="Name a run of primitives or primitives_calibrated.",
        )
    return method


def _names(folder: RunFolder) -> dict[int, str]:
    semantics = next(iter(folder.semantics().values()))
    return dict(zip(semantics.class_ids, semantics.class_names, strict=True))


def _classes(folder: RunFolder, among: str) -> tuple[int, ...]:
    if among not in ("unseen", "all"):
        raise ConfigError(f"'among' must be 'unseen' or 'all', got {among!r}")
    result = folder.result()
    return result.unseen if among == "unseen" else tuple(sorted((*result.seen, *result.unseen)))


class _Found(NamedTuple):
    """A clip that is to be explained; ``missing`` is None where nothing marks its gaps, ``opened`` is of a file."""

    joints: np.ndarray
    layout: str
    rate: float
    name: str
    missing: np.ndarray | None
    opened: OwnClip | None = None


def _found(folder: RunFolder, clip: Clip, reading: dict[str, Any]) -> tuple[_Found, int]:
    """A clip and its class (-1: not known)."""
    rate = reading.get("rate") or KINECT_RATE
    if isinstance(clip, str) and not Path(clip).exists():
        skeletons = prepare_skeletons(folder.workspace, folder.config().dataset)
        rows = np.flatnonzero(skeletons.index.sample == clip)
        if not len(rows):
            raise DataError(
                f"there is neither a file nor a sample {clip!r}",
                where=skeletons.dataset,
                remedy="`zsar data show DATASET` shows samples with their names.",
            )
        one = skeletons.select(rows[:1])
        sequence = one.sequence(0)
        missing = next(missing_points(one)) if has_marks(one) else None
        joints = np.asarray(sequence.joints)
        return _Found(joints, one.layout, rate, clip, missing), int(sequence.label)
    if isinstance(clip, np.ndarray):
        sequence, body = read_clip(clip, reading.get("layout") or "ntu25")
        return _Found(np.asarray(sequence.joints), body, rate, sequence.sample, None), -1
    opened = open_in_space(clip, **reading)
    return _Found(opened.joints, opened.layout, opened.rate, opened.name, opened.missing, opened), -1


@dataclass(frozen=True, eq=False)
class AttributeConfusion:
    """What each attribute would change if it were measured exactly as the clip's own class expects.

    Attributes:
        run: name of the run.
        clips, errors: number of test clips, and of those that are classified wrongly.
        mended, broken: by attribute, in the order of the list: errors that would become right, and the reverse.
        relieved: by attribute, the share of the lead of wrong classes over the right one, summed over the errors, that
            would go; it ranks attributes where none mends an error alone, and is negative where the lead would grow.
    """

    run: str
    clips: int
    errors: int
    mended: Int[np.ndarray, " a"]
    broken: Int[np.ndarray, " a"]
    relieved: Float[np.ndarray, " a"]

    def __repr__(self) -> str:
        best = self.best(1)
        first = f", {best[0]} matters most" if best else ""
        return f"AttributeConfusion({counted(self.errors, 'error')} in {counted(self.clips, 'clip')}{first})"

    def best(self, count: int = 8) -> list[str]:
        """Names of the attributes that would mend most on balance, then those that would take most of the lead."""
        gain = self.mended - self.broken
        order = np.lexsort((-self.relieved, -gain))[:count]
        return [attribute_names()[i] for i in order if gain[i] > 0 or self.relieved[i] > 0]

    def _repr_markdown_(self) -> str:
        rows = []
        for name in self.best():
            i = attribute_names().index(name)
            row = {"attribute": name, "about": spoken_about(attribute(name)), "mended": int(self.mended[i])}
            rows.append(row | {"broken": int(self.broken[i]), "relieved": 100 * float(self.relieved[i])})
        columns = {
            "attribute": "attribute",
            "about": "what it measures",
            "mended": "mended",
            "broken": "broken",
            "relieved": "of the wrong lead, %",
        }
        heading = (
            f"{counted(self.errors, 'error')} in {counted(self.clips, 'test clip')} of unseen classes. If one "
            "attribute were exactly as the clip's class expects, all others as measured:\n\n"
        )
        table = format_table(rows, columns) if rows else "No attribute would mend an error or shorten a wrong lead.\n"
        return f"{heading}{table}\nThis looks at test labels: an analysis of a finished run, nothing to choose by.\n"

    def __str__(self) -> str:
        return self._repr_markdown_()


def confusion_by_attribute(run: str | Path | RunFolder) -> AttributeConfusion:
    """Which attribute, if it were exactly as expected, would mend most errors of a run among its unseen classes.

    Test labels are used, for this analysis alone. An attribute that a clip or its class does not know stays so.

    Raises:
        ConfigError, ArtefactError: see :func:`explain`; the run's features have to be in the workspace or makeable.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    method, classes = _level_method(folder), folder.result().unseen
    data = build_test_data(folder.config().resolve(), folder.workspace)
    labels = data.features.labels
    rows = np.flatnonzero(data.partition.test & np.isin(labels, classes))
    place = {c: i for i, c in enumerate(classes)}
    truth = np.array([place[int(c)] for c in labels[rows]], dtype=int)
    parts = []
    for start in range(0, len(rows), BATCH):
        some = slice(start, start + BATCH)
        features = torch.from_numpy(np.asarray(data.inputs(rows[some]))).to(folder.workspace.torch_device)
        parts.append(_changes(*_totals(method, features, classes, truth[some]), truth[some]))
    errors, mended, broken, lead, left = (np.sum(column, axis=0) for column in zip(*parts, strict=True))
    relieved = (lead - left) / lead if lead > 0 else np.zeros(len(mended))
    return AttributeConfusion(folder.path.name, len(rows), int(errors), mended, broken, relieved)


def _totals(
    method: ComparesLevels, features: Float[torch.Tensor, "clip w"], classes: tuple[int, ...], truth: np.ndarray
) -> tuple[Float[np.ndarray, "clip class"], Float[np.ndarray, "clip class a"]]:
    """Distances of clips from classes: as they are, and with each attribute in turn as the clip's class expects it."""
    count = features.shape[1] // 2

    def total(packed_levels: torch.Tensor) -> np.ndarray:
        return -next(iter(method.class_scores(packed_levels, classes).heads.values())).double().cpu().numpy()

    with torch.inference_mode():
        own = method.expected_levels(classes)[torch.from_numpy(truth).to(features.device)]
        changed = []
        for i in range(count):
            replaced = features.clone()
            both = own[:, i].isfinite() & (features[:, count + i] > 0.5)
            replaced[:, i] = torch.where(both, own[:, i], features[:, i])
            changed.append(total(replaced))
        return total(features), np.stack(changed, axis=2)


def _changes(
    total: Float[np.ndarray, "clip class"],
    changed: Float[np.ndarray, "clip class a"],
    truth: Int[np.ndarray, " clip"],
) -> tuple[int, Int[np.ndarray, " a"], Int[np.ndarray, " a"], float, Float[np.ndarray, " a"]]:
    """Errors, and what happens to them by attribute.

    Returns:
        Number of errors; those that are mended, and right clips that become wrong, by attribute; the lead of the
        winners over the right classes summed over the errors; what is left of that lead, by attribute.
    """
    winner, clip = total.argmin(1), np.arange(len(truth))
    right = winner == truth
    now = changed.argmin(1) == truth[:, None]
    lead = (total[clip, truth] - total[clip, winner])[~right].sum()
    left = (changed[clip, truth] - changed[clip, winner])[~right].sum(0)
    return int((~right).sum()), (now & ~right[:, None]).sum(0), (~now & right[:, None]).sum(0), float(lead), left
