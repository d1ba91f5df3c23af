"""The fingerprint moves with all that weights depend on, and with nothing else."""

import pytest

from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging import tensor
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import check_fingerprint, fingerprint
from fedchemo.shared.model.packing import Entry, Manifest, manifest

NAMES = ("hr", "her2", "age_years")


def printed(changes=None, names=NAMES):
    configuration = SiteConfiguration.model_validate(changes or {})
    model = build(configuration.model, configuration.imaging, len(names))
    return fingerprint(configuration, manifest(model), names)


def test_it_is_sha256_and_repeats():
    assert printed() == printed()
    assert len(printed()) == 64
    int(printed(), 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"imaging": {"enabled": False}},
        {"imaging": {"visit": "T1"}},
        {"imaging": {"channels": ["pre", "wash_out", "wash_in"]}},
        {"imaging": {"channels": ["pre", "early", "late"]}},
        {"imaging": {"grid": 47}},
        {"imaging": {"spacing_mm": 1.25}},
        {"model": {"widths": [16, 32, 64, 64]}},
        {"model": {"blocks": [1, 1, 1, 2]}},
        {"model": {"norm": "batch"}},
        {"model": {"norm_groups": 4}},
        {"model": {"film_bottleneck": 8}},
    ],
)
def test_settings_that_weights_depend_on(changes):
    assert printed(changes) != printed()


@pytest.mark.parametrize("names", [("hr", "her2"), ("her2", "hr", "age_years"), ("hr", "her2", "age")])
def test_the_clinical_encoding(names):
    assert printed(names=names) != printed()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 5},
        {"imaging": {"augment": False}},
        {"training": {"learning_rate": 0.1, "batch_size": 2, "optimizer": "sgd"}},
    ],
)
def test_settings_that_weights_do_not_depend_on(changes):
    assert printed(changes) == printed()


def test_the_version_of_the_imaging_code(monkeypatch):
    before = printed()
    monkeypatch.setattr(tensor, "IMAGING_VERSION", "another")
    assert printed() != before


def test_the_manifest():
    """A release whose layers have other names or shapes, from the same settings."""
    configuration = SiteConfiguration()
    one, other, third = (
        Manifest(entries=(Entry(name=name, shape=shape),))
        for name, shape in (("a", (2, 3)), ("a", (3, 2)), ("b", (2, 3)))
    )
    assert len({fingerprint(configuration, found, NAMES) for found in (one, other, third)}) == 3


def test_another_fingerprint_is_refused_and_its_source_named():
    check_fingerprint("a" * 64, "a" * 64)
    with pytest.raises(FedchemoError, match=r"the coordinator has fingerprint aaaaaaaaaaaa….*bbbb") as caught:
        check_fingerprint("a" * 64, "b" * 64, source="the coordinator")
    assert caught.value.code == "FC302"
