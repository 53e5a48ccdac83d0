"""Devices by name; only what torch sees on this machine is promised."""

from __future__ import annotations

import pytest
import torch

from zsar_kit.device import has_room, resolve_device
from zsar_kit.errors import ConfigError


def test_cpu_is_always_there():
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("kind", ["cuda", "mps", None])
def test_auto_takes_the_accelerator_that_torch_sees(monkeypatch, kind):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: kind is not None)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: kind and torch.device(kind))
    assert resolve_device("auto").type == (kind or "cpu")
    assert resolve_device().type == (kind or "cpu")
    if kind:
        assert resolve_device(kind) == torch.device(kind)


def test_absent_device(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"the device 'cuda:0' is not available.*Use 'auto' or 'cpu'"):
        resolve_device("cuda:0")


def test_unknown_name():
    with pytest.raises(ConfigError, match=r"unknown device 'gpu'.*Use 'auto', 'cpu'"):
        resolve_device("gpu")


def test_data_stays_on_an_accelerator_if_half_of_what_is_free_holds_it(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "get_memory_info", lambda _: (1000, 8000), raising=False)
    assert has_room(torch.device("cuda"), 500)
    assert not has_room(torch.device("cuda"), 501)
    assert not has_room(torch.device("cpu"), 1)
    monkeypatch.delattr(torch.accelerator, "get_memory_info")
    assert not has_room(torch.device("cuda"), 1)
