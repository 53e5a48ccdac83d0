"""What is measured of one body, once, for all checks that need it: lengths, the way up, the way it faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from zsar_kit.data.doctor.anatomy import Anatomy, anatomy
from zsar_kit.data.joints import JointLayout

#: So many frames of a person are enough for the order of joints.
SAMPLED_FRAMES = 8
#: Below this share of the body's height a step in front of a line is noise of the tracker.
BENT = 0.05
Path = Float[np.ndarray, "frame joint 3"]


@dataclass(frozen=True, eq=False)
class Measures:
    """Numbers of one person in one clip; NaN where the layout or the clip does not tell.

    Attributes:
        height: length of the chain head, shoulders, hips, knee, ankle, in the unit of the data; median over frames. It
            does not depend on the pose.
        up: mean direction from the hips to the shoulders ``[3]``, of length 0..1.
        tree: lengths of all bones together, over those of the shortest tree that joins the points; 1 at best.
        others: the same for other orders of the joints, by name.
        ahead: how much toes, or the face, point the way the body faces, -1..1: negative in a mirrored body.
        bends: the same by knees and elbows that are bent, in shares of the height; for bodies without feet and face.
    """

    height: float
    up: Float[np.ndarray, " xyz"]
    tree: float
    others: Mapping[str, float]
    ahead: float
    bends: float


def measure(path: Path, layout: JointLayout, orders: Mapping[str, np.ndarray]) -> Measures:
    """Measure a person.

    Args:
        path: the frames in which the person is there; NaN where a joint was not found.
        layout: the joint layout.
        orders: bones ``[bone, 2]`` of other orders of the joints, by name.
    """
    body = anatomy(layout)
    trees = tree_ratios(sampled(path), {"": body.bones, **orders})
    middle = {name: _mean(path, getattr(body, name)) for name in ("hip", "top", "head")}
    height = _middle(_chain(path, body, middle))
    up = _unit(middle["top"] - middle["hip"])
    across = path[:, body.across[1]] - path[:, body.across[0]]
    ahead = _unit(np.cross(up, across))
    with np.errstate(invalid="ignore"):
        return Measures(
            height=height,
            up=np.nan_to_num(_average(up)),
            tree=trees.pop(""),
            others=trees,
            ahead=_ahead(path, body, ahead),
            bends=_bends(path, body, ahead, height),
        )


def sampled(path: Path) -> Float[np.ndarray, "chosen joint 3"]:
    """Evenly spread frames in which every joint was found, as many as there are up to :data:`SAMPLED_FRAMES`."""
    chosen = path if len(path) <= 4 * SAMPLED_FRAMES else path[_spread(len(path), 4 * SAMPLED_FRAMES)]
    whole = chosen[~np.isnan(chosen).any(axis=(1, 2))]
    return whole[_spread(len(whole), SAMPLED_FRAMES)]


def tree_ratios(points: Path, bones: Mapping[str, np.ndarray]) -> dict[str, float]:
    """For each set of bones: their total length over that of the shortest tree through the same points.

    The median over frames.
    A body is joined up along its bones, so its own tree is nearly the shortest; in another order of joints, bones run
    criss-cross. The ratio has no unit. NaN without points.
    """
    if not len(points):
        return dict.fromkeys(bones, float("nan"))
    shortest = np.maximum(shortest_tree(points), 1e-12)
    own = {name: length(points[:, pairs[:, 0]] - points[:, pairs[:, 1]]).sum(axis=1) for name, pairs in bones.items()}
    return {name: float(np.median(total / shortest)) for name, total in own.items()}


def shortest_tree(points: Path) -> Float[np.ndarray, " frame"]:
    """Total length of the minimum spanning tree of the joints in each frame (Prim's algorithm, all frames at once)."""
    apart = length(points[:, :, None] - points[:, None])
    frames, reach = np.arange(len(points)), apart[:, 0].copy()
    total = np.zeros(len(points))
    reach[:, 0] = np.inf
    outside = np.zeros_like(reach)  # infinite once a joint is part of the tree
    outside[:, 0] = np.inf
    for _ in range(points.shape[1] - 1):
        nearest = (reach + outside).argmin(axis=1)
        total += reach[frames, nearest]
        outside[frames, nearest] = np.inf
        reach = np.minimum(reach, apart[frames, nearest])
    return total


def _spread(count: int, most: int) -> np.ndarray:
    return (
        np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).astype(np.int64)) if count else np.zeros(0, int)
    )


def _mean(path: Path, joints: tuple[int, ...]) -> np.ndarray:
    return path[:, joints[0]] if len(joints) == 1 else path[:, list(joints)].mean(axis=1)


def length(vectors: np.ndarray) -> np.ndarray:
    """Euclidean lengths along the last axis; NaN where a coordinate is."""
    return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(length(vectors), 1e-12)[..., None]


def _middle(values: np.ndarray) -> float:
    """The median of what is known; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def _average(vectors: np.ndarray) -> np.ndarray:
    known = vectors[~np.isnan(vectors).any(axis=-1)]
    return known.mean(axis=0) if len(known) else np.full(3, np.nan)


def _chain(path: Path, body: Anatomy, middle: dict[str, np.ndarray]) -> np.ndarray:
    """Length from head to ankle by the longer leg, or twice the upper body where the legs are not known."""
    upper = length(middle["head"] - middle["top"]) + length(middle["top"] - middle["hip"])
    legs = [length(path[:, a] - path[:, b]) + length(path[:, b] - path[:, c]) for a, b, c, _ in body.legs]
    return upper + np.fmax(*legs) if len(legs) == 2 else 2 * upper


def _ahead(path: Path, body: Anatomy, ahead: np.ndarray) -> float:
    """Mean cosine between where the body faces and where toes point, or the face."""
    signs = [_unit(path[:, toe] - path[:, ankle]) for _, _, ankle, toe in body.legs if toe >= 0]
    if body.face and body.ears:
        signs.append(_unit(_mean(path, body.face) - _mean(path, body.ears)))
    if not signs:
        return float("nan")
    cosines = np.concatenate([(sign * ahead).sum(axis=-1) for sign in signs])
    known = cosines[~np.isnan(cosines)]
    return float(known.mean()) if known.size else float("nan")


def _bends(path: Path, body: Anatomy, ahead: np.ndarray, height: float) -> float:
    """Mean step of bent knees before, and of bent elbows behind, the line between their limb's ends."""
    knees = [path[:, b] - (path[:, a] + path[:, c]) / 2 for a, b, c, _ in body.legs]
    elbows = [(path[:, a] + path[:, c]) / 2 - path[:, b] for a, b, c in body.arms]
    if not knees + elbows or not height > 0:
        return float("nan")
    steps = np.concatenate([(step * ahead).sum(axis=-1) for step in knees + elbows]) / height
    clear = steps[np.abs(steps) > BENT]
    return float(clear.mean()) if clear.size else float("nan")
