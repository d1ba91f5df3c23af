"""The page in a real browser: nothing is cut off or reported at a desktop's and a phone's width."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"),
    *("--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom"),
)
# A frame as wide as the screen asked for: a browser's own window has a least width.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body>
<iframe id="page" src="page.html" width="{width}" height="900"></iframe><pre id="found"></pre>
<script>
addEventListener("load", () => {{
  const page = document.getElementById("page").contentDocument, root = page.documentElement;
  page.querySelectorAll("img").forEach(image => image.loading = "eager");
  const clipped = [...page.querySelectorAll("svg text")].filter(text => {{
    const inside = text.getBoundingClientRect(), around = text.ownerSVGElement.getBoundingClientRect();
    return inside.left < around.left - 2 || inside.right > around.right + 2;
  }}).map(text => text.textContent);
  document.getElementById("found").textContent = JSON.stringify({{
    title: page.title, width: root.clientWidth, needed: root.scrollWidth, clipped,
    pictures: page.images.length, scripts: page.scripts.length,
    wide: [...page.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest("svg")
      && e.getBoundingClientRect().right > root.clientWidth + 1).map(e => e.outerHTML.slice(0, 80)),
  }});
}});
</script>"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off_or_reported(browser, page, tmp_path, width):
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME.format(width=width), encoding="utf-8")
    mine = (f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,1000")
    done = subprocess.run(
        [browser, *FLAGS, *mine, (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-2000:]
    found = json.loads(told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert found["title"] == "NORTH: data inspection"
    assert found["width"] <= width
    assert found["needed"] <= found["width"]
    assert found["wide"] == []
    assert found["clipped"] == []
    assert found["pictures"] > 0
    assert found["scripts"] == 0
    assert "CONSOLE" not in done.stderr
