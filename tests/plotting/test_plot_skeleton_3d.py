"""Skeletons in three dimensions: what the traces hold, and that a real browser shows and plays the page."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from zsar_kit.data.joints import BODY_PARTS, layout, layout_names
from zsar_kit.errors import ConfigError, DataError
from zsar_kit.plotting.skeleton_3d import (
    PART_COLOURS,
    animate_skeleton,
    pose_coordinates,
    pose_figure,
    save_animation,
)

NTU = layout("ntu25")


@pytest.fixture
def pair():
    """Two persons, six frames; the second is absent from the first three, and nobody is in frame 4."""
    joints = np.random.default_rng(0).normal(size=(2, 6, 25, 3)).astype(np.float32) * [0.3, 1.0, 0.2] + [0, 0, 3]
    joints[1, :3] = 0
    joints[:, 4] = 0
    return joints


def segments(trace) -> set:
    """The line segments of a trace in data coordinates (x, y, z), NaN-free."""
    points = np.stack([trace["x"], trace["z"], trace["y"]], axis=1).reshape(-1, 3, 3)
    assert np.isnan(points[:, 2]).all(), "a gap after each bone"
    return {tuple(np.round(p[:2].ravel(), 5).tolist()) for p in points if np.isfinite(p[:2]).all()}


def expected(pose, part) -> set:
    """The bones of a body part, from the tables of the layout."""
    pairs = [(j, p) for j, p in enumerate(NTU.parents) if j != p and j in NTU.parts[part]]
    return {tuple(np.round(np.concatenate([pose[j], pose[p]]), 5).tolist()) for j, p in pairs}


def test_titles_and_tooltips_hold_no_markup(pair):
    """Plotly takes tags, links and formulas in them for what they look like."""
    names = ("<b>hip</b>", "$x$", '<a href="javascript:1">a</a>', *NTU.joints[3:])
    figure = pose_figure(pair, dataclasses.replace(NTU, joints=names), 0, title="<script>1</script> $x$\n<b>wave</b>")
    shown = [figure.layout.title.text, *(text for trace in figure.data for text in trace.text)]
    assert shown[0] == "&lt;script&gt;1&lt;/script&gt; &#36;x&#36; &lt;b&gt;wave&lt;/b&gt;"
    assert sum("&lt;b&gt;hip&lt;/b&gt;" in text for text in shown) > 0
    assert not [text for text in shown if "<" in text or "$" in text]


@pytest.mark.parametrize("frame", range(6))
def test_traces_are_the_bones_of_each_part_of_each_person_who_is_there(pair, frame):
    lines = pose_coordinates(pair, NTU, frame)
    assert len(lines) == 2 * len(BODY_PARTS)
    for k, line in enumerate(lines):
        pose = pair[k // len(BODY_PARTS), frame].astype(np.float32)
        part = BODY_PARTS[k % len(BODY_PARTS)]
        assert segments(line) == (expected(pose, part) if pose.any() else set())


def test_every_bone_is_drawn_once_in_every_layout():
    for name in layout_names():
        form = layout(name)
        pose = np.arange(1, 3 * len(form) + 1, dtype=np.float32).reshape(1, 1, len(form), 3)
        drawn = [np.isfinite(line["x"]).sum() // 2 for line in pose_coordinates(pose, name, 0)]
        assert sum(drawn) == len(form.bones)


def test_frames_of_the_animation_are_the_poses(pair):
    figure = animate_skeleton(pair, "ntu25", title="touch", rate=20)
    assert [frame.name for frame in figure.frames] == [str(t) for t in range(6)]
    for t, frame in enumerate(figure.frames):
        assert list(frame.traces) == list(range(12))
        for trace, line in zip(frame.data, pose_coordinates(pair, "ntu25", t), strict=True):
            for axis in "xyz":
                np.testing.assert_array_equal(trace[axis], line[axis])
    first = pose_figure(pair, "ntu25", 0, title="touch")
    for ours, theirs in zip(figure.data, first.data, strict=True):
        np.testing.assert_array_equal(ours.x, theirs.x)


def test_play_and_slider_keep_the_rate(pair):
    figure = animate_skeleton(pair, "ntu25", title="touch", rate=20)
    play, pause = figure.layout.updatemenus[0].buttons
    assert (play.label, pause.label) == ("Play", "Pause")
    assert play.args[1]["frame"] == {"duration": 50.0, "redraw": True}
    (slider,) = figure.layout.sliders
    assert [step.label for step in slider.steps] == ["0.00 s", "0.05 s", "0.10 s", "0.15 s", "0.20 s", "0.25 s"]
    assert [list(step.args[0]) for step in slider.steps] == [[str(t)] for t in range(6)]


def test_colours_name_body_parts_and_the_legend_each_part_once(pair):
    figure = pose_figure(pair, "ntu25", 5, title="touch")
    assert len(set(PART_COLOURS.values())) == len(BODY_PARTS)
    assert [t.line.color for t in figure.data] == [PART_COLOURS[p] for p in BODY_PARTS] * 2
    assert [t.showlegend for t in figure.data] == [True] * 6 + [False] * 6
    assert figure.data[0].text[0] == "neck (head, person 1)"
    assert figure.data[7].opacity < figure.data[1].opacity


@pytest.mark.parametrize("up", ["y", "z"])
def test_axes_have_one_scale_hold_everything_and_do_not_mirror(pair, up):
    scene = pose_figure(pair, "ntu25", 0, title="t", up=up).layout.scene
    ranges = np.array([scene.xaxis.range, scene.yaxis.range, scene.zaxis.range], dtype=float)
    sizes = np.array([scene.aspectratio[a] for a in "xyz"])
    per_metre = sizes / np.abs(np.diff(ranges)[:, 0])
    np.testing.assert_allclose(per_metre, per_metre[0])
    columns = [0, 2, 1] if up == "y" else [0, 1, 2]
    real = pair[(pair != 0).any(axis=(2, 3))][..., columns].reshape(-1, 3)
    assert (real.min(axis=0) > ranges.min(axis=1)).all()
    assert (real.max(axis=0) < ranges.max(axis=1)).all()
    # From data to scene: exchange of axes, then the direction of each axis. A mirror image has determinant -1.
    turn = np.diag(np.sign(np.diff(ranges)[:, 0])) @ np.eye(3)[columns]
    assert np.linalg.det(turn) == pytest.approx(1.0)
    assert scene.zaxis.title.text == f"{up}, m"


def test_bad_input_is_refused(pair, tmp_path):
    with pytest.raises(DataError, match=r"layout 'kinect_v1_20' needs .* got shape \(2, 6, 25, 3\)"):
        animate_skeleton(pair, "kinect_v1_20", title="t")
    with pytest.raises(DataError, match="no frame of the sequence has a person"):
        animate_skeleton(np.zeros((4, 25, 3)), "ntu25", title="t")
    with pytest.raises(DataError, match="frames are 0 to 5, got 6"):
        pose_coordinates(pair, "ntu25", 6)
    with pytest.raises(ConfigError, match="'up' must be 'y' or 'z', got 'x'"):
        animate_skeleton(pair, "ntu25", title="t", up="x")
    for rate in (0.0, float("nan")):
        with pytest.raises(ConfigError, match="'rate' must be frames per second above 0"):
            animate_skeleton(pair, "ntu25", title="t", rate=rate)
    with pytest.raises(ConfigError, match=r"ends in .html, got 'x.htm'"):
        save_animation(animate_skeleton(pair, "ntu25", title="t"), tmp_path / "x.htm")


def test_a_page_is_the_same_every_time_and_needs_no_network(pair, tmp_path):
    pages = [
        save_animation(animate_skeleton(pair, "ntu25", title="t"), tmp_path / f"{i}.html").read_bytes()
        for i in range(2)
    ]
    assert pages[0] == pages[1]
    assert b"<script src=" not in pages[0]


#: waits for the plot, presses Play, and tells the test what was drawn before and after
PROBE = """<script>
window.addEventListener('error', e => send({error: e.message}));
const send = seen => fetch('/seen', {method: 'POST', body: JSON.stringify(seen)});
const until = (done, then) => { const t = setInterval(() => { if (done()) { clearInterval(t); then(); } }, 50); };
const plot = () => document.getElementById('skeleton');
const at = () => plot()._fullLayout.sliders[0].active;
const arm = () => Array.from(plot()._fullData[2].x).slice(0, 2);
const press = (kind, text) => [...document.querySelectorAll(kind)].find(b => b.textContent.includes(text))
  .dispatchEvent(new MouseEvent('click', {bubbles: true}));
until(() => plot() && plot()._fullLayout && document.querySelector('.updatemenu-button'), () => {
  const first = {frame: at(), arm: arm(), canvases: document.querySelectorAll('canvas').length,
    sliders: document.querySelectorAll('.slider-container').length,
    title: document.querySelector('.gtitle').textContent, body: document.body.innerText};
  press('.updatemenu-button', 'Play');
  until(() => at() >= 3, () => send({first, later: {frame: at(), arm: arm()}}));
});
</script></body>"""


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        message = "chromium is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture
def visit(chromium, tmp_path):
    """Open a page in a headless browser and return what its script sends."""
    seen: queue.Queue = queue.Queue()

    def opened(page: str) -> dict:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(page.encode() if self.path == "/" else b"")

            def do_POST(self):
                seen.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        address = f"http://127.0.0.1:{server.server_port}/"
        with open(tmp_path / "chromium.log", "wb") as log:
            browser = subprocess.Popen([chromium, *options, profile, address], stdout=log, stderr=log)
        try:
            return seen.get(timeout=120)
        except queue.Empty:
            told = (tmp_path / "chromium.log").read_text(errors="replace")[-2000:]
            pytest.fail(f"the page sent nothing; the browser said: {told}")
        finally:
            browser.terminate()
            browser.wait(timeout=30)
            server.shutdown()
            server.server_close()

    return opened


def test_a_real_browser_shows_the_scene_and_plays_it(pair, tmp_path, visit):
    pair[:, 4] = pair[:, 3]
    path = save_animation(animate_skeleton(pair, "ntu25", title="two persons", rate=10), tmp_path / "x.html")
    seen = visit(path.read_text(encoding="utf-8").replace("</body>", PROBE))
    assert "error" not in seen
    first, later = seen["first"], seen["later"]
    assert first["frame"] == 0
    assert first["canvases"] >= 1
    assert first["sliders"] == 1
    assert first["title"] == "two persons"
    assert "WebGL is not supported" not in first["body"]
    arms = [pose_coordinates(pair, "ntu25", t)[BODY_PARTS.index("arm")]["x"][:2] for t in range(6)]
    for state in (first, later):
        off = min(float(np.abs(arm - state["arm"]).max()) for arm in arms)
        assert off < 1e-5, "what is drawn is a frame of the sequence"
    assert later["frame"] >= 3
    assert later["arm"] != first["arm"]
