"""A stage for moving bodies: one or two skeletons that turn and play in the browser, without a kernel's help.

It draws by itself on a 2-D canvas (``resources/stage.js``), so it needs no WebGL, no network and, once it has a clip,
no kernel: playing and scrubbing send nothing. ``frame`` and ``view`` follow when the viewer lets go.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import anywidget
import numpy as np
import traitlets

from zsar_kit.data.joints import BODY_PARTS, JointLayout
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting.skeleton_3d import PART_COLOURS
from zsar_kit.reprs import one_line, shortened
from zsar_kit.widgets.body import Body
from zsar_kit.widgets.page import Part, bundle, resource, standing
from zsar_kit.widgets.stills import film_strip

#: titles and names longer than this are cut before they are sent
LONGEST = 200


class Stage(anywidget.AnyWidget):
    """One or two bodies in motion: play, scrub, turn, follow, trace; two clips side by side run in step.

    The viewer can use the mouse (drag: turn, wheel: zoom, click a joint: its path) and the keyboard (space, arrows,
    home, end, shift with arrows, plus, minus, f). A page without a kernel does the same.

    Args:
        joints: as for :class:`Body`; None starts empty.
        layout: of the joints.
        beside: a second body.
        rate: frames per second at speed 1.
        height: of the canvas, in pixels.
        options: further fields of :class:`Body`.

    Attributes:
        frame: the frame that is shown; it follows when playing stops and when the viewer lets go of the slider.
        view: camera and speed: ``yaw`` and ``pitch`` in radians, ``zoom``, ``speed``, ``follow``, and ``traces``, the
            joints whose paths are drawn.
        message: words over the stage, such as why there is no clip.
        about: JSON-ready choices that are saved together with a view.

    Raises:
        DataError, ConfigError: as for :class:`Body`, or ``rate`` or ``height`` is out of range.
    """

    _esm = resource("stage.js")
    _css = resource("stage.css")
    scene = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes().tag(sync=True)
    frame = traitlets.Int(0).tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        joints: np.ndarray | None = None,
        layout: JointLayout | str = "ntu25",
        *,
        beside: Body | None = None,
        rate: float | int = 30.0,
        height: int = 400,
        **options: Any,
    ) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise ConfigError(f"'rate' must be frames per second above 0, got {rate}", where="Stage")
        if not 120 <= height <= 4000:
            raise ConfigError(f"'height' must be 120 to 4000 pixels, got {height}", where="Stage")
        self._bodies: tuple[Body, ...] = ()
        self._about: dict[str, Any] = {}
        self._rate, self._height, self._version = float(rate), int(height), 0
        super().__init__()
        self.layout.width = "100%"
        if joints is not None:
            self.show(*[body for body in (Body(joints, layout, **options), beside) if body is not None])

    def __repr__(self) -> str:
        return f"Stage({', '.join(map(repr, self._bodies)) or 'empty'})"

    @property
    def bodies(self) -> tuple[Body, ...]:
        """What is on the stage."""
        return self._bodies

    def show(self, *bodies: Body, keep_frame: bool = False, about: dict[str, Any] | None = None) -> None:
        """Put one or two bodies on the stage; one message to the browser.

        Args:
            bodies: the bodies, from left to right.
            keep_frame: stay at the frame instead of beginning again.
            about: JSON-ready choices that are saved together with a view; None keeps them.

        Raises:
            ConfigError: there is no body, or more than two.
        """
        if not 1 <= len(bodies) <= 2:
            raise ConfigError(f"a stage has one body or two, got {len(bodies)}", where="Stage.show")
        longest = max(body.frames for body in bodies)
        self._bodies = bodies
        self._about = self._about if about is None else about
        scene, data = self._packed()
        with self.hold_sync():
            self.data = data
            self.frame = min(self.frame, longest - 1) if keep_frame else 0
            self.message = ""
            self.scene = scene

    @property
    def joints(self) -> np.ndarray:
        """Coordinates of the first body, read-only; assign an array of the same layout to show another clip.

        Raises:
            DataError: the stage is empty, or what is assigned does not fit.
        """
        return self._first().joints

    @joints.setter
    def joints(self, joints: np.ndarray) -> None:
        first = self._first()
        # Values and marks belonged to the old clip.
        changed = dataclasses.replace(first, joints=joints, weights=None, marks=())
        self.show(changed, *self._bodies[1:], keep_frame=True)

    @property
    def weights(self) -> np.ndarray | None:
        """Values of the first body's joints, ``[frame or coarse frame, joint]``; assign to show others."""
        return self._first().weights

    @weights.setter
    def weights(self, weights: np.ndarray | None) -> None:
        self.show(dataclasses.replace(self._first(), weights=weights), *self._bodies[1:], keep_frame=True)

    def _first(self) -> Body:
        if not self._bodies:
            raise DataError("the stage is empty", where="Stage", remedy="Use show(Body(joints, layout)) first.")
        return self._bodies[0]

    @traitlets.validate("frame")
    def _known_frame(self, proposal: Any) -> int:
        last = max((body.frames for body in self._bodies), default=1) - 1
        if not 0 <= (frame := proposal["value"]) <= last:
            raise DataError(f"frames are 0 to {last}, got {frame}", where="frame")
        return frame

    def _packed(self) -> tuple[dict[str, Any], bytes]:
        """The scene in words, and its arrays as one buffer of float32."""
        arrays: list[np.ndarray] = []
        places: list[int] = []
        for body in self._bodies:
            for array in (body.scene_points(), body.weights):
                if array is not None:
                    places.append(sum(a.size for a in arrays))
                    arrays.append(np.ascontiguousarray(array, dtype="<f4"))
        starts = iter(places)
        # Two bodies are compared, so they share one scale.
        tops = [float(b.weights.max() if b.top is None else b.top) for b in self._bodies if b.weights is not None]
        top = max(tops, default=1.0)
        bodies = [
            _spec(body, next(starts), next(starts) if body.weights is not None else 0, top) for body in self._bodies
        ]
        self._version += 1
        scene = {"bodies": bodies, "rate": self._rate, "height": self._height, "about": self._about}
        scene["version"] = self._version
        return scene, b"".join(a.tobytes() for a in arrays)

    def part(self) -> Part:
        """The stage as a part of a page without a kernel."""
        state = {"scene": self.scene, "frame": self.frame, "view": self.view, "message": self.message}
        return Part("stage", state, self.data)

    def html(self) -> str:
        """A self-contained HTML page that plays without a kernel and without a network."""
        return standing([self.part()], title=self._bodies[0].title if self._bodies else "stage")

    def picture(self) -> bytes:
        """Evenly spaced frames of the first body as a PNG image; empty if the stage is."""
        return film_strip(self._bodies[0]) if self._bodies else b""

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return bundle(super()._repr_mimebundle_(**kwargs), repr(self), self.picture, self.html)


def _spec(body: Body, at: int, weights_at: int, top: float) -> dict[str, Any]:
    """One body as the browser reads it."""
    form = body.layout
    assert isinstance(form, JointLayout), "made one at construction"
    hue_of = {joint: PART_COLOURS[part] for part in BODY_PARTS for joint in form.parts[part]}
    persons, frames, joints = body.joints.shape[:3]
    weights = None
    if body.weights is not None:
        low = min(0.0, float(body.weights.min()))
        label = _text(body.weights_label)
        weights = {"at": weights_at, "frames": len(body.weights), "low": low, "high": top, "label": label}
    return {
        "title": _text(body.title),
        "at": at,
        "persons": persons,
        "frames": frames,
        "joints": joints,
        "bones": [list(bone) for bone in form.bones],
        "hues": [hue_of[j] for j in range(joints)],
        "names": [_text(name) for name in form.joints],
        "weights": weights,
        "marks": [{"frame": int(frame), "text": _text(text)} for frame, text in body.marks],
    }


def _text(text: str) -> str:
    """What others wrote, on one line and of bounded length; the browser shows it as text."""
    return shortened(one_line(text), LONGEST)
