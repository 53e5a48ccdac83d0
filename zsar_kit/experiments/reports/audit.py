"""An audit of a prepared data set: what it holds, what was left out, and what its train and test parts share.

Every ``..._rows`` function returns the rows of one table as mappings from heading to value; nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zsar_kit.data.content import identical_groups
from zsar_kit.data.readers.ntu import DATASETS as NTU
from zsar_kit.data.readers.ntu_audit import audit_counts
from zsar_kit.data.splits import dataset_names, load_split, split_names, twin_groups
from zsar_kit.evaluation.tables import format_table
from zsar_kit.experiments.reports.audit_scan import Audit

PLACES = ("subject", "camera", "setup", "replication")
LISTED = 8
Row = dict[str, Any]


def part_rows(audit: Audit) -> list[Row]:
    """Numbers of samples, classes, subjects and cameras in each part of each protocol."""
    index = audit.skeletons.index
    return [
        {
            "protocol": protocol,
            "part": part,
            "samples": int(mask.sum()),
            "classes": len(np.unique(index.label[mask])),
            **{f"{place}s": _count(getattr(index, place)[mask]) for place in PLACES},
        }
        for protocol, part, mask in _divisions(audit)
    ]


def published_rows(audit: Audit) -> list[Row]:
    """The counts of each part beside the published ones, if the kit knows them (NTU RGB+D)."""
    dataset = audit.skeletons.dataset
    if dataset not in NTU:
        return []
    return [
        {"part": row.part, "published": row.published, "here": row.found, "agrees": "yes" if row.agrees else "no"}
        for row in audit_counts(audit.skeletons)
    ]


def left_out_rows(audit: Audit) -> list[Row]:
    """Left-out samples, counted by reason; unexpected reasons come first."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for entry in audit.left_out:
        groups.setdefault((entry.expected, entry.reason), []).append(entry.sample)
    return [
        {
            "reason": reason,
            "samples": len(samples),
            "expected": "yes" if expected else "NO",
            "which": _listed(samples, 4),
        }
        for (expected, reason), samples in sorted(groups.items())
    ]


def length_rows(audit: Audit) -> list[Row]:
    """Quantiles of the number of frames, and shares of frames without a body or equal to the frame before."""
    frames, scan = audit.skeletons.index.frames, audit.scan
    return [
        {
            "protocol": protocol,
            "part": part,
            "shortest": int(frames[mask].min()),
            "5 %": float(np.quantile(frames[mask], 0.05)),
            "median": float(np.median(frames[mask])),
            "95 %": float(np.quantile(frames[mask], 0.95)),
            "longest": int(frames[mask].max()),
            "frames without a body, %": 100 * float(scan.empty[mask].sum() / frames[mask].sum()),
            "frames that repeat, %": 100 * float(scan.still[mask].sum() / frames[mask].sum()),
        }
        for protocol, part, mask in _divisions(audit)
        if mask.any()
    ]


def body_rows(audit: Audit) -> list[Row]:
    """Numbers of samples by number of bodies, and the most bodies in one frame."""
    scan = audit.scan
    return [
        {
            "protocol": protocol,
            "part": part,
            **{f"{n} bod{'y' if n == 1 else 'ies'}": int((scan.bodies[mask] == n).sum()) for n in _values(scan.bodies)},
            "most at once": int(scan.together[mask].max()),
        }
        for protocol, part, mask in _divisions(audit)
        if mask.any()
    ]


def class_counts(audit: Audit, protocol: str) -> np.ndarray:
    """Samples of each class in train and test, ``[class, 2]``; a single column if ``protocol`` is empty."""
    labels, classes = audit.skeletons.index.label, len(audit.skeletons.class_names)
    masks = audit.masks(protocol).values() if protocol else [np.ones(len(labels), dtype=bool)]
    return np.stack([np.bincount(labels[mask], minlength=classes) for mask in masks], axis=1)


def balance_rows(audit: Audit) -> list[Row]:
    """The smallest and the largest class of each part, and the number of classes without a sample."""
    names, rows = audit.skeletons.class_names, []
    for protocol, part, mask in _divisions(audit):
        counts = np.bincount(audit.skeletons.index.label[mask], minlength=len(names))
        least, most = int(counts.argmin()), int(counts.argmax())
        rows.append(
            {
                "protocol": protocol,
                "part": part,
                "smallest class": f"{counts[least]} ({least} {names[least]})",
                "median": float(np.median(counts)),
                "largest class": f"{counts[most]} ({most} {names[most]})",
                "classes without a sample": int((counts == 0).sum()),
            }
        )
    return rows


def sharing_rows(audit: Audit) -> list[Row]:
    """Which subjects, cameras, set-ups and replications are in both parts, and how many performances are.

    A performance is what several cameras recorded at once: same class, subject, set-up and replication.
    """
    rows = []
    for protocol in audit.parts:
        for what, values in _sharable(audit).items():
            train, test = (set(values[mask].tolist()) for mask in audit.masks(protocol).values())
            both = sorted(train & test)
            shown = "" if what == "performance" or not both else f" ({_listed(both, LISTED)})"
            row = {"protocol": protocol, "what": what, "in train": len(train), "in test": len(test)}
            rows.append({**row, "in both": f"{len(both)}{shown}"})
    return rows


def identical_rows(audit: Audit) -> list[Row]:
    """Counts of identical sequences: in total, with different labels, and across the parts."""
    groups, labels = identical_groups(audit.scan.content), audit.skeletons.index.label
    facts = {
        "groups of identical sequences": len(groups),
        "sequences in them": sum(map(len, groups)),
        "groups of several classes": sum(len(set(labels[g])) > 1 for g in groups),
    }
    rows = []
    for protocol, train in audit.parts.items():
        torn = [g for g in groups if len(set(train[g].tolist())) > 1]
        copies = [i for g in torn for i in g[~train[g]].tolist()]
        of = {c: int((labels[copies] == c).sum()) for c in sorted(set(labels[copies].tolist()))}
        across = {
            "groups in both parts": len(torn),
            "test sequences also in train": len(copies),
            "of classes": _listed([f"{c} {audit.skeletons.class_names[c]}: {n}" for c, n in of.items()], LISTED),
        }
        rows.append({"protocol": protocol, **facts, **across})
    return rows or [{"protocol": "", **facts}]


def identical_samples(audit: Audit, limit: int = LISTED) -> list[Row]:
    """The first ``limit`` groups of identical sequences, by name."""
    index = audit.skeletons.index
    return [
        {
            "samples": _listed(index.sample[group].tolist(), LISTED),
            "classes": _listed(sorted(set(index.label[group].tolist())), LISTED),
            **{protocol: _parts_of(train[group]) for protocol, train in audit.parts.items()},
        }
        for group in identical_groups(audit.scan.content)[:limit]
    ]


def split_rows(audit: Audit) -> list[Row]:
    """The class splits of the data set: seen and unseen classes, their samples, and twins that are torn apart."""
    dataset, labels = audit.skeletons.dataset, audit.skeletons.index.label
    if dataset not in dataset_names():
        return []
    rows, twins = [], twin_groups(dataset)
    for split in (load_split(dataset, name) for name in split_names(dataset)):
        seen, unseen = np.isin(labels, split.seen), np.isin(labels, split.unseen)
        torn = [name for name, group in twins.items() if _side(group, set(split.unseen)) == "torn apart"]
        row: Row = {"split": split.name, "seen": len(split.seen), "unseen": len(split.unseen)}
        for protocol, train in audit.parts.items():
            row |= {
                f"{protocol}: train, seen": int((train & seen).sum()),
                f"{protocol}: test, seen": int((~train & seen).sum()),
                f"{protocol}: test, unseen": int((~train & unseen).sum()),
            }
        rows.append(row | {"twins torn apart": _listed(torn, LISTED)})
    return rows


def twin_rows(audit: Audit, split: str) -> list[Row]:
    """Twin classes (which differ only by side or speed), and whether a split has them as seen or unseen."""
    dataset, names = audit.skeletons.dataset, audit.skeletons.class_names
    if not (groups := twin_groups(dataset)):
        return []
    unseen = set(load_split(dataset, split).unseen)
    return [
        {
            "twins": name,
            "classes": "; ".join(f"{c} {names[c]}" for c in group),
            f"in {split}": _side(group, unseen),
        }
        for name, group in groups.items()
    ]


def audit_tables(audit: Audit, split: str = "") -> dict[str, str]:
    """All tables as Markdown, by heading; a sentence takes the place of an empty table.

    Args:
        audit: the audit of a data set.
        split: class split in which twin classes are looked up; default: the data set's customary split.
    """
    known = audit.skeletons.dataset in dataset_names()
    if split:
        load_split(audit.skeletons.dataset, split)  # refuses an unknown split
    split = split or next(iter(split_names(audit.skeletons.dataset) if known else ()), "")
    tables: dict[str, tuple[Sequence[Row], str]] = {
        "Parts": (part_rows(audit), ""),
        "Published counts": (published_rows(audit), "No published counts are known.\n"),
        "Left out": (left_out_rows(audit), "Nothing was left out, or no list was kept.\n"),
        "Lengths, in frames": (length_rows(audit), ""),
        "Bodies": (body_rows(audit), ""),
        "Classes": (balance_rows(audit), ""),
        "In both parts": (sharing_rows(audit), "No protocol is known for these data.\n"),
        "Identical sequences": (identical_rows(audit), ""),
        "Identical sequences, by name": (identical_samples(audit), "No sequences are identical.\n"),
        "Class splits": (split_rows(audit), "No class split is known for these data.\n"),
        "Twin classes": (twin_rows(audit, split) if split else [], "No twin classes are known.\n"),
    }
    return {name: format_table(rows, list(rows[0])) if rows else none for name, (rows, none) in tables.items()}


def _divisions(audit: Audit) -> list[tuple[str, str, np.ndarray]]:
    """Protocol, part and mask of each row; a single row of all samples if there is no protocol."""
    if not audit.parts:
        return [("", "all", np.ones(len(audit.skeletons), dtype=bool))]
    return [(protocol, part, mask) for protocol in audit.parts for part, mask in audit.masks(protocol).items()]


def _sharable(audit: Audit) -> dict[str, np.ndarray]:
    """Index columns ``[sample]`` whose values could be in both parts; those that the data set lacks are left out."""
    index = audit.skeletons.index
    found = {place: getattr(index, place) for place in PLACES if (getattr(index, place) >= 0).all()}
    if {"subject", "camera"} <= found.keys():
        columns = np.stack([index.label, index.subject, index.setup, index.replication], axis=1)
        found["performance"] = np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _side(group: Sequence[int], unseen: set[int]) -> str:
    """Whether all classes of a group are seen, all are unseen, or the group is torn apart."""
    sides = {"unseen" if c in unseen else "seen" for c in group}
    return sides.pop() if len(sides) == 1 else "torn apart"


def _parts_of(train: np.ndarray) -> str:
    return " and ".join(part for part, there in (("train", train.any()), ("test", not train.all())) if there)


def _count(values: np.ndarray) -> int | None:
    return len(np.unique(values)) if (values >= 0).all() and len(values) else None


def _values(array: np.ndarray) -> list[int]:
    return np.unique(array).tolist()


def _listed(values: Sequence[Any], limit: int) -> str:
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(str(v) for v in values[:limit]) + more
