"""The commands ``zsar paper``, tables and figures of the papers, and ``zsar notebooks``, batches of notebooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from zsar_kit.cli.common import SOME_FAILED, Batch, Common, CommonOptions, EngineOptions, app, say

if TYPE_CHECKING:
    from zsar_kit.experiments.studies.paper_plan import Request

papers = tyro.extras.SubcommandApp()


@dataclass(frozen=True)
class RequestOptions:
    """On which data, and how."""

    dataset: str = "puppet"
    """name of a data set"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """one run of each row per seed"""
    preset: str = "cpu"
    """`cpu`, the kit's small preset, or `paper`, the paper's sizes and settings"""
    splits: tuple[str, ...] = ()
    """class splits to use instead of the table's"""
    rows: tuple[str, ...] = ()
    """only the rows with these titles"""
    language_model: str = ""
    """'offline', a model name, or a folder; default: that of the preset"""
    precision: Literal["float32", "bfloat16"] = "float32"
    """of training steps; bfloat16 is quicker on accelerators that have it, and runs of it are others than of float32"""
    set: tuple[str, ...] = field(default_factory=tuple)
    """fields of the paper's method to override in all its rows, e.g. training.epochs=10"""

    def request(self) -> Request:
        """What is asked."""
        from zsar_kit.cli.answers.runs import parse_overrides
        from zsar_kit.experiments.studies.paper_plan import Request

        named = (self.dataset, self.seeds, self.preset, self.splits, self.rows, self.language_model)
        return Request(*named, parse_overrides(self.set), self.precision)


Wanted = Annotated[RequestOptions, OmitArgPrefixes]


@papers.command(name="list")
def paper_list(wanted: Wanted = RequestOptions(), common: Common = CommonOptions()) -> None:
    """List all tables and figures of the papers: what each shows, and how far its runs are on a data set."""
    from zsar_kit.cli.answers.papers import list_papers

    say(list_papers(common.open(), wanted.request()))


@papers.command(name="run")
def paper_run(
    ids: Annotated[Positional[tuple[str, ...]], arg(metavar="ID...")] = (),
    all: bool = False,
    out: Path = Path("figures"),
    table_only: bool = False,
    estimate: bool = False,
    other_code: bool = False,
    wanted: Wanted = RequestOptions(),
    batch: Batch = EngineOptions(),
    common: Common = CommonOptions(),
) -> int:
    """Carry out what tables or figures of the papers need, and write them.

    Args:
        ids: such as flora/table3; `zsar paper list` names them.
        all: everything that the data set allows.
        out: folder of the files; they are in papers/DATASET within it.
        table_only: compute nothing, only write what finished runs allow.
        estimate: only say what it would take.
        other_code: allow finished runs that were made with other code than this; the files then say so.
    """
    from zsar_kit.cli.answers.papers import How, run_papers

    how = How(out, table_only, estimate, other_code)
    text, failures = run_papers(common.open(), ids, all, wanted.request(), how, batch.open())
    say(text)
    return SOME_FAILED if failures else 0


@app.command(name="notebooks")
def notebooks(
    batch_file: Annotated[Positional[Path], arg(metavar="FILE")],
    out: Path = Path("executed"),
    batch: Batch = EngineOptions(),
    common: Common = CommonOptions(),
) -> int:
    """Execute the notebooks of a batch file; one that is done is not executed again, and one that fails is kept.

    Args:
        batch_file: a .toml file with a table [[notebooks]] for each: notebook, parameters, and perhaps name.
        out: folder of the executed copies.
    """
    from zsar_kit.cli.answers.papers import execute_notebooks

    text, failures = execute_notebooks(common.open(), batch_file, out, batch.open())
    say(text)
    return SOME_FAILED if failures else 0


@papers.command(name="report")
def paper_report(out: Path = Path("figures"), page: Path | None = None) -> None:
    """Write one page, for use offline, of all tables and figures that `zsar paper run` wrote, with their origin.

    Args:
        out: the folder of figures.
        page: the page to write; default: papers/index.html in that folder.
    """
    from zsar_kit.cli.answers.papers import report_papers

    say(report_papers(out, page or out / "papers" / "index.html"))
