"""Samples are found by name or class, and seen as stored or as an encoder gets them."""

from __future__ import annotations

import numpy as np
import pytest

from zsar_kit.data.display import find_sample, sample_for_display, vertical_axis
from zsar_kit.data.puppet.world import PuppetConfig, build_puppet
from zsar_kit.data.skeleton_set import SkeletonSet
from zsar_kit.data.skeletons import preprocess
from zsar_kit.errors import DataError


@pytest.fixture(scope="module")
def puppet(tmp_path_factory) -> SkeletonSet:
    return build_puppet(tmp_path_factory.mktemp("views") / "puppet", PuppetConfig.tiny())


def test_a_sample_is_found_by_name_and_by_class_and_number(puppet):
    index = puppet.index
    for row in (0, 17, len(puppet) - 1):
        assert find_sample(puppet, str(index.sample[row])) == row
        number = int((index.label[:row] == index.label[row]).sum())
        assert find_sample(puppet, action=int(index.label[row]), number=number) == row
        assert find_sample(puppet, action=puppet.class_names[index.label[row]], number=number) == row


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"sample": "S001C001P001R001A002"}, r"no sample 'S001C001P001R001A002'.*Names look like 'S001"),
        ({"sample": "?"}, "Names look like 'S001C001P001R001A001'"),
        ({"action": "drink watr"}, "no class 'drink watr'.*Did you mean 'drink water'"),
        ({"action": 28}, r"classes are 0 to 27, got 28"),
        ({"action": -1}, r"classes are 0 to 27, got -1"),
        ({"action": 0, "number": 12}, r"class 0 has no sample number 12, it has 0 to 11"),
        ({"action": 1}, r"class 1 has no sample number 0, it has none"),
    ],
)
def test_what_is_not_there_is_refused_with_advice(puppet, wanted, message):
    with pytest.raises(DataError, match=message):
        find_sample(puppet, **wanted)


def test_layers_are_the_stored_joints_and_those_of_an_encoder(puppet):
    row = find_sample(puppet, action=26)
    raw, ready = sample_for_display(puppet, row), sample_for_display(puppet, row, "preprocessed")
    np.testing.assert_array_equal(raw.joints, puppet.sequence(row).joints)
    np.testing.assert_array_equal(ready.joints, preprocess(puppet.sequence(row).joints, puppet.layout))
    assert (raw.up, ready.up) == ("y", "z")
    assert ready.title == f"touch other person's pocket (puppet, synthetic: {puppet.index.sample[row]}, preprocessed)"
    with pytest.raises(DataError, match=r"no layer 'rew'.*Did you mean 'raw'"):
        sample_for_display(puppet, row, "rew")


def test_up_is_found_from_the_bodies(puppet, tmp_path):
    assert vertical_axis(puppet) == "y"
    turned = SkeletonSet.write(
        tmp_path / "turned",
        (
            type(s)(s.sample, np.ascontiguousarray(s.joints[..., [0, 2, 1]]), s.label)
            for s in (puppet.sequence(i) for i in range(0, len(puppet), 5))
        ),
        dataset="mine",
        layout="ntu25",
        class_names=puppet.class_names,
        inputs={},
    )
    assert vertical_axis(turned) == "z"
    assert sample_for_display(turned, 0).up == "z"
    assert sample_for_display(turned, 0, up="y").up == "y"
