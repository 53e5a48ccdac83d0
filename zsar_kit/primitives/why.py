"""Why a clip is nearer to one class than to another: the attributes that decided, measured and expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from zsar_kit.primitives.attributes import attribute, attribute_names
from zsar_kit.primitives.bodies import Bodies
from zsar_kit.primitives.moments import frame_read, joints_read, pose_at
from zsar_kit.primitives.spoken import emphasised, level_of, sentence, spoken_about
from zsar_kit.reprs import one_line, plain_markdown

#: parts of a lead are given in points where one of them is more than so many times the whole
NEAR_TIE = 2.0


@dataclass(frozen=True, eq=False)
class Reason:
    """One attribute of a clip, as measured and as two classes expect it.

    Attributes:
        attribute: its name.
        value: measured, in its unit.
        level: the same as a level.
        expected: levels that winner and runner-up expect, brought to the scale of the measured ones where a method
            calibrates them; NaN where a class leaves it open.
        lead: what it adds to the distance of the runner-up minus what it adds to that of the winner.
        frame: frame of the clip at which it is read (of the clip without a calibration pose at its start).
        seconds: the same in seconds.
        joints: names of the joints of NTU RGB+D that it is about.
        pose: the body at that frame, ``[person, joint, (right, forward, up)]`` from the hips in T.
        text: the sentence, Markdown.
    """

    attribute: str
    value: float
    level: float
    expected: tuple[float, float]
    lead: float
    frame: int
    seconds: float
    joints: tuple[str, ...]
    pose: Float[np.ndarray, "person 25 3"]
    text: str

    def __repr__(self) -> str:
        return f"Reason({self.attribute}, lead {self.lead:+.4f}: {self.text})"

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready record; what a class leaves open is null."""
        a = attribute(self.attribute)
        open_or = [None if np.isnan(level) else round(a.value(level), 3) for level in self.expected]
        return {
            "attribute": self.attribute,
            "unit": a.unit,
            "measured": round(self.value, 3),
            "expected": open_or,
            "lead": round(self.lead, 5),
            "frame": self.frame,
            "sentence": str(self.text),
        }


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why the winner is ahead of the runner-up.

    Attributes:
        clip: name of the clip.
        winner, runner_up: class names.
        distances: of winner and runner-up.
        reasons: what decided, the largest share of the lead first.
        against: the attribute that speaks most for the runner-up; empty where none does.
        truth: the clip's class where it is known, else empty.
        note: what has to be said beside it, such as that the data are synthetic.
        misled: where the answer is known to be wrong, the lead of the winner over the right class: its first reason
            misled most. The same reasons as above where the runner-up is the right class.
        doctor: what the data doctor says of a clip that was read from a file, in one line; empty if nothing is wrong.
    """

    clip: str
    winner: str
    runner_up: str
    distances: tuple[float, float]
    reasons: tuple[Reason, ...]
    against: tuple[Reason, ...]
    truth: str = ""
    note: str = ""
    misled: Explanation | None = None
    doctor: str = ""

    def __repr__(self) -> str:
        return f"Explanation({one_line(self.clip)}: {self.winner!r} before {self.runner_up!r})"

    @property
    def right(self) -> bool | None:
        """Whether the winner is the clip's class; ``None`` where that is not known."""
        return None if not self.truth else self.winner == self.truth

    def _repr_markdown_(self) -> str:
        near, far = self.distances
        heading = f"{emphasised(self.winner)} (distance {near:.3f}) before {emphasised(self.runner_up)} ({far:.3f})"
        if self.truth:
            heading += "; right" if self.right else f"; wrong: the clip shows {emphasised(self.truth)}"
        lines = [f"{heading}. What decided, {self._measure()}:", ""]
        lines += [f"- {reason.text} ({self._share(reason)})" for reason in self.reasons]
        lines += [f"- Against it: {reason.text} ({self._share(reason)})" for reason in self.against]
        lines += self._misled_lines()
        said = [self.note, f"The data doctor: {plain_markdown(self.doctor)}" if self.doctor else ""]
        return "\n".join([*lines, *(line for text in said if text for line in ("", text))]) + "\n"

    def _misled_lines(self) -> list[str]:
        wrong = self.misled
        if wrong is None or not wrong.reasons:
            return []
        if wrong.runner_up == self.runner_up:
            about = emphasised(spoken_about(attribute(wrong.reasons[0].attribute)))
            return ["", f"The runner-up is right; misled most by the first of these: {about}."]
        right = f"{emphasised(wrong.runner_up)} ({wrong.distances[1]:.3f})"
        reasons = [f"- {reason.text} ({wrong._share(reason)})" for reason in wrong.reasons]
        return ["", f"What misled against the right class, {right}, {wrong._measure()}:", "", *reasons]

    @property
    def _lead(self) -> float:
        return self.distances[1] - self.distances[0]

    @property
    def _near_tie(self) -> bool:
        """Whether the lead is so small against its parts that percent of it say nothing."""
        return max((abs(r.lead) for r in (*self.reasons, *self.against)), default=0.0) > NEAR_TIE * self._lead

    def _measure(self) -> str:
        if self._near_tie:
            return f"in points of distance, as the lead of {self._lead:.4f} is next to nothing"
        return "in percent of the lead"

    def _share(self, reason: Reason) -> str:
        return f"{reason.lead:+.4f}" if self._near_tie else f"{100 * reason.lead / self._lead:+.0f} %"

    def __str__(self) -> str:
        return self._repr_markdown_()

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready record."""
        record: dict[str, object] = {
            "winner": self.winner,
            "runner_up": self.runner_up,
            "distances": [round(d, 5) for d in self.distances],
            "reasons": [reason.to_dict() for reason in self.reasons],
            "against": [reason.to_dict() for reason in self.against],
        }
        doctor = {"doctor": self.doctor} if self.doctor else {}
        misled = {} if self.misled is None else {"truth": self.truth, "misled": self.misled.to_dict()}
        return record | doctor | misled


def explain_lead(
    bodies: Bodies,
    values: Float[np.ndarray, " a"],
    shares: Float[np.ndarray, "2 a"],
    expected: Float[np.ndarray, "2 a"],
    names: tuple[str, str],
    *,
    clip: str,
    count: int = 3,
    truth: str = "",
    note: str = "",
) -> Explanation:
    """Explain the lead of the first of two classes.

    Args:
        bodies: a batch of this one clip.
        values: its attributes in their units.
        shares: what each attribute adds to the distance from either class; their sums are the distances.
        expected: levels that either class expects, on the scale of the measured ones; NaN where open.
        names: of the two classes.
        clip: name of the clip.
        count: number of reasons at most.
        truth, note: see :class:`Explanation`.
    """
    lead = shares[1] - shares[0]
    order = np.argsort(-lead, kind="stable")
    chosen = [int(i) for i in order[:count] if lead[i] > 0]
    opposed = [int(i) for i in order[-1:] if lead[i] < 0]

    def reason(i: int) -> Reason:
        name = attribute_names()[i]
        a, value = attribute(name), float(values[i])
        both = (float(expected[0, i]), float(expected[1, i]))
        frame = frame_read(bodies, name)
        return Reason(
            attribute=name,
            value=value,
            level=level_of(a, value),
            expected=both,
            lead=float(lead[i]),
            frame=frame,
            seconds=frame / bodies.rate,
            joints=joints_read(bodies, name),
            pose=pose_at(bodies, frame),
            text=sentence(a, value, both, names),
        )

    total = shares.sum(1)
    return Explanation(
        clip=clip,
        winner=names[0],
        runner_up=names[1],
        distances=(float(total[0]), float(total[1])),
        reasons=tuple(reason(i) for i in chosen),
        against=tuple(reason(i) for i in opposed),
        truth=truth,
        note=note,
    )
