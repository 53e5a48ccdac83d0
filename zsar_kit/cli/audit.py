"""``zsar data audit``."""

from __future__ import annotations

from zsar_kit.cli.common import Common, CommonOptions, Dataset, say


def data_audit(dataset: Dataset, split: str = "", common: Common = CommonOptions()) -> None:
    """Show what a prepared data set holds, what was left out, and what its train and test parts share.

    Args:
        dataset: name of a prepared data set.
        split: class split in which twin classes are looked up; default: the data set's customary split.
    """
    from zsar_kit.cli.answers.data import audit_report

    say(audit_report(common.open(), dataset, split))
