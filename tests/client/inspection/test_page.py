"""The page is whole, holds every patient, names nothing outside itself, and only its owner may read it."""

from __future__ import annotations

import re
import stat
from html.parser import HTMLParser

import pytest

from fedchemo.client.inspection import inspect_site
from fedchemo.shared.command import main
from fedchemo.shared.errors import FedchemoError
from tests.client.inspection.conftest import IMAGED, PATIENTS

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Reader(HTMLParser):
    """Reads a page strictly: each element is closed in its turn, and each identifier is there once."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def test_the_page_is_well_formed(page, read):
    assert page.startswith("<!DOCTYPE html>")
    assert len(read.ids) == len(set(read.ids))
    inside = [attributes["href"][1:] for attributes in read.all("a")]
    assert set(inside) <= set(read.ids)
    used = set(re.findall(r"url\(#([^)]+)\)", page)) | {a["href"][1:] for a in read.all("use")}
    assert used <= set(read.ids)


def test_the_page_names_nothing_outside_itself(page, read):
    assert not read.all("script")
    assert not read.all("iframe")
    for tag, attributes in read.elements:
        for name, value in attributes.items():
            if name in {"src", "href", "xlink:href", "action", "srcset", "poster", "data"}:
                assert value.startswith(("#", "data:")), (tag, name, value)
            assert not name.startswith("on"), (tag, name)
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    # What a cell says is shown, and stays text.
    assert [line for line in page.splitlines() if "http" in line and "http-equiv" not in line] == [
        line for line in page.splitlines() if "https://example.org" in line
    ]
    (policy,) = [a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_the_page_holds_every_patient_and_picture(read):
    shown = {f"p-NORTH-{number:03d}" for number in range(PATIENTS)}
    assert shown <= set(read.ids)
    pictures = read.all("img")
    assert len(pictures) == 4 * (IMAGED - 1)
    assert all(picture["loading"] == "lazy" and picture["alt"] for picture in pictures)
    assert all("lesion mask outlined" in picture["alt"] for picture in pictures)
    text = " ".join(read.text)
    assert "The files cannot be used." in text
    assert "FC202" in text
    assert "Nothing on this page is sent anywhere" in text


def test_what_cells_hold_stays_text(page):
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "A &amp; B" in page


def test_scanners_come_from_the_import_without_identifiers(page, read):
    text = " ".join(read.text)
    assert "MADE Alpha 1.5 T" in text
    assert "MADE Beta 1.5 T" in text
    assert "SECRET" not in page
    assert "not recorded" not in page


def test_without_a_report_there_is_no_section_on_scanners(site, tmp_path):
    assert 'id="scanners"' not in inspect_site(site, state=tmp_path)[0]


def test_a_report_that_is_none_is_refused(site, tmp_path):
    (tmp_path / "import").mkdir()
    (tmp_path / "import" / "report.json").write_text("[1]")
    with pytest.raises(FedchemoError, match="FC002"):
        inspect_site(site, state=tmp_path)


def test_it_can_be_used_with_the_keyboard(read):
    scrolled = [attributes for _, attributes in read.elements if attributes.get("class") == "scroll"]
    assert scrolled
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in scrolled)
    assert all(a.get("scope") for a in read.all("th"))


@pytest.fixture
def inspect(site, state, tmp_path, capsys):
    written = ("--out", str(tmp_path / "page.html"))

    def run(*arguments, folder=site):
        with pytest.raises(SystemExit) as ended:
            main(["data", "inspect", str(folder), *written, "--state", str(state), *arguments])
        return ended.value.code, *capsys.readouterr()

    return run


def test_the_command_writes_a_private_file_and_replaces_none(inspect, tmp_path):
    status, _, err = inspect()
    file = tmp_path / "page.html"
    assert status == 0
    assert "Nothing was sent" in err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size < 1_000_000
    file.write_text("mine")
    status, _, err = inspect()
    assert status == 1
    assert "FC003" in err
    assert file.read_text() == "mine"
    assert inspect("--overwrite")[0] == 0
    assert file.read_text().startswith("<!DOCTYPE html>")


def test_a_folder_that_cannot_be_read_leaves_no_page(inspect, tmp_path):
    status, _, err = inspect(folder=tmp_path)
    assert status == 1
    assert "FC102" in err
    assert not (tmp_path / "page.html").exists()
