"""One bad case never stops a site: it trains without a bad row and without bad images."""

from __future__ import annotations

import numpy as np
import torch

from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.validation import require_fit, validate_site
from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import pool
from fedchemo.shared.configuration import SiteConfiguration, parse
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack
from fedchemo.shared.wire.messages import StatisticsRequest, TrainRequest
from tests.sites import SMALL


def test_a_site_with_bad_cases_trains_without_them(site, change_table, change_image, tmp_path):
    torch.set_num_threads(1)
    change_table(lambda table: table.__setitem__("age_years", [*table["age_years"][:-1], "5100"]))
    change_image(0, "early", lambda voxels: 200 - voxels)
    change_image(1, "late", lambda voxels: voxels * np.nan)
    told = []
    cohort = read_site(site)
    require_fit(cohort)
    participant = Participant(
        cohort, tmp_path / "cache", notice=lambda event, details: told.append((event, details.get("patient")))
    )
    configuration = parse(SiteConfiguration, SMALL, source="test")
    features = names(configuration.clinical)
    model = build(configuration.model, configuration.imaging, len(features))
    initialise(model, 0)
    terms = {
        "run": "r",
        "round": 1,
        "fingerprint": fingerprint(configuration, manifest(model), features),
        "configuration": configuration,
    }
    statistics = participant.statistics(StatisticsRequest(**terms))
    assert statistics.images is None  # four are left, fewer than may be told
    pooled = pool(variables(configuration.clinical), [statistics.moments])
    reply, update = participant.train(TrainRequest(**terms, statistics=pooled), pack(model))
    assert np.isfinite(update).all()
    assert reply.examples == len(cohort.patients("train"))
    set_aside = {patient for event, patient in told if event == "image_set_aside"}
    # What validation sets aside is what a run does not use.
    found = validate_site(site)
    assert (
        set_aside
        == {item.patient for item in found.set_aside if item.what == "image"}
        == {
            "NORTH-000",
            "NORTH-001",
        }
    )
    assert [item.patient for item in found.set_aside if item.what == "patient"] == ["NORTH-059"]
    assert "NORTH-059" not in cohort.clinical.index
