"""The command line ``zsar``: a thin layer over the experiments.

Exit codes: 0 done; 1 a class has no text yet, or something in a workspace is damaged or stale; 2 bad input, or a disk
that is full or may not be written (one line says what, where, and what to do); 3 the work was done, but files of a
data set or clips of a folder were broken or missing (each is named); 4 some runs of a batch failed (each is named);
130 stopped by Ctrl-C.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from zsar_kit import __version__
from zsar_kit.cli.audit import data_audit
from zsar_kit.cli.common import app, reader_has_left, say
from zsar_kit.cli.data import split
from zsar_kit.cli.exchange import export, import_
from zsar_kit.cli.fetch import data
from zsar_kit.cli.form import form
from zsar_kit.cli.lab import inspect, lab
from zsar_kit.cli.own_data import data_doctor, data_layouts, data_new
from zsar_kit.cli.papers import papers
from zsar_kit.cli.recognise import explain, recognise
from zsar_kit.cli.runs import runs
from zsar_kit.cli.texts import texts
from zsar_kit.cli.verify import verify
from zsar_kit.errors import ZsarError
from zsar_kit.faults import machine_fault
from zsar_kit.reprs import one_line, visible

DESCRIPTION = "A workbench for zero-shot skeleton action recognition. `zsar --version` prints the version."

data.command(name="audit")(data_audit)
data.command(name="new")(data_new)
data.command(name="doctor")(data_doctor)
data.command(name="layouts")(data_layouts)
app.command(data, name="data", help="Data sets: list, fetch, check, prepare, new, doctor, show, audit, layouts.")
app.command(split, name="split", help="Class splits: list, make.")
app.command(texts, name="texts", help="Class texts: check, report, show, generate, use.")
app.command(form, name="form", help="Forms of expected levels: show, new, set, edit, check, attributes.")
app.command(runs, name="run", help="Finished runs: export, import.")
app.command(name="recognise")(recognise)
app.command(name="explain")(explain)
app.command(papers, name="paper", help="Tables and figures of the papers: list, run, report.")
app.command(name="lab")(lab)
app.command(name="inspect")(inspect)
app.command(name="import")(import_)
app.command(name="export")(export)
app.command(name="verify")(verify)


class _VisibleFormatter(logging.Formatter):
    """Names in messages come from files; none of them steers the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The message without control characters."""
        return visible(super().format(record))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; bad input and faults of the machine give one line on standard error and exit code 2.

    Any other exception is a bug of the kit and keeps its traceback.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setFormatter(_VisibleFormatter("%(message)s"))
    args = list(sys.argv[1:] if argv is None else argv)
    if args == ["--version"]:
        say(f"zsar_kit {__version__}")
        return 0
    try:
        code = app.cli(prog="zsar", description=DESCRIPTION, args=args)
    except ZsarError as error:
        return _refused(error)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command again to resume\n")
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_has_left():  # of a help page: its printer knows no `say`
            return 0
        if (fault := machine_fault(error)) is None:
            raise
        return _refused(fault)
    return int(code or 0)


def _refused(error: ZsarError) -> int:
    sys.stderr.write(f"error: {one_line(error)}\n")
    return 2


def entry_point() -> None:
    """The console script."""
    raise SystemExit(main())
