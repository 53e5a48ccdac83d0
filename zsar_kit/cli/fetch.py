"""``zsar data fetch`` and ``zsar data check``: download raw files, and check them."""

from __future__ import annotations

from pathlib import Path

from zsar_kit.cli.common import Dataset, say
from zsar_kit.cli.data import data

__all__ = ["data"]


@data.command(name="fetch")
def data_fetch(
    dataset: Dataset, to: Path | None = None, mirror: str = "", accept_licence: bool = False, quiet: bool = False
) -> None:
    """Download the raw files of a freely available data set and compare them with the recorded checksums.

    Run the command again to resume after an interruption. For data sets that are available on request only, the command
    says how to ask for them.

    Args:
        dataset: utd_mhad, nw_ucla, or kinder_gator.
        to: folder for the files; default: raw/DATASET.
        mirror: take the archive from this address (of the archive or its folder), or from this local folder or archive.
        accept_licence: confirm that you have read the terms of use and accept them.
        quiet: show no progress bars.
    """
    from zsar_kit.cli.answers.downloads import fetch_data

    say(fetch_data(dataset, to, mirror, accept_licence, not quiet))


@data.command(name="check")
def data_check(dataset: Dataset, root: Path, contents: bool = False, quiet: bool = False) -> int:
    """Check raw files, also those downloaded by hand, against what is known about their data set.

    Args:
        dataset: utd_mhad, nw_ucla, kinder_gator, ntu60, ntu120, pku_mmd, or pku_mmd_2.
        root: folder of the files or of their zip archives, or one archive.
        contents: also read every file of NTU RGB+D and PKU-MMD to the end (other data sets are always read). This
            checks that files are readable, not what they contain: `zsar data prepare` does that.
        quiet: show no progress bars.
    """
    from zsar_kit.cli.answers.downloads import check_data

    text, whole = check_data(dataset, root, contents, not quiet)
    say(text)
    return 0 if whole else 2
