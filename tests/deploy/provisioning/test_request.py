"""Everything that is wrong with a request is said at once."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.errors import FedchemoError

GOOD = FederationRequest(
    "breast", ("127.0.0.1", "fed.example.org", "fe80::1"), 8443, ("AAI", "b-2", "c_3.x"), 730
)


def test_a_good_request_passes():
    GOOD.check()
    dataclasses.replace(GOOD, sites=()).check()  # hospitals may come later


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "a b"}, "'a b'"),
        ({"name": ""}, "''"),
        ({"hosts": ()}, "--host"),
        ({"hosts": ("a_b",)}, "'a_b'"),
        ({"hosts": ("1.2.3",)}, "'1.2.3'"),
        ({"hosts": ("256.1.1.1",)}, "'256.1.1.1'"),
        ({"hosts": ("fe80::1%eth0",)}, "%eth0"),
        ({"hosts": ("-a.example",)}, "'-a.example'"),
        ({"hosts": ("a.example", "A.example")}, "twice"),
        ({"sites": ("../etc",)}, "'../etc'"),
        ({"sites": (".hidden",)}, "'.hidden'"),
        ({"sites": ("A\n",)}, "'A\\n'"),
        ({"sites": ("x" * 65,)}, "x" * 65),
        ({"sites": ("AAI", "aai")}, "twice"),
        ({"port": 0}, "port 0"),
        ({"port": 65536}, "port 65536"),
        ({"days": 0}, "0 days"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(change, named):
    with pytest.raises(FedchemoError) as caught:
        dataclasses.replace(GOOD, **change).check()
    assert caught.value.code == "FC505"
    assert named in caught.value.what


def test_all_problems_are_listed_together():
    with pytest.raises(FedchemoError) as caught:
        FederationRequest("a b", ("a_b",), 0, ("x/y", "q", "q"), 0).check()
    assert all(word in caught.value.what for word in ("'a b'", "'a_b'", "port 0", "'x/y'", "'q'", "0 days"))


@given(st.text(max_size=70))
def test_a_name_that_passes_is_a_plain_file_name(site):
    try:
        dataclasses.replace(GOOD, sites=(site,)).check()
    except FedchemoError:
        return
    assert site.isascii()
    assert site[0].isalnum()
    assert not set(site) & set('/\\\0 \n:*?"<>|')
