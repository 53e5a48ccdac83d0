"""``zsar verify``."""

from __future__ import annotations

from zsar_kit.cli.common import Common, CommonOptions, say


def verify(common: Common = CommonOptions()) -> int:
    """Compare every file of the workspace with the record of what was written, and find runs that are out of date.

    The exit code is 1 if something is damaged or stale.
    """
    from zsar_kit.cli.answers.verification import verify_report

    text, code = verify_report(common.open())
    say(text)
    return code
