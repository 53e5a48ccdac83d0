"""What methods share: a task decides sizes, samples fill them, and a stored method needs no sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from zsar_kit.checkpoints import load_module, load_tensors, save_tensors
from zsar_kit.errors import DataError, TextError
from zsar_kit.methods.base import Batch, ClassScores, class_rows
from zsar_kit.methods.baselines import LinearCosine, LinearCosineConfig, RidgeConfig, RidgeToText
from zsar_kit.methods.flora import Flora
from zsar_kit.methods.flora.config import cpu_preset
from zsar_kit.methods.task import MapRows, Task, TrainingSet
from zsar_kit.seeding import torch_generator
from zsar_kit.training.loop import fit

SHORT = cpu_preset().override(
    {"align.steps": 3, "flow.steps": 3, "align.latent_dim": 8, "text.sets": ["motion"], "text.k": 1}
)
METHODS = [
    (RidgeToText, RidgeConfig()),
    (LinearCosine, LinearCosineConfig(steps=3)),
    (Flora, SHORT),
    (Flora, SHORT.override({"flow.centre": True, "text.scale": "standard"})),
]


@pytest.mark.parametrize(("method_type", "config"), METHODS)
def test_a_stored_method_is_restored_from_its_task_and_its_file_alone(toy, tmp_path, method_type, config):
    trained = fit(method_type, config, toy.training, seed=0, progress=False)
    save_tensors(tmp_path / "model", trained.state_dict())
    restored = method_type(config, toy.training.task, torch_generator(1, "restore"))
    load_module(restored, load_tensors(tmp_path / "model")[0], where=tmp_path)
    restored.eval()
    restored.prepare()
    classes, features = toy.training.task.seen + toy.unseen, torch.from_numpy(toy.features[:9])
    expected, found = trained.class_scores(features, classes), restored.class_scores(features, classes)
    assert all(torch.equal(found.heads[name], values) for name, values in expected.heads.items())


@pytest.mark.parametrize(("method_type", "config"), METHODS)
def test_samples_fill_buffers_and_leave_parameters_alone(toy, method_type, config):
    before, after = (method_type(config, toy.training.task, torch_generator(0)) for _ in range(2))
    after.observe(toy.training)
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        assert torch.equal(one, other)
    assert before.state_dict().keys() == after.state_dict().keys()
    assert any(not torch.equal(one, other) for one, other in zip(before.buffers(), after.buffers(), strict=True))
    assert all(one.shape == other.shape for one, other in zip(before.buffers(), after.buffers(), strict=True))


def test_samples_that_do_not_fit_the_task_are_refused(toy):
    training = toy.training
    with pytest.raises(DataError, match=r"features \[400, 5\] and 400 labels do not fit .* shape \[16\]"):
        replace(training, features=training.features[:, :5])
    with pytest.raises(DataError, match="and 399 labels do not fit"):
        replace(training, labels=training.labels[1:])


def test_a_method_on_pooled_features_refuses_maps(toy):
    task = replace(toy.training.task, feature_shape=(4, 25, 16))
    with pytest.raises(DataError, match=r"learns from pooled features \[sample, d\], got \[sample, 4, 25, 16\]"):
        RidgeToText(RidgeConfig(), task, torch_generator(0))
    maps = MapRows((np.zeros((3, 4, 25, 16), dtype=np.float16),), np.arange(3))
    with pytest.raises(DataError, match=r"learns from pooled features .*got \[3, 4, 25, 16\]"):
        _ = TrainingSet(maps, np.zeros(3, dtype=int), task).pooled


def test_nothing_shows_its_numbers(toy):
    text = "texts 'motion' of 30 classes, 'label' of 30 classes"
    assert repr(toy.training.task) == f"Task(features [16], 20 seen classes, {text})"
    assert repr(toy.training) == f"TrainingSet(float32[400, 16], 400 labels, {toy.training.task!r})"
    maps = MapRows((np.zeros((9, 4, 25, 8), dtype=np.float16),) * 2, np.arange(3))
    assert repr(maps) == "MapRows(float16[9, 4, 25, 8], 3 rows of it, 2 views)"
    scores = ClassScores({"flow": torch.zeros(7, 10)}, {"flow": torch.ones(7, 10)})
    assert repr(scores) == "ClassScores(heads={flow: float32[7, 10]}, errors={flow: float32[7, 10]})"
    assert repr(Batch(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))) == (
        "Batch(features=float32[2, 3], labels=int64[2])"
    )
    method = LinearCosine(LinearCosineConfig(), toy.training.task, torch_generator(0))
    assert repr(method) == "LinearCosine(136 parameters)"
    assert repr(method.phases()) == "(Phase('linear', 500 steps of 64 samples),)"


def test_class_rows():
    assert class_rows([4, 2, 9], [9, 4]) == [2, 0]
    with pytest.raises(TextError, match=r"class 3 has no text, so it can't be scored\. There are \[4, 2, 9\]"):
        class_rows([4, 2, 9], [4, 3])


def test_missing_text_set(toy):
    empty = Task((16,), toy.training.task.seen, {})
    with pytest.raises(TextError, match="the text set 'motion' is needed; there are none"):
        empty.text_set("motion")
    with pytest.raises(TextError, match="the text set 'sign' is needed; there are motion, label"):
        toy.training.task.text_set("sign")
