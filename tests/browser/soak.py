"""Fresh sessions of every widget notebook in JupyterLab, on a machine that is kept busy: is the first paint right?

    make browser-soak                                              # after make demo: its runs are inspected
    python -m tests.browser.soak --workspace FOLDER --sessions 10 --figures figures/widgets

Each session is a new browser profile and a new kernel. As soon as the notebook has run, pixels of the stage are read: a
body is there, or the session counts as failed. The first session of each notebook also uses its controls. With
``--figures``, screenshots and a short animation of each widget are kept, to be looked at.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.browser.lab import Lab, Session, chromium, drawn_colours, jupyter_lab, session
from tests.browser.use import BODY, CANVAS, clean, copy_notebook, fits, use_errors, use_flows, use_inspector, use_stage

WIDGETS: dict[str, tuple[str, Callable[[Session], None] | None]] = {
    "02_skeleton_browser": ("", None),
    "50_inspect_contexts": ("skeleton-context", use_inspector),
    "51_explore_flows": ("flora", use_flows),
    "52_explore_errors": ("skeleton-context", use_errors),
}
#: of an animation
FRAMES, WIDE, COLOURS = 26, 560, 64


@dataclass
class Outcome:
    """What came of one session."""

    notebook: str
    painted: bool
    seconds: float
    problem: str = ""


def spin() -> None:
    """Keep a core busy."""
    while True:
        sum(range(10000))


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(processes)]
    for one in busy:
        one.start()
    try:
        yield
    finally:
        for one in busy:
            one.terminate()


def parameters_of(notebook: str, workspace: Path, out: Path) -> dict[str, object]:
    """Parameters for a notebook: a finished run of the workspace where it needs one."""
    kind, _ = WIDGETS[notebook]
    found: dict[str, object] = {"workspace": str(workspace), "out": str(out)}
    if kind:
        runs = sorted(workspace.glob(f"runs/puppet_23-5_{kind}_*/result.json"))
        if not runs:
            raise SystemExit(f"no finished run of {kind} in {workspace}: run `make demo` first")
        found["run"] = str(runs[0].parent)
    return found


def visit(seen: Session, lab: Lab, notebook: str, file: str, thorough: bool, figures: Path | None) -> Outcome:
    """One fresh session."""
    began = time.perf_counter()
    seen.open(lab, file)
    seen.run_all()
    canvas = seen.page.locator(CANVAS).last
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    seen.wait("() => [...document.querySelectorAll('.zs-canvas')].at(-1).width > 0", timeout=10_000)
    painted = drawn_colours(canvas) > BODY
    spent = time.perf_counter() - began
    if figures is not None:
        picture(seen, figures / f"{notebook}.png")
    if thorough:
        fits(seen)
        use_stage(seen, lab.folder)
        if figures is not None:
            animation(seen, figures / f"{notebook}.gif")
        if (use := WIDGETS[notebook][1]) is not None:
            use(seen)
    clean(seen)
    return Outcome(notebook, painted, spent)


def picture(seen: Session, path: Path) -> None:
    """The last widget on the page as an image."""
    widget = seen.page.locator(".jp-OutputArea-output:has(.zs-stage)").last
    widget.evaluate("node => node.scrollIntoView({ block: 'start' })")
    seen.page.wait_for_timeout(400)
    widget.screenshot(path=path)


def animation(seen: Session, path: Path) -> None:
    """The last stage while it plays and turns, as a GIF."""
    page, stage, shots = seen.page, seen.page.locator(".zs-stage").last, []
    slider = page.locator(".zs-slider").last
    last = int(slider.get_attribute("max") or 0)
    stage.focus()
    for number in range(FRAMES):
        slider.evaluate(
            "(s, t) => { s.value = t; s.dispatchEvent(new Event('input')); }", round(number * last / (FRAMES - 1))
        )
        page.keyboard.press("Shift+ArrowRight" if number < FRAMES // 2 else "Shift+ArrowLeft")
        shots.append(Image.open(io.BytesIO(stage.screenshot())).convert("RGB"))
    high = round(WIDE * shots[0].height / shots[0].width)
    small = [shot.resize((WIDE, high)).quantize(COLOURS) for shot in shots]
    small[0].save(path, save_all=True, append_images=small[1:], duration=90, loop=0, optimize=True)


def main(argv: list[str] | None = None) -> int:
    """Visit every notebook; 0 if every first paint was right and no control failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, default=Path("workspace"), help="with runs on puppet (make demo)")
    parser.add_argument("--sessions", type=int, default=10, help="of each notebook")
    parser.add_argument("--load", type=int, default=len(os.sched_getaffinity(0)), help="processes that only compute")
    parser.add_argument("--figures", type=Path, help="folder for screenshots and animations")
    parser.add_argument("--only", nargs="*", default=list(WIDGETS), choices=list(WIDGETS), help="these notebooks")
    options = parser.parse_args(argv)
    if options.figures is not None:
        options.figures.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, load(options.load), jupyter_lab(Path(folder)) as lab:
        for notebook in options.only:
            parameters = parameters_of(notebook, options.workspace.resolve(), lab.folder / "out")
            for number in range(options.sessions):
                first = number == 0
                # A file of its own has a kernel of its own, and no outputs of the session before.
                file = copy_notebook(notebook, lab.folder, f"_{number}", **parameters)
                # A widget is higher than most windows; a picture shows all of it.
                height = 1500 if first and options.figures is not None else 900
                with chromium() as browser, session(browser, height=height) as seen:
                    try:
                        outcomes.append(visit(seen, lab, notebook, file, first, options.figures if first else None))
                    except Exception as error:  # any failure of a session is counted, and the next one goes on
                        outcomes.append(Outcome(notebook, False, 0.0, f"{type(error).__name__}: {error}"[:600]))
                lab.end_kernels()
                one = outcomes[-1]
                state = "painted" if one.painted else f"NOT PAINTED {one.problem}"
                sys.stdout.write(f"{notebook} {number + 1}: {state}, {one.seconds:.1f} s\n")
                sys.stdout.flush()
    for notebook in options.only:
        mine = [one for one in outcomes if one.notebook == notebook]
        right = sum(one.painted and not one.problem for one in mine)
        sys.stdout.write(f"{notebook}: first paint right in {right} of {len(mine)} fresh sessions\n")
    return 0 if all(one.painted and not one.problem for one in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
