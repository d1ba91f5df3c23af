"""A small site folder and a small trained model."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch

from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import ImagingSettings, ModelSettings, SiteConfiguration
from fedchemo.shared.model.artefact import save
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack
from fedchemo.shared.randomness import numpy_stream

PATIENTS, IMAGED, UNLABELLED = 60, 24, 4


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def _site_template(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "NORTH"
    folder.mkdir()
    (folder / "site.toml").write_text('name = "NORTH"\ndataset = "made-up"\n')
    generator = numpy_stream(0, "test", "site folder")
    her2 = generator.integers(0, 2, PATIENTS)
    pcr = (generator.random(PATIENTS) < 0.2 + 0.5 * her2).astype(float)
    table = pd.DataFrame(
        {
            "patient_id": [f"P{number:03d}" for number in range(PATIENTS)],
            "pcr": pcr,
            "age_years": generator.integers(30, 80, PATIENTS),
            "hr": generator.integers(0, 2, PATIENTS),
            "her2": her2,
            "mammaprint": generator.integers(0, 2, PATIENTS),
            "tumour_volume_cc": generator.uniform(1, 60, PATIENTS).round(2),
        }
    )
    table.loc[PATIENTS - UNLABELLED :, "pcr"] = None
    table.to_csv(folder / "clinical.csv", index=False)
    for number in range(IMAGED):
        visit = folder / "images" / f"P{number:03d}" / "T0"
        visit.mkdir(parents=True)
        for gain, phase in enumerate(("pre", "early", "late"), 1):
            volume = generator.normal(100 * gain, 10, (12, 12, 12)).astype(np.float32)
            nibabel.save(nibabel.Nifti1Image(volume, np.diag([2, 2, 2, 1])), visit / f"{phase}.nii.gz")
    return folder


@pytest.fixture
def site_folder(_site_template, tmp_path) -> Path:
    """A hospital with 60 patients, 4 of them without outcome, 24 with images; a test may change it."""
    import shutil

    return Path(shutil.copytree(_site_template, tmp_path / "NORTH"))


def write_run(folder: Path, *, images: bool = True, gate: float = 0.05, **details) -> Path:
    """Write a model of random image weights that knows HER2."""
    configuration = SiteConfiguration(
        imaging=ImagingSettings(enabled=images, grid=8, spacing_mm=3.0),
        model=ModelSettings(widths=(4, 4, 4, 4), norm_groups=2, film_bottleneck=2),
    )
    features = names(configuration.clinical)
    module = build(configuration.model, configuration.imaging, len(features))
    initialise(module, 0)
    with torch.no_grad():
        module.clinical.weight[0, features.index("her2")] = 1.0
        module.clinical.weight[0, features.index("age_years")] = 0.3
        module.clinical.bias.fill_(-0.2)
        for name, parameter in module.named_parameters():
            if "gate" in name:
                parameter.fill_(gate)
    known = variables(configuration.clinical)
    means = {"her2": 0.5, "age_years": 55.0, "log_tumour_volume": 3.0}
    deviations = {"age_years": 14.0}
    save(
        folder,
        vector=pack(module),
        configuration=configuration,
        statistics=ClinicalStatistics(
            names=known,
            means=tuple(means.get(name, 0.5) for name in known),
            deviations=tuple(deviations.get(name, 0.5) for name in known),
            counts=(500,) * len(known),
        ),
        manifest=manifest(module),
        fingerprint=fingerprint(configuration, manifest(module), features),
        details={"run": "test", "round": 3, **details},
    )
    return folder


@pytest.fixture
def make_run():
    """The function that writes a run folder's model."""
    return write_run


@pytest.fixture
def run_folder(tmp_path) -> Path:
    """A run folder with a model that looks at images."""
    return write_run(tmp_path / "run")
