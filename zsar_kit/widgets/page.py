"""Widgets where there is no kernel: self-contained pages and images, for exported HTML, nbviewer and papermill.

A page embeds the same ES modules that JupyterLab runs, and the state that they show. Nothing is fetched.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from zsar_kit.experiments.studies.notebooks import watched

STILL, PAGE, PLAIN = "image/png", "text/html", "text/plain"


@dataclass(frozen=True)
class Part:
    """One component of a page.

    Attributes:
        module: ``stage`` or ``panel``: the ES module that draws it.
        state: what its ``mount`` takes, but for the buffer.
        data: its buffer.
    """

    module: str
    state: dict[str, Any]
    data: bytes = b""


@cache
def resource(name: str) -> str:
    """The text of a module or style sheet of the widgets."""
    return files("zsar_kit.widgets").joinpath("resources", name).read_text(encoding="utf-8")


def standing(parts: Sequence[Part], title: str, note: str = "") -> str:
    """A whole HTML page that shows components one below the other.

    Args:
        parts: the components.
        title: of the page, any text.
        note: a line above them, any text.
    """
    modules = list(dict.fromkeys(part.module for part in parts))
    styles = "\n".join(resource(f"{name}.css") for name in modules)
    # Modules are inlined as data addresses, so that each keeps its own names.
    sources = {name: _address(resource(f"{name}.js")) for name in modules}
    states = [{"module": p.module, "state": p.state, "data": base64.b64encode(p.data).decode()} for p in parts]
    heading = f"<p>{html.escape(note)}</p>" if note else ""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>body {{ margin: 4px; font: 13px system-ui, sans-serif; }}
{styles}</style></head><body>{heading}<div id="parts"></div>
<script type="module">
const sources = {_literal(sources)};
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
for (const {{ module, state, data }} of {_literal(states)}) {{
  const place = document.createElement("div");
  document.getElementById("parts").append(place);
  const {{ mount }} = await import(sources[module]);
  mount(place, {{ ...state, data: bytes(data) }});
}}
document.body.dataset.ready = "true";
</script></body></html>
"""


def framed(page: str, still: bytes, text: str, height: int) -> str:
    """A page inside an output: a frame that plays where scripts may run, and an image where they may not.

    Args:
        page: from :func:`standing`.
        still: a PNG image; may be empty.
        text: what the image shows.
        height: of the frame, in pixels.
    """
    source = f"data:image/png;base64,{base64.b64encode(still).decode()}" if still else ""
    image = f'<img class="zs-still" alt="{html.escape(text)}" src="{source}" style="max-width: 100%">' if still else ""
    # The frame has this page's origin; it takes the image away once it runs.
    leave = (
        "<script>frameElement.parentElement.querySelector('.zs-still')?.remove();"
        "frameElement.style.display = 'block';</script>"
    )
    whole = html.escape(page.replace("</body>", f"{leave}</body>"))
    style = f"width: 100%; height: {height}px; border: 0; display: none"
    return f'<div>{image}<iframe title="{html.escape(text)}" style="{style}" srcdoc="{whole}"></iframe></div>'


def bundle(
    widget: Any, text: str, picture: Callable[[], bytes], page: Callable[[], str], height: int = 620
) -> dict[str, Any]:
    """What a widget leaves in an output: itself where somebody is there to use it, and an image and a page in any case.

    What a batch leaves behind is read without a kernel, and exporters would prefer the widget, which needs one, to the
    page, which does not.

    Args:
        widget: what ``ipywidgets`` would leave: a bundle, or a bundle and its metadata.
        text: the widget in words.
        picture: makes the image.
        page: makes the page.
        height: of the page, in pixels.
    """
    own = widget[0] if isinstance(widget, tuple) else widget
    still = picture()
    found: dict[str, Any] = {PLAIN: text, PAGE: framed(page(), still, text, height)}
    if still:
        found[STILL] = base64.b64encode(still).decode()
    return {**(own or {}), **found} if watched() else found


def _address(source: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(source.encode()).decode()


def _literal(value: Any) -> str:
    """JSON that can stand in a script: no text of others can end it."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace("\u2028", " ").replace("\u2029", " ")
