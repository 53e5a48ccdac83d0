"""Checkpoints give back the same bytes, and the same next step; what is not one is named, never unpickled."""

from __future__ import annotations

import ast
import inspect

import pytest
import torch
from torch import nn

from zsar_kit import checkpoints
from zsar_kit.checkpoints import load_module, load_tensors, optimizer_tensors, restore_optimizer, save_tensors
from zsar_kit.errors import ArtefactError

META = {"step": 3, "history": [0.1, 1 / 3, 1e-300], "nested": {"name": "größer", "none": None}}


def test_round_trip_of_types_shapes_and_record(tmp_path):
    tensors = {
        "float": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
        "double": torch.tensor([1 / 3], dtype=torch.float64),
        "half": torch.tensor([1.5], dtype=torch.float16),
        "int": torch.tensor(7),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 5),
        "transposed": torch.arange(6.0).view(2, 3).t(),
    }
    save_tensors(tmp_path / "a/c.safetensors", tensors, META)
    loaded, meta = load_tensors(tmp_path / "a/c.safetensors")
    assert meta == META
    assert loaded.keys() == tensors.keys()
    for name, value in tensors.items():
        assert loaded[name].dtype == value.dtype
        assert torch.equal(loaded[name], value)


def test_shared_storage_and_gradients_can_be_saved(tmp_path):
    weight = nn.Parameter(torch.ones(2, 2))
    save_tensors(tmp_path / "c", {"a": weight, "b": weight.view(4)})
    loaded, meta = load_tensors(tmp_path / "c")
    assert meta == {}
    assert loaded["b"].tolist() == [1.0] * 4
    assert not loaded["a"].requires_grad


@pytest.mark.parametrize("keep", [0, 4, 30, -1])
def test_truncated_file(tmp_path, keep):
    path = tmp_path / "c"
    save_tensors(path, {"a": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtefactError, match=r"not a readable safetensors file: .*\(in .*/c\)"):
        load_tensors(path)


def test_absent_or_foreign_file(tmp_path):
    with pytest.raises(ArtefactError, match="file not found"):
        load_tensors(tmp_path / "c")
    torch.save({"a": torch.ones(1)}, tmp_path / "c.pt")
    with pytest.raises(ArtefactError, match="not a readable safetensors file"):
        load_tensors(tmp_path / "c.pt")


def test_module_never_unpickles():
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(inspect.getsource(checkpoints)))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not imported & {"pickle", "dill", "joblib", "shelve"}
    assert "torch.load" not in inspect.getsource(checkpoints)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1, betas=(0.8, 0.95)),
    "two groups": lambda p: torch.optim.AdamW([{"params": p[:1], "lr": 0.3}, {"params": p[1:]}], lr=0.1),
}


def advance(layer, optimizer, step):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
    optimizer.zero_grad()
    layer(x).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("build", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_restored_optimizer_takes_the_same_steps(tmp_path, build):
    layer = nn.Linear(3, 2)
    optimizer = build(list(layer.parameters()))
    for step in range(3):
        advance(layer, optimizer, step)
    optimizer.param_groups[0]["lr"] *= 0.5  # as a schedule would
    slots, rest = optimizer_tensors(optimizer)
    weights = {f"layer.{k}": v for k, v in layer.state_dict().items()}
    save_tensors(tmp_path / "c", weights | slots, {"optimizer": rest})

    tensors, meta = load_tensors(tmp_path / "c")
    other = nn.Linear(3, 2)
    load_module(other, {k[6:]: v for k, v in tensors.items() if k.startswith("layer.")}, where="c")
    restored = build(list(other.parameters()))
    restore_optimizer(restored, tensors, meta["optimizer"])
    fresh_layer = nn.Linear(3, 2)
    fresh_layer.load_state_dict(layer.state_dict())
    fresh = build(list(fresh_layer.parameters()))
    for step in range(3, 6):
        for pair in ((layer, optimizer), (other, restored), (fresh_layer, fresh)):
            advance(*pair, step)
        assert torch.equal(layer.weight, other.weight)
        assert torch.equal(layer.bias, other.bias)
    assert not torch.equal(layer.weight, fresh_layer.weight)  # the state did matter


def test_optimizer_before_its_first_step_has_no_slots():
    layer = nn.Linear(3, 2)
    optimizer = OPTIMIZERS["adamw"](list(layer.parameters()))
    slots, rest = optimizer_tensors(optimizer)
    assert slots == {}
    restore_optimizer(optimizer, slots, rest)
    assert optimizer.state_dict()["state"] == {}


def test_module_is_loaded_strictly():
    layer = nn.Linear(3, 2)
    good = layer.state_dict()
    for bad in ({"weight": good["weight"]}, good | {"more": torch.ones(1)}, good | {"bias": torch.ones(3)}):
        with pytest.raises(ArtefactError, match=r"the checkpoint does not fit the model.*\(in file\)"):
            load_module(layer, bad, where="file")
