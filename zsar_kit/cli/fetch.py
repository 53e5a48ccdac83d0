"""``zsar data fetch`` and ``zsar data check``: raw files from where they are published."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.cli.common import Dataset, say
from zsar_kit.cli.data import data

__all__ = ["data"]


@data.command(name="fetch")
def data_fetch(
    dataset: Dataset, to: Path | None = None, mirror: str = "", accept_licence: bool = False, quiet: bool = False
) -> None:
    """Download the raw files of a free data set and compare them with those that were measured.

    Stopped, the same command goes on where it was. For data sets that are given on request it says how to ask.

    Args:
        dataset: utd_mhad, nw_ucla, or kinder_gator.
        to: folder for the files, raw/DATASET if none is named.
        mirror: take the archive from this address (of the archive or its folder), or from this folder or archive.
        accept_licence: say that you have read the terms of use and accept them.
        quiet: no progress bars.
    """
    from zsar_kit.cli.answers.downloads import fetch_data

    say(fetch_data(dataset, to, mirror, accept_licence, not quiet))


@data.command(name="check")
def data_check(dataset: Dataset, root: Path, contents: bool = False, quiet: bool = False) -> int:
    """Compare raw files, also those downloaded by hand, with what is known of their data set.

    Args:
        dataset: utd_mhad, nw_ucla, kinder_gator, ntu60, ntu120, pku_mmd, or pku_mmd_2.
        root: folder of the files or of their zip archives, or one archive.
        contents: also read every file of NTU RGB+D and PKU-MMD to its end; the others always are. Whether it can
            be read is checked, not what it says: `zsar data prepare` does that.
        quiet: no progress bars.
    """
    from zsar_kit.cli.answers.downloads import check_data

    text, whole = check_data(dataset, root, contents, not quiet)
    say(text)
    return 0 if whole else 2
