"""A released checkpoint as an encoder artefact."""

from __future__ import annotations

import pytest
import torch

from zsar_kit.encoders.pretrain import EncoderConfig, load_encoder
from zsar_kit.encoders.protocol import InputProtocol
from zsar_kit.encoders.released import import_released
from zsar_kit.encoders.shift_gcn import ShiftGCN, ShiftGCNConfig
from zsar_kit.errors import MissingModelError
from zsar_kit.experiments.runs.config import RunConfig
from zsar_kit.seeding import torch_generator


def checkpoint(path, classes: int) -> ShiftGCN:
    model = ShiftGCN(ShiftGCNConfig(classes=classes, width=0.125, persons=1), torch_generator(0, "test")).eval()
    torch.save(model.state_dict(), path)
    return model


@pytest.mark.parametrize(("classes", "dataset"), [(60, "ntu60"), (120, "ntu120")])
def test_the_artefact_knows_what_the_checkpoint_has_seen(tmp_path, classes, dataset):
    model = checkpoint(tmp_path / "model.pt", classes)
    trained = import_released(tmp_path / "model.pt", tmp_path / "encoder", EncoderConfig(frames=24))
    again = load_encoder(tmp_path / "encoder")
    assert trained.record == again.record
    assert (again.record.dataset, len(again.record.classes)) == (dataset, classes)
    assert again.record.class_names[0] == "drink water"
    clip = torch.randn(1, 1, 8, 25, 3)
    assert torch.equal(again.model(clip).pooled, model(clip).pooled)
    # A second import reads the artefact, and does not need the checkpoint.
    (tmp_path / "model.pt").unlink()
    assert import_released(tmp_path / "model.pt", tmp_path / "encoder", EncoderConfig()).record == again.record


def test_a_checkpoint_whose_classes_are_unknown_is_refused(tmp_path):
    checkpoint(tmp_path / "model.pt", 27)
    with pytest.raises(MissingModelError, match=r"27 classes.*60 or 120"):
        import_released(tmp_path / "model.pt", tmp_path / "encoder", EncoderConfig())
    assert not (tmp_path / "encoder").exists()


def test_runs_on_a_released_encoder_are_known_by_its_input(tmp_path, monkeypatch):
    """What they computed with another input of the same checkpoint is not found as theirs; other runs do not care."""
    checkpoint(tmp_path / "model.pt", 60)
    released, own = {"encoder_from": str(tmp_path / "model.pt")}, {}
    before = [RunConfig(method="ridge", preset="motion", **fields).digest() for fields in (released, own)]
    monkeypatch.setattr("zsar_kit.experiments.runs.config.RELEASED", InputProtocol())
    after = [RunConfig(method="ridge", preset="motion", **fields).digest() for fields in (released, own)]
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)
