"""A kit is whole and unchanged, or it is refused."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.deploy.provisioning.authority import Authority, certificate_pem
from fedchemo.deploy.provisioning.keys import new_key, private_openssh
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import read_kit, write_kit
from tests.networked import federation, kit_of


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    return federation(tmp_path_factory.mktemp("kits") / "fed", sites=("A", "B"))


def code_of(path) -> str:
    with pytest.raises(FedchemoError) as caught:
        read_kit(path)
    return caught.value.code


def test_a_kit_comes_back_as_it_was_written(fed, tmp_path):
    kit = kit_of(fed, "A")
    write_kit(tmp_path / "again.kit", kit)
    assert read_kit(tmp_path / "again.kit") == kit
    assert (tmp_path / "again.kit").stat().st_mode & 0o777 == 0o600


def test_line_ends_of_windows_do_no_harm(fed, tmp_path):
    content = fed.kit("A").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "windows.kit").write_bytes(content)
    assert read_kit(tmp_path / "windows.kit") == kit_of(fed, "A")


@given(share=st.floats(0, 0.999))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_kit_cut_anywhere_is_refused(fed, tmp_path, share):
    content = fed.kit("A").read_bytes().rstrip()
    (tmp_path / "cut.kit").write_bytes(content[: int(share * len(content))])
    assert code_of(tmp_path / "cut.kit") in {"FC501", "FC506"}


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_kit_with_any_value_changed_is_refused(fed, tmp_path, data):
    content = fed.kit("A").read_text()
    start = content.index("federation =")
    places = [match.start() for match in re.finditer(r"[A-Za-z0-9]", content) if match.start() > start]
    place = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([c for c in "Az09" if c != content[place]]))
    (tmp_path / "changed.kit").write_text(content[:place] + other + content[place + 1 :])
    try:
        kit = read_kit(tmp_path / "changed.kit")
    except FedchemoError:
        return
    assert kit == kit_of(fed, "A"), "what passes differs in nothing that counts"


def test_parts_of_two_kits_do_not_mix(fed, tmp_path):
    a, b = kit_of(fed, "A"), kit_of(fed, "B")
    write_kit(tmp_path / "mixed.kit", a.model_copy(update={"private_key": b.private_key}))
    assert code_of(tmp_path / "mixed.kit") == "FC501"
    write_kit(tmp_path / "renamed.kit", a.model_copy(update={"site": "B"}))
    assert code_of(tmp_path / "renamed.kit") == "FC501"


def test_keys_that_do_not_belong_together_are_refused_even_when_signed(fed, tmp_path):
    authority = Authority.create("x", now=dt.datetime.now(dt.UTC))
    kit = kit_of(fed, "A").model_copy(
        update={
            "private_key": private_openssh(new_key()),
            "ca_certificate": certificate_pem(authority.certificate).decode(),
        }
    )
    write_kit(tmp_path / "odd.kit", authority.sign(kit))
    assert code_of(tmp_path / "odd.kit") == "FC501"


def test_other_files_are_not_kits(fed, tmp_path):
    assert code_of(tmp_path / "absent.kit") == "FC002"
    assert code_of(tmp_path) == "FC002"
    (tmp_path / "image.nii.gz").write_bytes(b"\x1f\x8b" * 100_000)
    assert code_of(tmp_path / "image.nii.gz") == "FC501"
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert code_of(tmp_path / "binary") == "FC501"
    assert code_of(fed.settings) == "FC501"


def test_another_format_is_named(fed, tmp_path):
    content = fed.kit("A").read_text().replace("format = 1", "format = 2")
    (tmp_path / "new.kit").write_text(content)
    assert code_of(tmp_path / "new.kit") == "FC506"


def test_a_secret_is_not_in_the_error(fed, tmp_path):
    content = fed.kit("A").read_text().replace('site = "A"', 'site = "A/../B"')
    (tmp_path / "bad.kit").write_text(content)
    with pytest.raises(FedchemoError) as caught:
        read_kit(tmp_path / "bad.kit")
    assert "site" in caught.value.what
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize("days", [-1, 31])
def test_a_kit_holds_within_its_dates_only(fed, days):
    kit, now = kit_of(fed, "A"), dt.datetime.now(dt.UTC)
    kit.check_dates(now)
    with pytest.raises(FedchemoError, match="FC502"):
        kit.check_dates(now + dt.timedelta(days=days))


def test_an_ipv6_address_is_written_in_brackets(fed):
    assert kit_of(fed, "A").model_copy(update={"host": "::1", "port": 8443}).address == "[::1]:8443"
