"""The skeleton browser in JupyterLab, against that of another checkout: time and bytes of choosing a sample.

    python -m benchmarks.widgets                     # this checkout alone
    python -m benchmarks.widgets --against CHECKOUT  # next to another one, in turn, in the same browser

Both show the same samples of puppet in a JupyterLab of their own on loopback, driven by the system's Chromium. Time is
from the choice in the menu until the page names the new sample and has painted once more; bytes are those of the
kernel's messages over the websocket. Counts: messages to the kernel while a whole clip is played and scrubbed. The exit
code is 1 if choosing is less than 5 times as fast, or takes more than a quarter of the bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.browser.lab import ROOT, Session, chromium, jupyter_lab, session, write_notebook

FASTER, LIGHTER = 5.0, 4.0

CELL = """from pathlib import Path
from zsar_kit.experiments.pipeline.skeletons import prepare_skeletons
from zsar_kit.experiments.pipeline.workspace import Workspace
from zsar_kit.widgets.skeleton_browser import SkeletonBrowser

browser = SkeletonBrowser({{"puppet": prepare_skeletons(Workspace(Path({workspace!r})), "puppet")}})
browser"""

NAMED = """name => [...document.querySelectorAll('.gtitle, .zs-titles')].some(t => t.textContent.includes(name))"""


def ready(seen: Session) -> None:
    """Wait until the browser's first sample is named."""
    seen.wait("() => document.querySelector('.gtitle, .zs-titles')?.textContent.length > 0")
    seen.page.wait_for_timeout(1500)


def choose(seen: Session, number: int) -> tuple[float, int]:
    """Choose a sample of the class; milliseconds until it is shown, and bytes received."""
    menu = seen.page.locator(".widget-dropdown select").nth(2)
    name = menu.locator("option").nth(number).inner_text()
    before = len(seen.received)
    spent = seen.page.evaluate(
        """async ([number, name]) => {
          const menu = document.querySelectorAll('.widget-dropdown select')[2];
          const named = """
        + NAMED
        + """;
          const began = performance.now();
          menu.selectedIndex = number;
          menu.dispatchEvent(new Event('change', { bubbles: true }));
          while (!named(name)) {
            if (performance.now() - began > 60000) throw new Error('the sample is not shown');
            await new Promise(requestAnimationFrame);
          }
          await new Promise(requestAnimationFrame);
          return performance.now() - began;
        }""",
        [number, name],
    )
    seen.page.wait_for_timeout(700)
    return spent, sum(seen.received[before:])


def messages_of_scrubbing(seen: Session) -> int:
    """Messages to the kernel while a clip is scrubbed from end to end and played for a second."""
    before = len(seen.sent)
    seen.page.locator(".zs-slider").evaluate(
        "s => { for (let t = 0; t <= s.max; t++) { s.value = t; s.dispatchEvent(new Event('input')); } }"
    )
    seen.page.locator(".zs-play").click()
    seen.page.wait_for_timeout(1000)
    return len(seen.sent) - before


def main(argv: list[str] | None = None) -> int:
    """Measure; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout, with the browser to compare with")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(argv)
    say = sys.stdout.write
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        workspace = str(Path(folder) / "workspace")
        roots = {"here": ROOT, **({"there": options.against.resolve()} if options.against else {})}
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in roots}
        labs, seen = {}, {}
        with contextlib.ExitStack() as stack:
            for name, root in roots.items():
                place = Path(folder) / name
                place.mkdir()
                write_notebook(place / "browse.ipynb", CELL.format(workspace=workspace))
                labs[name] = stack.enter_context(jupyter_lab(place, root))
                seen[name] = stack.enter_context(session(browser))
                seen[name].open(labs[name], "browse.ipynb")
                began = time.perf_counter()
                seen[name].run_all()
                ready(seen[name])
                say(f"{name}: first shown after {time.perf_counter() - began:.1f} s\n")
            for number in range(1, options.rounds + 1):
                for name in roots:  # in turn, so that other work on the machine meets both
                    found[name].append(choose(seen[name], number))
            scrubbed = messages_of_scrubbing(seen["here"])
    times = {name: statistics.median(t for t, _ in each) for name, each in found.items()}
    sizes = {name: statistics.median(n for _, n in each) for name, each in found.items()}
    for name in roots:
        cost = f"{times[name]:.0f} ms, {sizes[name] / 1000:.1f} kB"
        say(f"{name}: choosing a sample {cost} (medians of {options.rounds})\n")
    say(f"messages to the kernel while scrubbing and playing: {scrubbed}\n")
    if "there" not in roots:
        return 1 if scrubbed else 0
    faster, lighter = times["there"] / times["here"], sizes["there"] / sizes["here"]
    say(f"ratios: {faster:.1f}x faster (at least {FASTER:g}), {lighter:.1f}x fewer bytes (at least {LIGHTER:g})\n")
    return 0 if faster >= FASTER and lighter >= LIGHTER and not scrubbed else 1


if __name__ == "__main__":
    raise SystemExit(main())
