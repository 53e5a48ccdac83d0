"""How a person uses the widgets: every control of a stage and of each explorer, with what has to follow."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from tests.browser.lab import ROOT, Session, drawn_colours

STAGE, CANVAS = ".zs-stage", ".zs-canvas"
BODY = 300
"""strongly coloured pixels that a body has at least, and a floor never has"""
#: words that would do harm if they were read as markup
MARKUP = '<img src=x onerror="window.hacked=1"><b>' + "long " * 100


def copy_notebook(name: str, folder: Path, suffix: str = "", **parameters: object) -> str:
    """A notebook with other parameters in a folder; its name there, with a suffix."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    notebook.cells[1].source += "".join(f"\n{key} = {value!r}  # of the test" for key, value in parameters.items())
    nbformat.write(notebook, folder / f"{name}{suffix}.ipynb")
    return f"{name}{suffix}.ipynb"


def frame_of(session: Session) -> int:
    """The frame that the last stage shows."""
    return int(session.page.locator(STAGE).last.get_attribute("data-frame") or -1)


def pixels(session: Session) -> str:
    """What the last stage shows, as an address that differs where a pixel differs."""
    return session.page.locator(CANVAS).last.evaluate("canvas => canvas.toDataURL()")


def sees_a_body(session: Session) -> None:
    """The last stage has a body on it."""
    canvas = session.page.locator(CANVAS).last
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    session.wait(
        """() => { const all = document.querySelectorAll('.zs-canvas'); const c = all[all.length - 1];
                   return c.width > 0 && c.clientWidth > 0; }"""
    )
    assert drawn_colours(canvas) > BODY, "a body is drawn"


def use_stage(session: Session, folder: Path) -> None:
    """Use every control of the last stage with mouse and keyboard; playing and scrubbing send nothing."""
    page = session.page
    stage, canvas, slider = (page.locator(s).last for s in (STAGE, CANVAS, ".zs-slider"))
    play = page.locator(".zs-play").last
    sees_a_body(session)
    page.wait_for_timeout(600)  # what the front end says of itself at first is over
    before, first = len(session.sent), pixels(session)
    play.click()
    session.wait("() => [...document.querySelectorAll('.zs-stage')].at(-1).dataset.frame >= 2")
    assert len(session.sent) == before, "playing sends nothing"
    play.click()
    page.wait_for_timeout(600)
    assert len(session.sent) == before + 1, "the frame is told once, at rest"
    session.wait("n => [...document.querySelectorAll('.zs-stage')].at(-1).dataset.frame >= n", 2)
    assert pixels(session) != first
    before = len(session.sent)
    slider.evaluate("s => { for (let t = 0; t <= s.max; t++) { s.value = t; s.dispatchEvent(new Event('input')); } }")
    assert frame_of(session) == int(slider.get_attribute("max") or 0)
    assert len(session.sent) == before, "scrubbing sends nothing"
    use_keys(session)
    use_camera(session)
    page.locator(".zs-speed").last.select_option("2")
    page.locator(".zs-follow").last.check()
    for name, suffix in (("PNG", ".png"), ("view", ".json")):
        with page.expect_download() as started:
            stage.get_by_role("button", name=name, exact=True).click()
        file = folder / f"saved{suffix}"
        started.value.save_as(file)
    assert (folder / "saved.png").read_bytes().startswith(b"\x89PNG")
    view = json.loads((folder / "saved.json").read_text(encoding="utf-8"))
    assert view["kind"] == "zsar view"
    assert view["stage"]["speed"] == 2
    assert view["stage"]["follow"] is True
    stage.get_by_role("button", name="front", exact=True).click()
    canvas.scroll_into_view_if_needed()


def use_keys(session: Session) -> None:
    """Space, arrows, home and end."""
    page = session.page
    page.locator(STAGE).last.focus()
    for key, there in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        assert frame_of(session) == there, key
    page.keyboard.press("End")
    assert frame_of(session) > 1
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    session.wait("() => [...document.querySelectorAll('.zs-stage')].at(-1).dataset.frame >= 1")
    page.keyboard.press("Space")
    before = pixels(session)
    page.keyboard.press("Shift+ArrowRight")
    assert pixels(session) != before, "the camera turns"


def use_camera(session: Session) -> None:
    """Drag to turn, wheel to zoom, click a joint for its path, click the strip for its frame."""
    page = session.page
    canvas = page.locator(CANVAS).last
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for act in ("turn", "zoom"):
        before = pixels(session)
        page.mouse.move(x, y)
        if act == "turn":
            page.mouse.down()
            page.mouse.move(x + 80, y + 20, steps=4)
            page.mouse.up()
        else:
            page.mouse.wheel(0, -120)
        page.wait_for_timeout(150)
        assert pixels(session) != before, act
    strip = page.locator(".zs-strip").last
    width = strip.bounding_box()["width"]  # type: ignore[index]
    strip.click(position={"x": width - 3, "y": 30})
    last = int(page.locator(".zs-slider").last.get_attribute("max") or 0)
    assert frame_of(session) >= last - 1
    strip.click(position={"x": 2, "y": 30})
    assert frame_of(session) <= 1


def choose(session: Session, description: str, option: str | int) -> None:
    """Choose from a menu by its description: an option by its words, or by its number."""
    page = session.page
    menu = page.locator(".widget-dropdown", has=page.get_by_text(description, exact=True)).last.locator("select")
    menu.select_option(**({"index": option} if isinstance(option, int) else {"label": option}))


def panel_text(session: Session, number: int = -1) -> str:
    """The words of a panel."""
    return session.page.locator(".zp-panel").nth(number).inner_text()


def wait_for_words(session: Session, words: str) -> None:
    """Wait until a panel says something."""
    session.wait("words => [...document.querySelectorAll('.zp-panel')].some(p => p.innerText.includes(words))", words)


def fill(session: Session, description: str, text: str) -> None:
    """Type into a field by its description."""
    page = session.page
    row = page.locator(".widget-inline-hbox", has=page.get_by_text(description, exact=True)).last
    field = row.locator("input, textarea").first
    field.fill(text)
    field.press("Tab")


def titles(session: Session) -> str:
    """The titles of the last stage."""
    return session.page.locator(".zs-titles").last.inner_text()


def clean(session: Session) -> None:
    """No error on the console, nothing asked of other hosts, and no word of others was run."""
    assert session.problems == []
    assert session.outside == []
    assert session.page.evaluate("() => window.hacked === undefined")


def fits(session: Session, width: int = 1024) -> None:
    """In a narrow window every part of the last stage is inside, and the body is still drawn."""
    page = session.page
    size = page.viewport_size
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(500)
    sees_a_body(session)
    for part in (CANVAS, ".zs-bar", ".zs-play", ".zs-strip"):
        box = page.locator(part).last.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert size is not None
    page.set_viewport_size(size)
    page.wait_for_timeout(300)


def use_inspector(session: Session) -> None:
    """Every control of the context inspector."""
    page = session.page
    wait_for_words(session, "true class:")
    first = titles(session)
    page.get_by_role("button", name="▶", exact=True).first.click()
    session.wait("old => [...document.querySelectorAll('.zs-titles')].at(-1).innerText !== old", first)
    page.locator(".widget-select-multiple select, .jupyter-widgets select[multiple]").first.select_option(
        ["arm", "hand"]
    )
    session.wait("() => [...document.querySelectorAll('.zs-titles')].at(-1).innerText.includes('without')")
    assert page.locator(".zp-before").count() > 0, "what was there before is shown"
    fill(session, "environment", "kitchen")
    wait_for_words(session, "(given: kitchen)")
    fill(session, "environment", "not one word")
    wait_for_words(session, "a slot must have a single word piece")
    page.get_by_role("button", name="as it is", exact=True).click()
    session.wait("() => ![...document.querySelectorAll('.zs-titles')].at(-1).innerText.includes('what if')")
    fill(session, "classes", f"wave: a raised hand swings; {MARKUP}: a leg swings")
    page.get_by_role("button", name="rank", exact=True).click()
    wait_for_words(session, "(none of these)")
    choose(session, "outcome", "wrong")
    session.wait("() => document.querySelector('.widget-dropdown select option:checked') !== null")
    choose(session, "among", "all classes")
    wait_for_words(session, "true class:")
    fill(session, "other run", "/no/such/run")
    wait_for_words(session, "there is no run folder")


def use_flows(session: Session) -> None:
    """Every control of the flow explorer."""
    wait_for_words(session, "the gate, for this clip")
    assert session.page.locator("svg.zp-plot").count() >= 3
    before = panel_text(session)
    for name, key in (("time t", "End"), ("gamma", "Home")):
        slider = session.page.locator(".widget-slider", has=session.page.get_by_text(name, exact=True)).last
        slider.locator(".noUi-handle").first.focus()
        session.page.keyboard.press(key)
        session.wait("old => [...document.querySelectorAll('.zp-panel')].at(-1).innerText !== old", before)
        before = panel_text(session)
    wait_for_words(session, "velocity error at t = 1.00")
    choose(session, "tokens of", 1)
    choose(session, "classes", "unseen")
    wait_for_words(session, "(unseen)")


def use_errors(session: Session) -> None:
    """Every control of the error explorer."""
    page = session.page
    page.locator(".zp-matrix td.zp-pick").first.click()
    page.locator(".zp-chosen").wait_for()
    row = page.locator(".zp-panel").last.locator("tr.zp-pick").first
    row.click()
    session.wait("() => [...document.querySelectorAll('.zs-titles')].at(-1).innerText.includes('beside:')")
    page.get_by_role("button", name="clip alone", exact=True).click()
    session.wait("() => ![...document.querySelectorAll('.zs-titles')].at(-1).innerText.includes('beside:')")
    page.get_by_role("button", name="all cells", exact=True).click()
    session.wait("() => document.querySelector('.zp-chosen') === null")
