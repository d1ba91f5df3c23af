"""The page is whole, names nothing outside itself, runs no script but its own, and what people wrote stays text."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import json
import re
import xml.etree.ElementTree as ET

import pytest

from fedchemo.simulations.report.page import render
from fedchemo.simulations.report.paper import drawn
from fedchemo.simulations.report.run import run_page
from tests.client.inspection.test_page import Reader
from tests.simulations.report.conftest import HOSTILE


def written(folder):
    page = run_page(folder)
    static = {figure.key: drawn(figure)[0] for figure in page.figures}
    return page, render(page, static, today=dt.date(2030, 1, 2))


@pytest.fixture(scope="module")
def report(simulated):
    return written(simulated)


@pytest.fixture(scope="module")
def scripts(report):
    return re.findall(r"<script(?P<kind>[^>]*)>(.*?)</script>", report[1], re.DOTALL)


@pytest.fixture(scope="module")
def bare(report):
    """The page without what is in its scripts."""
    return re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", report[1], flags=re.DOTALL)


def test_the_page_is_well_formed(bare):
    read = Reader(bare)
    assert bare.startswith("<!DOCTYPE html>")
    assert len(read.ids) == len(set(read.ids))
    assert {link["href"][1:] for link in read.all("a")} <= set(read.ids)
    assert all(cell.get("scope") for cell in read.all("th"))


def test_the_page_loads_nothing(bare):
    for tag, attributes in Reader(bare).elements:
        for name, value in attributes.items():
            if name in {"src", "href", "xlink:href", "action", "srcset", "poster", "data"}:
                assert value.startswith(("#", "data:")), (tag, name, value)
            assert not name.startswith("on"), (tag, name)
    assert "http:" not in bare
    assert "https:" not in bare
    assert "@import" not in bare
    assert "url(" not in bare


def test_the_policy_lets_two_scripts_run_and_nothing_load(bare, scripts):
    (policy,) = [
        meta["content"]
        for meta in Reader(bare).all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    told = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert told["default-src"] == "'none'"
    assert set(told) == {"default-src", "script-src", "img-src", "style-src", "base-uri", "form-action"}
    run = [text for kind, text in scripts if "application/json" not in kind]
    assert len(run) == 2
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert told["script-src"] == " ".join(f"'sha256-{each}'" for each in hashes)


def test_every_figure_is_there_as_drawing_picture_words_and_numbers(report, bare, scripts):
    page, _ = report
    (data,) = [json.loads(text) for kind, text in scripts if "application/json" in kind]
    keys = [figure.key for figure in page.figures]
    assert list(data["figures"]) == keys
    read = Reader(bare)
    plots = [a for a in read.all("div") if a.get("class") == "plot"]
    assert [plot["data-figure"] for plot in plots] == keys
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    pictures = read.all("img")
    assert len(pictures) == len(keys)
    for picture in pictures:
        assert picture["alt"]
        ET.fromstring(base64.b64decode(picture["src"].split(",", 1)[1]))
    shown = html.unescape(bare)
    for figure in page.figures:
        assert figure.caption in shown
        assert all(cell in shown for row in figure.table.rows for cell in row)


def test_colours_are_stand_ins_for_the_pages_own(scripts, report):
    (data,) = [json.loads(text) for kind, text in scripts if "application/json" in kind]
    used = set(re.findall(r"#[0-9a-f]{6}", json.dumps(data["figures"])))
    assert used <= set(data["colours"])
    for role in data["colours"].values():
        assert f"--{role}:" in report[1]


def test_a_figure_for_a_paper_is_the_same_each_time(report):
    for figure in report[0].figures:
        if figure.key not in {"forest", "calibration", "traffic"}:
            continue
        svg, png = drawn(figure)
        assert (svg, png) == drawn(figure)
        assert png.startswith(b"\x89PNG")
        assert b"http" not in svg.replace(b"http://www.w3.org/", b"")


def test_a_hospital_cannot_write_into_the_page(run):
    for name in ("events.jsonl", "summary.json"):
        text = (run / name).read_text()
        (run / name).write_text(text.replace('"a"', json.dumps(HOSTILE)))
    settings = (run / "federation.toml").read_text()
    (run / "federation.toml").write_text(
        settings.replace(
            'purpose = "predict pathologic complete response"', f"purpose = '</script>{HOSTILE}'"
        )
    )
    page, text = written(run)
    assert any(HOSTILE in row[0] for figure in page.figures for row in figure.table.rows)
    assert "<img src=x" not in text
    assert f"{html.escape('</script>')}{html.escape(HOSTILE, quote=False)[:5]}" in text
    # Plotly reads HTML in names: there it is escaped twice, once for Plotly and once for the page.
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', text, re.DOTALL)[1]
    assert "<" not in data
    assert "&lt;img src=x" in json.dumps(json.loads(data)["figures"]["traffic"])
    assert "<img" not in json.dumps(json.loads(data))
