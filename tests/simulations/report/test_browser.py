"""The page in a real browser: every figure is drawn, nothing is cut off, reported or asked of a network."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from fedchemo.simulations.report.page import render
from fedchemo.simulations.report.run import run_page
from tests.client.inspection.test_browser import FLAGS, browser

__all__ = ["browser"]

# A frame as wide as the screen asked for: a browser's own window has a least width.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body>
<iframe id="page" src="page.html" width="{width}" height="900"></iframe><pre id="found"></pre>
<script>
addEventListener("load", () => setTimeout(() => {{
  const frame = document.getElementById("page"), page = frame.contentDocument, root = page.documentElement;
  const scrolled = element => element.closest(".scroll") || element.closest("svg") || element.closest("details");
  document.getElementById("found").textContent = JSON.stringify({{
    title: page.title, width: root.clientWidth, needed: root.scrollWidth,
    plots: page.querySelectorAll(".plot").length,
    drawn: [...page.querySelectorAll(".plot")]
      .filter(plot => plot.querySelector(".cartesianlayer .traces path, .cartesianlayer .trace path")).length,
    loaded: frame.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name),
    wide: [...page.querySelectorAll("body *")].filter(element => !scrolled(element)
      && element.getBoundingClientRect().right > root.clientWidth + 1).map(element => element.outerHTML.slice(0, 80)),
    stand: [...page.querySelectorAll(".plot svg [style]")].map(element => element.getAttribute("style"))
      .filter(style => /rgb\\((\\d+), \\1, \\1\\)/.test(style) && !/rgb\\((0|255|68), /.test(style)).slice(0, 5),
  }});
}}, 500));
</script>"""


@pytest.mark.parametrize("width", [1280, 390])
def test_figures_are_drawn_within_the_screen(browser, simulated, tmp_path, width):
    page = run_page(simulated)
    text = render(page, {figure.key: b"<svg/>" for figure in page.figures})
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=width), encoding="utf-8")
    mine = (f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000")
    done = subprocess.run(
        [browser, *FLAGS, *mine, (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    told = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-2000:]
    found = json.loads(told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert found["title"] == "trial: report"
    assert found["plots"] == found["drawn"] == len(page.figures)
    assert found["needed"] <= found["width"] <= width
    assert found["wide"] == []
    assert found["loaded"] == []
    assert found["stand"] == []
    assert "CONSOLE" not in done.stderr
