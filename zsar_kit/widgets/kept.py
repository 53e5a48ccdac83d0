"""Views that were saved in the browser: a small JSON file with what was chosen and how it was seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsar_kit.artefacts import read_json
from zsar_kit.errors import DataError

if TYPE_CHECKING:
    from zsar_kit.widgets.stage import Stage

KIND, VERSION = "zsar view", 1
NUMBERS = ("yaw", "pitch", "zoom", "speed")


@dataclass(frozen=True)
class KeptView:
    """A saved view.

    Attributes:
        chosen: the choices of the widget, by name.
        frame: the frame.
        look: camera and speed, as :attr:`Stage.view`.
    """

    chosen: dict[str, Any]
    frame: int
    look: dict[str, Any]

    def apply(self, stage: Stage) -> None:
        """Look at what is on the stage in the same way; a frame past its end is its last one."""
        stage.view = self.look
        stage.frame = min(self.frame, max((body.frames for body in stage.bodies), default=1) - 1)


def read_view(source: str | Path | Mapping[str, Any]) -> KeptView:
    """Read a view that the button *view* of a stage saved.

    Args:
        source: the file, or its content.

    Raises:
        DataError: this is no such file, or a value in it is of the wrong kind.
    """
    content = source if isinstance(source, Mapping) else read_json(Path(source))
    where = "view" if isinstance(source, Mapping) else str(source)
    if not isinstance(content, Mapping) or content.get("kind") != KIND or content.get("version") != VERSION:
        raise DataError(f"not a saved view of version {VERSION}", where=where, remedy="Save it with the button 'view'.")
    stage, chosen = content.get("stage"), content.get("chosen")
    if not isinstance(stage, Mapping) or not isinstance(chosen, Mapping):
        raise DataError("a saved view needs 'stage' and 'chosen'", where=where)
    frame, traces = stage.get("frame", 0), stage.get("traces", [])
    numbers = {name: stage[name] for name in NUMBERS if name in stage}
    fine = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in numbers.values())
    whole = isinstance(frame, int) and frame >= 0 and isinstance(traces, list) and all(type(j) is int for j in traces)
    if not fine or not whole:
        raise DataError("frame, camera and traces of a saved view must be numbers", where=where)
    look = numbers | {"follow": bool(stage.get("follow", False)), "traces": traces}
    return KeptView(dict(chosen), frame, look)
