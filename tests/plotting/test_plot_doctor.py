import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba

from zsar_kit.data.doctor import examine_clip, mend
from zsar_kit.data.joints import layout
from zsar_kit.data.puppet.world import PuppetConfig, generate
from zsar_kit.errors import DataError
from zsar_kit.plotting import plot_findings, save_figure
from zsar_kit.plotting.doctor import SEVERITY_COLOURS

BODY = layout("ntu25")


@pytest.fixture(scope="module")
def clip():
    config = PuppetConfig(subjects=1, cameras=1, replications=1, classes=(5,))
    return np.array(next(iter(generate(config))).joints[:1])


def faulty(clip):
    bad = clip.copy()
    bad[0, 10:20, BODY.index("wrist_left")] = 0.0
    bad[0, 14, BODY.index("knee_right")] += [1.5, 0.0, 0.0]
    return np.concatenate([bad, bad[:, -1:].repeat(12, axis=1)], axis=1)


def test_the_figure_marks_joints_and_frames(clip, tmp_path):
    bad = faulty(clip)
    findings = examine_clip(bad, BODY)
    assert {f.check for f in findings} == {"missing", "teleport", "padding"}
    fig = plot_findings(mend(bad, BODY, trim=False).joints, BODY, findings, rate=30.0, title="a clip")
    body, line = fig.axes
    dots = [c.get_offsets() for c in body.collections if isinstance(c, PathCollection)]
    rings = [points[0] for points in dots if len(points) == 1]
    mended = mend(bad, BODY, trim=False).joints
    for name in ("wrist_left", "knee_right"):
        place = mended[0, 14, BODY.index(name), :2]
        assert any(np.allclose(place, ring, atol=1e-5) for ring in rings)
    assert len(rings) == 2
    assert body.get_title(loc="left") == f"{14 / 30:.2f} s"
    assert [tick.get_text() for tick in line.get_yticklabels()] == [
        check for check in dict.fromkeys(f.check for f in findings)
    ]
    spans = {
        round(path.get_extents().x0 * 30 + 0.5)
        for bars in line.collections
        for path in bars.get_paths()
        if to_rgba(SEVERITY_COLOURS["warn"]) == tuple(bars.get_facecolor()[0])
    }
    assert {10, 19, 14} <= spans
    paths = save_figure(fig, tmp_path / "findings", runs=[])
    assert all(path.stat().st_size > 1000 for path in paths[:2])


def test_a_clean_clip_says_so(clip):
    fig = plot_findings(clip, BODY, ())
    assert [text.get_text() for text in fig.axes[1].texts] == ["nothing wrong found"]
    assert fig.axes[1].get_legend() is None


def test_findings_about_the_whole_clip_span_it(clip):
    findings = examine_clip(clip * 1000, BODY)
    fig = plot_findings(clip, BODY, findings)
    (bar,) = fig.axes[1].collections
    box = bar.get_paths()[0].get_extents()
    assert (box.x0, box.x1) == (-0.5, clip.shape[1] - 0.5)
    assert bar.get_alpha() == pytest.approx(0.25)


def test_bad_input(clip):
    with pytest.raises(DataError, match="25 joints, 3"):
        plot_findings(clip[0], BODY, ())
    with pytest.raises(DataError, match=f"frames 0..{clip.shape[1] - 1}, not 999"):
        plot_findings(clip, BODY, (), frame=999)
