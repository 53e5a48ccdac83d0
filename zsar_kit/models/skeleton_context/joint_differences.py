"""The differential joint encoder: each joint learns how it differs from the others (SkeletonContext, section 3.3.1).

The differences between all pairs of joints gate the messages between joints, feature by feature (Eq. 1).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zsar_kit.errors import ConfigError, nearest_name
from zsar_kit.models.blocks import seeded_linear
from zsar_kit.models.skeleton_context.layers import seeded_matrix

ACTIVATIONS = ("tanh", "sigmoid", "relu", "softmax")
"""Choices of phi in Eq. 1; see :class:`DifferentialJointEncoder`."""


class DifferentialJointEncoder(nn.Module):
    """``F_diff[n] = Avg_m(phi(H_Q[n] - H_K[m]) * V[m]) + F'[n]`` over joints n and m (SkeletonContext, Eq. 1).

    Here ``H_Q, H_K, V = LN(F') W_Q^T, LN(F') W_K^T, LN(F') W_V^T``, and all products are feature by feature.

    Args:
        dim: width C of a joint's feature.
        hidden: width of H_Q, H_K and V; another linear layer then maps back to C. None, the default, follows the paper:
            all have width C and there is no such layer. A smaller width saves memory in proportion.
        activation: the function phi of the difference, one of ``ACTIVATIONS``. ``tanh`` (default), ``sigmoid`` and
            ``relu`` are followed by the average over m, as printed in Eq. 1. ``softmax`` follows the released code:
            a ReLU, a softmax over the joints m, and a sum over m instead of the average.
        generator: source of the initial weights.

    Raises:
        ConfigError: a width is not positive, or the activation is unknown.

    Note:
        The paper specifies neither phi nor the axis of the average. We read Eq. 1 as a message from joint m to joint n:
        the values belong to the key's joint m, and the average runs over m, as in the released code. Swapping T_1 and
        T_2 gives the same model, with ``-W_K`` and ``-W_Q`` instead of W_Q and W_K, for any phi. tanh is the default
        because it keeps the sign of a difference and is zero if there is none. A softmax over m without the ReLU
        would cancel H_Q[n], and all joints would receive the same message. The released code also has one LayerNorm
        each for queries, keys and values; Eq. 1 has one.
    """

    def __init__(self, dim: int, *, hidden: int | None = None, activation: str = "tanh", generator: torch.Generator):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ConfigError(
                f"activation must be one of {ACTIVATIONS}, got {activation!r}",
                where="activation",
                remedy=nearest_name(activation, ACTIVATIONS),
            )
        width = dim if hidden is None else hidden
        self.activation = activation
        self.query = seeded_matrix(dim, width, generator=generator)
        self.key = seeded_matrix(dim, width, generator=generator)
        self.value = seeded_matrix(dim, width, generator=generator)
        self.project = nn.Identity() if hidden is None else seeded_linear(width, dim, generator=generator)
        self.norm = nn.LayerNorm(dim, device=generator.device)

    def forward(self, pooled: Float[Tensor, "batch joint dim"]) -> Float[Tensor, "batch joint dim"]:
        """The topology-enhanced feature F_diff of each joint.

        Args:
            pooled: F', the feature of each joint over time; see :func:`pool_time`.
        """
        normed = self.norm(pooled)
        h_q, h_k, v = (matrix(normed) for matrix in (self.query, self.key, self.value))
        if self.activation == "softmax":
            heard = self._softmax_heard(h_q, h_k, v)
        else:
            heard = Heard.apply(h_q, h_k, v, self.activation) / pooled.shape[1]
        return self.project(heard) + pooled

    @staticmethod
    def _softmax_heard(
        h_q: Float[Tensor, "batch joint hidden"],
        h_k: Float[Tensor, "batch joint hidden"],
        v: Float[Tensor, "batch joint hidden"],
    ) -> Float[Tensor, "batch joint hidden"]:
        """As released: a ReLU, a softmax over the other joints, and a sum."""
        # With features before joints, gates and values are multiplied as matrices, without a copy of the gates.
        q, k, values = h_q.mT, h_k.mT, v.mT
        gates = (q[..., :, None] - k[..., None, :]).relu_().softmax(dim=-1)
        return (gates @ values[..., None])[..., 0].mT


class Heard(torch.autograd.Function):
    """``sum_m phi(H_Q[n] - H_K[m]) * V[m]``, without storing the differences of all pairs of joints.

    These would be by far the largest tensor of the model, and memory traffic would dominate the time. Processed one
    joint n at a time, the differences fit into the processor's cache; the backward pass recomputes them.
    """

    @staticmethod
    def forward(ctx, h_q: Tensor, h_k: Tensor, v: Tensor, activation: str) -> Tensor:
        """The sum for each joint n, ``[batch, joint, hidden]``."""
        q, k, values = (_joints_first(x) for x in (h_q, h_k, v))
        ctx.save_for_backward(q, k, values)
        ctx.activation, ctx.shape = activation, h_q.shape
        heard = torch.empty_like(q)
        for n in range(len(q)):
            torch.sum(_phi(q[n] - k, activation).mul_(values), dim=0, out=heard[n])
        return _joints_second(heard, h_q.shape)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        """Gradients of H_Q, H_K and V."""
        q, k, values = ctx.saved_tensors
        g = _joints_first(gradients[0])
        of_q, of_k, of_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(values)
        for n in range(len(q)):
            gates = _phi(q[n] - k, ctx.activation)
            of_v.addcmul_(gates, g[n])
            slope = _slope(gates, ctx.activation).mul_(values).mul_(g[n])
            torch.sum(slope, dim=0, out=of_q[n])
            of_k.sub_(slope)
        return *(_joints_second(x, ctx.shape) for x in (of_q, of_k, of_v)), None  # type: ignore[return-value]


def _joints_first(x: Tensor) -> Tensor:
    """``[batch, joint, hidden]`` as ``[joint, batch * hidden]``."""
    return x.detach().transpose(0, 1).reshape(x.shape[1], -1).contiguous()


def _joints_second(x: Tensor, shape: torch.Size) -> Tensor:
    return x.view(shape[1], shape[0], shape[2]).transpose(0, 1).contiguous()


def _phi(difference: Tensor, activation: str) -> Tensor:
    """A_diff, computed in place of the difference."""
    return {"tanh": torch.tanh_, "sigmoid": torch.sigmoid_, "relu": torch.relu_}[activation](difference)


def _slope(gates: Tensor, activation: str) -> Tensor:
    """phi' in terms of phi, computed in place of the gates."""
    if activation == "relu":
        return gates.sign_()
    if activation == "sigmoid":
        return gates.addcmul_(gates, gates, value=-1)
    return gates.square_().neg_().add_(1)


def pool_time(feature_map: Float[Tensor, "batch frame joint dim"]) -> Float[Tensor, "batch joint dim"]:
    """F', the topology-level feature: the mean of F_x over frames (SkeletonContext, section 3.3.1).

    Args:
        feature_map: F_x, the skeleton encoder's feature of each joint at each (coarse) frame.

    Raises:
        ConfigError: there is no frame.
    """
    if feature_map.shape[1] == 0:
        raise ConfigError("a feature map needs at least one frame for pooling, got none", where="feature_map")
    return feature_map.mean(dim=1)
