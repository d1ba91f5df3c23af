"""The catalogue is whole: each code is raised by the product and named in a test, and its pages are up to date."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.catalogue.pages import FOLDER, pages

ROOT = Path(__file__).parents[2]
ROOMS = ("shared", "client", "server", "deploy", "simulations")
CODE = re.compile(r"FC\d{3}")
ONLY_HEARD = {"FC903"}
"""Said by sites of earlier releases; a coordinator must still be able to tell what it means."""
NO_CODES = {"FC000", "FC999"}
"""Stand in tests for a code that does not exist."""


def raised() -> set[str]:
    """Return the codes that stand in the product as a value of their own, outside the catalogue."""
    found: set[str] = set()
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            if (ROOT / "shared" / "catalogue") not in file.parents:
                found.update(text for text in literals(file) if CODE.fullmatch(text))
    return found


def literals(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named() -> set[str]:
    """Return the codes that stand in the text of a test: alone, or in what a message must match."""
    found: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        if file != Path(__file__):
            found.update(code for text in literals(file) for code in CODE.findall(text))
    return found


def test_every_code_of_the_catalogue_is_raised_somewhere():
    assert set(CATALOGUE) - raised() == ONLY_HEARD


def test_the_product_raises_no_code_that_the_catalogue_lacks():
    assert raised() <= set(CATALOGUE)


def test_every_code_is_named_in_a_test():
    missing = set(CATALOGUE) - named()
    assert not missing, f"no test names {', '.join(sorted(missing))}"


def test_tests_name_no_code_that_is_gone():
    assert named() - NO_CODES <= set(CATALOGUE)


def test_the_pages_are_those_of_the_catalogue():
    there = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")}
    assert there == pages(), "run `make pages`"


def test_every_code_has_a_section_that_the_list_links_to():
    made = pages()
    links = re.findall(r"\((FC\dxx\.md)#(fc\d{3})\)", made["README.md"])
    assert [anchor.upper() for _, anchor in links] == sorted(CATALOGUE)
    for page, anchor in links:
        assert f"\n## {anchor.upper()}\n" in made[page]


def test_text_of_the_catalogue_is_no_markup():
    from fedchemo.shared.catalogue.entry import Entry

    page = pages({"FC101": Entry("A_b *c*", "x | <y>", "Run `a_b | c`.")})["FC1xx.md"]
    assert r"A\_b \*c\*" in page
    assert r"x \| \<y\>" in page
    assert "`a_b | c`" in page
