import numpy as np
import pytest

from zsar_kit.data.joints import layout
from zsar_kit.data.puppet.world import PuppetConfig, generate

BODY = layout("ntu25")


@pytest.fixture(scope="session")
def sequences():
    """Sixteen clips of one person, eight of two, of four subjects."""
    config = PuppetConfig(subjects=4, cameras=2, replications=1, classes=(5, 9, 26))
    return list(generate(config))


@pytest.fixture(scope="session")
def clips(sequences):
    """Clips of one person who is always there."""
    alone = [np.array(s.joints[:1]) for s in sequences if len(s.joints) == 1]
    return [clip for clip in alone if clip.any(axis=-1).all()]


@pytest.fixture(scope="session")
def clip(clips):
    return clips[0]
