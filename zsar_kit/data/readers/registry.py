"""The data sets whose raw files the kit reads, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from zsar_kit.data.readers.files import RawFormat, plan_files
from zsar_kit.data.readers.kinder_gator import KINDER_GATOR
from zsar_kit.data.readers.ntu import DATASETS, plan_ntu
from zsar_kit.data.readers.nw_ucla import NW_UCLA
from zsar_kit.data.readers.pku_files import VIDEO
from zsar_kit.data.readers.pku_mmd import plan_pku_mmd
from zsar_kit.data.readers.plan import ReadPlan
from zsar_kit.data.readers.prepare import Prepared, carry_out
from zsar_kit.data.readers.utd_mhad import UTD_MHAD
from zsar_kit.errors import DataError, nearest_name

#: Data set name to file format, for data sets of one clip a file.
RAW_FORMATS: dict[str, RawFormat] = {raw.dataset: raw for raw in (UTD_MHAD, NW_UCLA, KINDER_GATOR)}
#: Data set name to planner: takes the root and, where the data set has a choice, the keyword ``chain``.
PLANNERS: dict[str, Callable[..., ReadPlan]] = {
    **{name: partial(plan_files, raw) for name, raw in RAW_FORMATS.items()},
    **{name: partial(plan_ntu, name) for name in DATASETS},
    **{name: partial(plan_pku_mmd, name) for name in VIDEO},
}


def plan_dataset(name: str, root: str | Path, *, chain: str = "") -> ReadPlan:
    """Look at the names of a data set's raw files and plan to read them.

    Args:
        name: name of the data set.
        root: the folder that holds its files or archives, at any depth; or one archive.
        chain: how raw bodies become a sequence, where a data set has several customary ways; the most common one if
            empty.

    Raises:
        DataError: unknown name or chain, or the folder holds something else.
    """
    if name not in PLANNERS:
        raise DataError(f"no reader for the data set {name!r}", remedy=nearest_name(name, PLANNERS))
    return PLANNERS[name](root, **({"chain": chain} if chain else {}))


def prepare_dataset(
    name: str,
    root: str | Path,
    out: str | Path,
    *,
    chain: str = "",
    strict: bool = False,
    processes: int = 1,
    progress: bool = False,
) -> Prepared:
    """Read the raw files of a data set into a :class:`SkeletonSet` at ``out``.

    See :func:`plan_dataset` and :func:`zsar_kit.data.readers.prepare.carry_out` for arguments and errors.
    """
    plan = plan_dataset(name, root, chain=chain)
    return carry_out(plan, out, root=root, strict=strict, processes=processes, progress=progress)
