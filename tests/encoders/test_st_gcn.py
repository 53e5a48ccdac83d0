"""ST-GCN against slow loops written from its definition, and its graph against rules that a reader can check."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from zsar_kit.data.joints import layout, layout_names
from zsar_kit.encoders.base import StepNoise
from zsar_kit.encoders.st_gcn import STGCN, STRIDES, STGCNConfig, hops_from, spatial_adjacency
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.seeding import torch_generator

NTU = layout("ntu25")
CENTRE = NTU.index("spine_shoulder")


def neighbours(joint: int) -> list[int]:
    """Joints one bone away, the joint itself first."""
    return [joint, *(o for o in range(25) if o != joint and (NTU.parents[o] == joint or NTU.parents[joint] == o))]


def distance(joint: int) -> int:
    """Bones to the centre, which is the root of the layout."""
    return 0 if joint == CENTRE else 1 + distance(NTU.parents[joint])


def subset(joint: int, other: int) -> int:
    """0: itself; 1: nearer to the centre; 2: further away."""
    return 0 if other == joint else 1 if distance(other) < distance(joint) else 2


def tiny_model(seed: int = 0, **changes) -> STGCN:
    """A model in float64 with every parameter and statistic away from its initial value."""
    generator = torch.Generator().manual_seed(seed)
    model = STGCN(STGCNConfig(classes=3, hidden=4, features=12, **changes)).double()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            elif value.is_floating_point():
                value.copy_(torch.randn(value.shape, dtype=value.dtype, generator=generator) * 0.3)
                if name.endswith("importance"):
                    value.add_(1.0)
    return model


def slow_norm(x: Tensor, norm) -> Tensor:
    """``x[row, frame, joint, channel]``."""
    mean = x.mean((0, 1, 2)) if norm.training else norm.running_mean
    variance = x.var((0, 1, 2), correction=0) if norm.training else norm.running_var
    return (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias


def slow_graph(x: Tensor, block) -> Tensor:
    """Each joint: over its neighbours, the mean of each subset, with the subset's own linear map and edge weights."""
    outputs = block.graph_norm.num_features
    weight = block.graph.weight[:, :, 0, 0].view(3, outputs, -1)
    bias = block.graph.bias.view(3, outputs)
    joints = []
    for i in range(25):
        total = x.new_zeros(*x.shape[:2], outputs)
        for j in neighbours(i):
            k = subset(i, j)
            size = sum(subset(i, other) == k for other in neighbours(i))
            message = x[:, :, j] @ weight[k].t() + bias[k]
            total = total + message * block.importance[k, j, i] / size
        joints.append(total)
    return torch.stack(joints, 2)


def slow_time(x: Tensor, convolution, stride: int) -> Tensor:
    """Nine frames around each (second) frame; frames outside are zero."""
    weight, frames = convolution.weight[:, :, :, 0], x.shape[1]
    out = []
    for t in range(0, frames, stride):
        total = convolution.bias.expand(*x.shape[0:1], 25, -1)
        for k in range(9):
            if 0 <= t + k - 4 < frames:
                total = total + x[:, t + k - 4] @ weight[:, :, k].t()
        out.append(total)
    return torch.stack(out, 1)


def slow_model(model: STGCN, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    batch, persons, frames = clip.shape[:3]
    x = clip.reshape(batch * persons, frames, 1, 75)
    x = slow_norm(x, model.input_norm).view(-1, frames, 25, 3)
    for block, stride in zip(model.blocks, STRIDES, strict=True):
        h = torch.relu(slow_norm(slow_graph(x, block), block.graph_norm))
        h = slow_norm(slow_time(h, block.temporal, stride), block.temporal_norm)
        if block is not model.blocks[0]:
            skip = x
            if block.reshape is not None:
                skip = x[:, ::stride] @ block.reshape.weight[:, :, 0, 0].t() + block.reshape.bias
                skip = slow_norm(skip, block.reshape_norm)
            h = h + skip
        x = torch.relu(h)
    maps = x.view(batch, persons, *x.shape[1:]).mean(1)
    pooled = maps.mean((1, 2))
    return pooled, maps, pooled @ model.classifier.weight.t() + model.classifier.bias


@pytest.mark.parametrize("training", [False, True])
def test_equals_the_definition(training):
    model = tiny_model().train(training)
    clip = torch.randn(2, 2, 10, 25, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    output = model(clip, maps=True)
    pooled, maps, logits = slow_model(model, clip)
    torch.testing.assert_close(output.pooled, pooled)
    torch.testing.assert_close(output.maps, maps)
    torch.testing.assert_close(output.logits, logits)
    assert (output.pooled >= 0).all()
    assert output.pooled.max() > 0


def test_every_parameter_has_a_gradient():
    model = tiny_model()
    clip = torch.randn(3, 1, 9, 25, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.nn.functional.cross_entropy(model(clip).logits, torch.tensor([0, 1, 2])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    used = model.adjacency > 0
    gradient = model.blocks[3].importance.grad
    assert (gradient[used] != 0).any()
    assert not gradient[~used].any()  # an edge that is not there cannot become important


def test_a_joint_hears_of_its_neighbours_alone():
    """Through one graph convolution; the whole block moves information in time only."""
    block = tiny_model().blocks[1].eval()
    adjacency = spatial_adjacency(NTU, CENTRE).double()
    x = torch.randn(1, 4, 12, 25, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    moved = x.clone()
    moved[..., NTU.index("wrist_left")] += 1.0
    changed = (block(moved, adjacency) != block(x, adjacency)).any(0).any(0).any(0)
    assert set(torch.nonzero(changed).flatten().tolist()) <= set(neighbours(NTU.index("wrist_left")))


@pytest.mark.parametrize("name", layout_names())
def test_hops_count_the_bones_to_the_root(name):
    skeleton = layout(name)
    for joint, hops in enumerate(hops_from(skeleton, skeleton.root)):
        steps, j = 0, joint
        while j != skeleton.root:
            steps, j = steps + 1, skeleton.parents[j]
        assert hops == steps


def test_graph_of_the_paper_means_over_each_subset():
    graph = spatial_adjacency(NTU, CENTRE).numpy()
    for i in range(25):
        for k in range(3):
            members = [j for j in neighbours(i) if subset(i, j) == k]
            expected = np.zeros(25)
            expected[members] = 1 / max(1, len(members))
            np.testing.assert_allclose(graph[k, :, i], expected)


def test_graph_of_the_released_code():
    """One over all neighbours; beyond the first bone nearer and further are not told apart."""
    graph = spatial_adjacency(NTU, CENTRE, "released").numpy()
    np.testing.assert_allclose(graph.sum((0, 1)), 1.0, rtol=1e-6)
    for i in range(25):
        around = neighbours(i)
        for j in around:
            k = 0 if j == i else 1 if distance(j) < distance(i) and distance(j) <= 1 and distance(i) <= 2 else 2
            k = 2 if j != i and min(distance(j), 2) == min(distance(i), 2) else k
            np.testing.assert_allclose(graph[:, j, i], np.eye(3)[k] / len(around), rtol=1e-6)
    assert not np.allclose(graph, spatial_adjacency(NTU, CENTRE).numpy())


def test_sizes_of_smie():
    config = STGCNConfig(classes=55)
    assert config.channels == (16, 16, 16, 16, 32, 32, 32, 64, 64, 256)
    model = STGCN(STGCNConfig(classes=55, width=0.25))
    assert model.dim == 64
    output = model(torch.zeros(1, 2, 50, 25, 3), maps=True)
    assert output.maps.shape == (1, 13, 25, 64)


def test_dropout_is_the_steps_and_parts_of_a_batch_are_the_whole_batchs():
    """Norms off, so that samples do not meet; what one process draws must not depend on how many there are."""
    model = tiny_model(dropout=0.5).train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    clip = torch.randn(4, 2, 8, 25, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def run(step: int, kept: range) -> Tensor:
        model.begin_step(StepNoise(torch_generator(0, "dropout", step), 4, kept))
        return model(clip[kept.start : kept.stop]).pooled

    whole = run(0, range(4))
    assert torch.equal(whole, run(0, range(4)))
    torch.testing.assert_close(torch.cat([run(0, range(1)), run(0, range(1, 4))]), whole)
    assert not torch.allclose(run(1, range(4)), whole)
    model.eval()
    assert torch.equal(run(0, range(4)), run(1, range(4)))


def test_dropout_keeps_the_mean():
    from zsar_kit.encoders.st_gcn import NamedDropout

    dropout = NamedDropout(0.3).train()
    dropout.noise = StepNoise(torch_generator(0, "mean"), 4, range(4))
    out = dropout(torch.ones(4, 10, 50, 25))
    assert abs(float(out.mean()) - 1.0) < 0.02
    assert set(out.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.7)}


def test_bad_input():
    model = tiny_model(dropout=0.5)
    with pytest.raises(DataError, match=r"STGCN was built for 25 joints, but the clip .* has 20 on axis 3"):
        model(torch.zeros(1, 1, 8, 20, 3))
    with pytest.raises(DataError, match="must have 3 coordinates, got 2"):
        model(torch.zeros(1, 1, 8, 25, 2))
    with pytest.raises(ConfigError, match="Call begin_step"):
        model.train()(torch.zeros(1, 1, 8, 25, 3, dtype=torch.float64))
    with pytest.raises(ConfigError, match=r"'dropout' must be in \[0, 1\)"):
        STGCNConfig(classes=3, dropout=1.0)
    with pytest.raises(DataError, match="no joint 'navel'"):
        STGCNConfig(classes=3, centre="navel")
