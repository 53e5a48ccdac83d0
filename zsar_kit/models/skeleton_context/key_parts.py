"""Key part decoupling: the joints that matter for an action (SkeletonContext, section 3.4, Eq. 6-7).

An importance map weights the joints of the skeleton's feature map. A loss pulls it towards the body parts that the
action's description names.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.models.blocks import seeded_linear
from zsar_kit.models.skeleton_context.layers import seeded_matrix
from zsar_kit.reprs import ShownByShape

SOFTMAX_OVER = ("joints", "frames_joints")
NORMALISE = ("sum", "max")
REDUCTIONS = ("sum", "frames", "mean")
RELEASED_PARTS = {
    "head": (2, 3),
    "hand": (7, 11, 21, 22, 23, 24),
    "arm": (4, 5, 6, 8, 9, 10),
    "hip": (0, 1, 12, 16),
    "leg": (12, 13, 14, 16, 17, 18),
    "foot": (14, 15, 18, 19),
}
"""Body part to joints (NTU order) in the released model files: wrists belong to the arm, hips to hip and leg, ankles to
leg and foot, and the upper spine (joint 20) to none."""


@dataclass(frozen=True)
class KeyParts(ShownByShape):
    """Importance of the joints, and the pooled part-level feature.

    Attributes:
        importance: K_out; its sum over joints is 1 on average over frames.
        pooled: F_p pooled, the mean of F_x weighted by the importance.
    """

    importance: Float[Tensor, "batch frame joint"]
    pooled: Float[Tensor, "batch dim"]


class KeyPartDecoupling(nn.Module):
    """Two linear layers with a ReLU between them and a softmax give each joint its importance (section 3.4).

    Args:
        dim: width C of the feature map.
        hidden: hidden width between the layers.
        softmax_over: ``joints``: importances sum to 1 in each frame, as in the released code; ``frames_joints``: frames
            compete too. This softmax over all frames and joints is multiplied by the number of frames, so that equal
            importances are 1/V in both cases.
        generator: source of the initial weights.

    Raises:
        ConfigError: a width is not positive, or softmax_over is unknown.

    Note:
        The paper specifies neither the axis of the softmax nor the nonlinearity; ReLU and joints follow the released
        code.
    """

    def __init__(self, dim: int, hidden: int, *, softmax_over: str = "joints", generator: torch.Generator):
        super().__init__()
        _check_choice("softmax_over", softmax_over, SOFTMAX_OVER)
        self.softmax_over = softmax_over
        self.inner = seeded_linear(dim, hidden, generator=generator)
        # No bias: it would shift all scores equally, which the softmax cancels.
        self.score = seeded_matrix(hidden, 1, generator=generator)

    def importance(self, f_x: Float[Tensor, "batch frame joint dim"]) -> Float[Tensor, "batch frame joint"]:
        """K_out of each frame and joint, positive; ``softmax_over`` determines over what it sums to 1."""
        # In place: the widest tensor of a step is then allocated once.
        scores = self.score(self.inner(f_x).relu_())[..., 0]
        if self.softmax_over == "joints":
            return scores.softmax(dim=-1)
        return scores.shape[1] * scores.flatten(1).softmax(dim=-1).view_as(scores)

    def forward(self, f_x: Float[Tensor, "batch frame joint dim"]) -> KeyParts:
        """Importance and pooled part-level feature of a feature map F_x."""
        weights = self.importance(f_x)
        return KeyParts(importance=weights, pooled=pool_key_parts(weights, f_x))


def pool_key_parts(
    importance: Float[Tensor, "batch frame joint"], f_x: Float[Tensor, "batch frame joint dim"]
) -> Float[Tensor, "batch dim"]:
    """F_p pooled: its sum over joints and mean over frames, without computing the map of Eq. 6.

    Args:
        importance: K_out.
        f_x: the feature map.

    Returns:
        The mean of F_x weighted by the importance, on the scale of F_x.

    Raises:
        ConfigError: there is no frame.

    Note:
        The paper says "pooled". The released code also averages over joints, which only divides by V once more.
    """
    if f_x.shape[1] == 0:
        raise ConfigError("a feature map needs at least one frame for pooling, got none", where="f_x")
    return torch.einsum("btv,btvc->bc", importance, f_x) / f_x.shape[1]


def key_part_prior(
    parts: Bool[Tensor, "part joint"], chosen: Bool[Tensor, "batch part"], *, normalise: str = "sum"
) -> Float[Tensor, "batch joint"]:
    """K_gt, the prior importance of the joints, from the body parts a description names (section 3.4).

    Args:
        parts: which joints belong to each part; parts can overlap, and a joint in two chosen parts counts once.
        chosen: the parts named for each sample.
        normalise: ``sum`` distributes 1 equally over the joints of the chosen parts, comparable with K_out; ``max``
            gives each of them 1, the range [0, 1] of the paper.

    Returns:
        The prior, float32, the same for all frames. If no chosen part has a joint, all joints are treated as chosen.

    Raises:
        ConfigError: normalise is unknown, or there is no joint.

    Note:
        The paper gives K_gt in [0, 1]^(T x V) without a construction. With ``max`` the loss of Eq. 7 can't reach zero
        if more than one joint is chosen, since K_out sums to 1; hence ``sum``, as in the released code.
    """
    _check_choice("normalise", normalise, NORMALISE)
    if parts.shape[1] == 0:
        raise ConfigError("the parts need at least one joint, got none", where="parts")
    joints = (chosen[:, :, None] & parts).any(dim=1)
    joints = joints | ~joints.any(dim=-1, keepdim=True)
    prior = joints.to(torch.float32)
    return prior if normalise == "max" else prior / prior.sum(dim=-1, keepdim=True)


def key_part_loss(
    importance: Float[Tensor, "batch frame joint"], prior: Float[Tensor, "batch joint"], *, reduction: str = "sum"
) -> Float[Tensor, ""]:
    """L_kpd: squared distance of the importances from their prior (SkeletonContext, Eq. 7).

    Args:
        importance: K_out.
        prior: K_gt, the same at each frame.
        reduction: ``sum`` over frames and joints (Eq. 7); ``frames`` divides by the number of frames, so that the
            weight does not depend on the clip length; ``mean`` divides by frames and joints, as in the released code.
            All average over the batch.

    Raises:
        ConfigError: the reduction is unknown.
    """
    _check_choice("reduction", reduction, REDUCTIONS)
    squares = (importance - prior[:, None]).square()
    if reduction == "mean":
        return squares.mean()
    per_frame = squares.sum(dim=-1).mean(dim=0)
    return per_frame.sum() if reduction == "sum" else per_frame.mean()


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(
            f"{name} must be one of {known}, got {value!r}", where=name, remedy=nearest_name(value, known)
        )
