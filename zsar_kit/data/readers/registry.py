"""The data sets whose raw files the kit reads, by name."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.data.readers.files import RawFormat, plan_files
from zsar_kit.data.readers.plan import ReadPlan
from zsar_kit.data.readers.prepare import Prepared, carry_out
from zsar_kit.errors import DataError, nearest_name


def raw_formats() -> dict[str, RawFormat]:
    """Data set name to file format, for data sets of one clip a file without choices."""
    from zsar_kit.data.readers.kinder_gator import KINDER_GATOR
    from zsar_kit.data.readers.nw_ucla import NW_UCLA
    from zsar_kit.data.readers.utd_mhad import UTD_MHAD

    return {raw.dataset: raw for raw in (UTD_MHAD, NW_UCLA, KINDER_GATOR)}


def plan_dataset(name: str, root: str | Path, *, chain: str = "") -> ReadPlan:
    """Look at the raw files of a data set, by their names, and plan their reading.

    Args:
        name: of the data set.
        root: the folder that holds its files or archives, at any depth; or one archive.
        chain: how raw bodies become a sequence, where a data set has several customary ways; the customary one if
            empty.

    Raises:
        DataError: unknown name or chain, or the folder holds something else.
    """
    from zsar_kit.data.readers.ntu import DATASETS, plan_ntu
    from zsar_kit.data.readers.pku_mmd import VIDEO, plan_pku_mmd

    formats = raw_formats()
    known = (*formats, *DATASETS, *VIDEO)
    if name not in known:
        raise DataError(f"no reader for the data set {name!r}", remedy=nearest_name(name, known))
    if name in DATASETS:
        return plan_ntu(name, root, **({"chain": chain} if chain else {}))
    if name in VIDEO:
        return plan_pku_mmd(name, root, **({"chain": chain} if chain else {}))
    if chain:
        raise DataError(f"{name} is read in one way only, got the chain {chain!r}", remedy="Leave the chain out.")
    return plan_files(formats[name], root)


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
