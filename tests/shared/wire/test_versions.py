"""Who must upgrade to what, and that nothing odd is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.wire.versions import Versions, difference

HERE = Versions("0.2.0", 1, "1.42.0")


@pytest.mark.parametrize(
    ("site", "code", "words"),
    [
        (Versions("0.2.0", 1, "1.42.0"), None, ""),
        (Versions("0.2.0", 1, "1.42.7"), None, ""),
        (Versions(None, None, None), None, ""),
        (Versions("0.1.9", 1, "1.42.0"), "FC616", "this site must upgrade to fedchemo 0.2.0"),
        (Versions("0.10.0", 1, "1.42.0"), "FC616", "the coordinator must upgrade to fedchemo 0.10.0"),
        (Versions("0.1.0", 1, "1.41.3"), "FC609", "this site must upgrade to fedchemo 0.2.0"),
        (Versions("0.3.0", 1, "2.0.0"), "FC609", "the coordinator must upgrade to fedchemo 0.3.0"),
        (Versions("0.3.0", 2, "2.0.0"), "FC303", "the coordinator must upgrade to fedchemo 0.3.0"),
        (Versions("0.1.0", 0, "1.42.0"), "FC303", "this site must upgrade to fedchemo 0.2.0"),
        (Versions(None, 2, None), "FC303", "the coordinator must upgrade to the other side's release"),
    ],
)
def test_the_gravest_difference_names_the_older_side_and_the_release(site, code, words):
    found = difference(site, HERE)
    assert (found.code if found else None) == code
    if found:
        assert words in found.what
        assert found.fatal == (code != "FC616")


def test_what_is_told_comes_back():
    assert Versions.told(HERE.headers()) == HERE
    assert Versions.told(Versions.here().headers()) == Versions.here()


@given(st.text(max_size=60), st.text(max_size=12))
def test_whatever_is_told_is_a_release_or_nothing(release, protocol):
    told = Versions.told(
        {"fedchemo-version": release, "fedchemo-flwr": release, "fedchemo-protocol": protocol}
    )
    for one in (told.fedchemo, told.flwr):
        assert one is None or (one.isprintable() and one.isascii() and " " not in one)
    assert told.protocol is None or 0 <= told.protocol < 10**6
    difference(told, HERE)


def test_an_escape_sequence_is_not_believed():
    assert Versions.told({"fedchemo-version": "1\x1b[2J"}) == Versions(None, None, None)
