"""NTU RGB+D 60 and 120: which files belong to the data set, and how one is read.

The raw files are for registered users only (https://rose1.ntu.edu.sg/dataset/actionRecognition); folders and the
published zip archives are read as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

import numpy as np

from zsar_kit.data.catalogue import class_count, class_names, resource
from zsar_kit.data.readers.ntu_chains import CHAINS, NoBody
from zsar_kit.data.readers.ntu_format import parse_ntu
from zsar_kit.data.readers.plan import Item, LeftOut, Reading, ReadPlan, Source, find_sources, same_content, twice_note
from zsar_kit.data.skeletons import SkeletonSequence, check_sequence
from zsar_kit.errors import DataError, nearest_name

DATASETS = ("ntu60", "ntu120")
SUFFIX = ".skeleton"
SHOWN = "SsssCcccPpppRrrrAaaa.skeleton"
_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")


_WHAT = ("setup", "camera", "performer", "replication", "action")


def sample_numbers(sample: str) -> tuple[int, ...] | None:
    """Setup, camera, performer, replication and action of a name like ``S001C001P001R001A001``; None for any other."""
    match = _NAME.fullmatch(sample)
    return tuple(int(group) for group in match.groups()) if match else None


@cache
def missing_samples() -> frozenset[str]:
    """Names of the recordings that the authors list as having missing or incomplete skeletons."""
    return frozenset(name for names in resource("ntu.toml")["missing"].values() for name in names)


def misfit(dataset: str, sample: str) -> str | None:
    """Why a file name cannot belong to the data set; None if it can.

    Args:
        dataset: ``ntu60`` or ``ntu120``.
        sample: the file name without its suffix.
    """
    numbers = sample_numbers(sample)
    if numbers is None:
        return f"its name must look like {SHOWN}"
    first, own = resource("ntu.toml")["ntu60"], resource("ntu.toml")[dataset]
    early = numbers[0] <= first["setups"]  # of NTU RGB+D 60, with its performers and actions, in either data set
    for what, number in zip(_WHAT, numbers, strict=True):
        least = first["actions"] + 1 if what == "action" and not early else 1
        most = (first if early and what != "setup" else own)[f"{what}s"]
        if not least <= number <= most:
            whose = f"{dataset}'s" if what == "setup" else f"setup {numbers[0]}'s"
            return f"its name has {what} {number}, which is not in {whose} {least}..{most}"
    return None


def plan_ntu(dataset: str, root: str | Path, *, chain: str = "ctrgcn") -> ReadPlan:
    """Plan to read NTU RGB+D from a folder of ``.skeleton`` files and zip archives, or from one archive.

    For ``ntu60`` the files of the extension are skipped, and the notes say how many. A recording that exists twice with
    different content is left out, because nothing tells which one is right.

    Args:
        dataset: ``ntu60`` or ``ntu120``.
        root: the folder that holds the files, at any depth.
        chain: how persons are made of tracked bodies: a key of :data:`zsar_kit.data.readers.ntu_chains.CHAINS`.

    Raises:
        DataError: there is no such data set, chain or folder, no file in it, or none of this data set.
    """
    if dataset not in DATASETS:
        raise DataError(f"no data set {dataset!r} of NTU RGB+D", remedy=nearest_name(dataset, DATASETS))
    if chain not in CHAINS:
        raise DataError(f"NTU RGB+D has no chain {chain!r}", remedy=nearest_name(chain, CHAINS))
    sources, damaged = find_sources(root, SUFFIX)
    if not sources:
        came = f"; {damaged[0].detail}" if damaged else ""
        remedy = f"Name the folder that holds the {SHOWN} files or their zip archives, or one archive."
        raise DataError(f"{dataset} needs {SUFFIX} files, found none{came}", where=root, remedy=remedy)
    items, left_out, notes = _sorted_out(dataset, sources)
    if not items:
        remedy = "Name the other data set." if notes else "Name the folder that holds the data set."
        problem = f"none of {len(sources)} {SUFFIX} files can be read as a sample of {dataset}"
        raise DataError(problem, where=root, remedy=remedy)
    return ReadPlan(
        dataset=dataset,
        layout="ntu25",
        class_names=class_names(dataset),
        items=items,
        read=partial(read_ntu, dataset=dataset, chain=chain),
        config={"reader": dataset, "chain": chain},
        left_out=(*damaged, *left_out),
        complete=resource("ntu.toml")[dataset]["recordings"],
        found=len(items) + sum(entry.reason in ("listed as missing", "duplicate") for entry in left_out),
        notes=notes,
    )


def _sorted_out(
    dataset: str, sources: Iterable[Source]
) -> tuple[tuple[Item, ...], tuple[LeftOut, ...], tuple[str, ...]]:
    """The files to read, those left out, and notes about both."""
    places: dict[str, list[Source]] = {}
    for source in sources:
        places.setdefault(source.name.removesuffix(SUFFIX), []).append(source)
    items, left_out, others, twice = [], [], 0, 0
    for sample, found in places.items():
        where = " and ".join(str(source) for source in found)
        if (problem := misfit(dataset, sample)) is not None:
            if misfit("ntu120", sample) is None:
                others += len(found)
            else:
                left_out.append(LeftOut(sample, "unknown", f"{problem}: {where}"))
        elif sample in missing_samples():
            detail = f"the authors list its skeletons as missing or incomplete: {where}"
            left_out.append(LeftOut(sample, "listed as missing", detail, expected=True))
        elif len(found) > 1 and not same_content(found):
            detail = f"found {len(found)} times, with different content: {where}"
            left_out.append(LeftOut(sample, "duplicate", detail))
        else:
            twice += len(found) > 1
            items.append(Item(sample, (found[0],)))
    passed = f"{others} files belong to NTU RGB+D's extension, not to {dataset}, and were skipped."
    return tuple(items), tuple(left_out), ((passed,) * bool(others)) + twice_note(twice)


def read_ntu(item: Item, *, dataset: str, chain: str) -> Reading:
    """Read one file.

    Args:
        item: of the plan.
        dataset: ``ntu60`` or ``ntu120``.
        chain: a key of :data:`zsar_kit.data.readers.ntu_chains.CHAINS`.

    Raises:
        DataError: the file is broken.
    """
    (source,) = item.sources
    numbers = sample_numbers(item.name)
    if numbers is None:
        raise DataError(f"its name must look like {SHOWN}, got {item.name!r}", where=str(source))
    setup, camera, subject, replication, action = numbers
    recording = parse_ntu(source.read(), str(source))
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not in metres is refused below
            joints = CHAINS[chain](recording)
    except NoBody as error:
        return Reading(left_out=(LeftOut(item.name, "no body", f"{error.problem}: {source}", expected=True),))
    sequence = SkeletonSequence(
        sample=item.name,
        joints=joints,
        label=action - 1,
        subject=subject,
        camera=camera,
        setup=setup,
        replication=replication,
    )
    check_sequence(sequence, "ntu25", class_count(dataset), where=str(source))
    return Reading(sequences=(sequence,))
