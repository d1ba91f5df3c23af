"""Probes of the real fusion model through the ordinary client: what was planted is found, and nothing else."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.layout import SCANNERS
from fedchemo.simulations.probes.beside import CLINICAL, EMBEDDING, probed, table
from fedchemo.simulations.probes.whereabouts import whereabouts
from fedchemo.simulations.simulate import simulate
from tests.sites import SMALL, write_site

PATIENTS = 40


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a small federation of two hospitals over folders that a test may change first."""

    def simulated(name, change=lambda folders: None, **imaging):
        made = tmp_path_factory.mktemp(name)
        folders = [write_site(made, site, patients=PATIENTS, images=PATIENTS) for site in ("a", "b")]
        for folder in folders:
            listed = pd.DataFrame({"vendor": ["GE", "Philips"] * (PATIENTS // 2)})
            listed.index = pd.Index([f"{folder.name}-{number:03d}" for number in range(PATIENTS)])
            listed.to_csv(folder / SCANNERS, index_label="patient_id")
        change(folders)
        site = {**SMALL, "imaging": {**SMALL["imaging"], **imaging}}
        done = simulate(
            folders,
            parse(RunConfiguration, {"rounds": 1, "site": site}, source="test"),
            RunFolder(made / "run"),
            cache=made / "cache",
            device="cpu",
            probes=True,
        )
        return done, json.loads((made / "run" / "summary.json").read_text())

    return simulated


@pytest.fixture(scope="module")
def alike(run):
    return run("alike")


def rows(done, source=EMBEDDING):
    return {row.target: row for row in done.probes.rows if row.source == source}


def slow_contrast(folders):
    """Plant a signature: one hospital's late phase is bright at one side, as from a coil."""
    for path in (folders[0] / "images").rglob("late.nii.gz"):
        image = nib.load(path)
        volume = np.asarray(image.dataobj) * np.linspace(1, 2, image.shape[0])[:, None, None]
        nib.save(nib.Nifti1Image(volume.astype(np.int16), image.affine), path)


def test_a_planted_signature_of_a_site_is_found_in_the_embedding(run):
    done, _ = run("planted", slow_contrast)
    found = rows(done)["site"]
    assert found.found
    assert found.balanced_accuracy.low > 0.7
    assert found.balanced_accuracy.n == 2 * PATIENTS
    assert not rows(done)["vendor"].found, "vendors are spread over both hospitals"
    assert not rows(done, CLINICAL)["site"].found, "the signature is in the images alone"
    assert any("tells 2 sites apart" in sentence for sentence in done.probes.sentences())


def test_sites_made_alike_give_chance(alike):
    done, _ = alike
    for target in ("site", "vendor"):
        found = rows(done)[target]
        assert not found.found
        assert found.balanced_accuracy.low <= 0.5 <= found.balanced_accuracy.high


def test_the_summary_and_the_table_say_what_was_found(alike):
    done, summary = alike
    told = summary["probes"]["rows"]
    assert [(row["target"], row["source"]) for row in told] == [
        (row.target, row.source) for row in done.probes.rows
    ]
    assert told[0]["balanced_accuracy"] == done.probes.rows[0].balanced_accuracy.value
    assert summary["probes"]["gate"] == pytest.approx(done.probes.gate)
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(table(done.probes))
    assert f"{done.probes.rows[0].balanced_accuracy.value:.3f}" in console.export_text()


def test_a_model_without_images_is_not_probed(run):
    done, summary = run("tables", enabled=False)
    assert done.probes is None
    assert "probes" not in summary


def test_folders_that_no_simulation_made_have_no_vendors(alike, tmp_path):
    simulated, _ = alike
    site = parse(RunConfiguration, {"site": SMALL}, source="test").site
    outcome = simulated.outcome
    found = probed(
        simulated.participants.values(),
        site,
        outcome.opening.statistics,
        outcome.weights,
        whereabouts([write_site(tmp_path, "real", patients=3)]),
    )
    assert {row.target for row in found.rows} == {"site"}
    assert found.rows == tuple(row for row in simulated.probes.rows if row.target == "site")
    assert any("vendor was not probed" in sentence for sentence in found.sentences())


def test_a_closed_gate_is_said(alike):
    import dataclasses

    closed = dataclasses.replace(alike[0].probes, gate=0.0)
    assert any("gate is closed" in sentence for sentence in closed.sentences())


def test_a_damaged_list_of_scanners_is_refused(tmp_path):
    folder = write_site(tmp_path, "a", patients=3)
    (folder / SCANNERS).write_text("who,what\n1,2\n")
    with pytest.raises(FedchemoError, match="FC002"):
        whereabouts([folder])
