"""The synthetic cohort: its margins, its files, and that the image's share of the outcome is no shortcut."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fedchemo.shared.clinical.schema import COLUMNS, SCHEMA
from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.tensor import to_tensor
from fedchemo.shared.imaging.volume import Phases, load_phases
from fedchemo.simulations.datasets.synthetic import ceiling, generate
from fedchemo.simulations.datasets.synthetic.cohort import tables
from fedchemo.simulations.datasets.synthetic.examination import (
    Examination,
    Patient,
    examine,
    longest_diameter_mm,
    sphericity,
)
from fedchemo.simulations.datasets.synthetic.outcome import (
    clinical_probability,
    expected_auc,
    organisation,
)
from fedchemo.simulations.datasets.synthetic.scanner import SHAPE, VENDORS, choose, site_scanners

SEED = 7
Array = NDArray[np.float64]


# --- what the hospitals know -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def population() -> tuple[pd.DataFrame, pd.DataFrame, Array]:
    return tables(patients=12_000, sites=20, seed=SEED)


def test_margins_are_those_of_the_trial(population: tuple[pd.DataFrame, pd.DataFrame, Array]) -> None:
    draws, variables, truth = population
    pcr = pd.Series(draws["pcr"].to_numpy() < truth)
    assert variables["hr"].mean() == pytest.approx(0.54, abs=0.03)
    assert variables["her2"].mean() == pytest.approx(0.25, abs=0.03)
    assert variables["mammaprint"].mean() == pytest.approx(0.50, abs=0.03)
    assert variables["mammaprint"].corr(variables["hr"]) < -0.25
    assert variables["age_years"].mean() == pytest.approx(49, abs=1)
    assert variables["age_years"].std() == pytest.approx(11, abs=0.7)
    assert variables["age_years"].between(25, 80).all()
    assert variables["tumour_volume_cc"].median() == pytest.approx(14.7, rel=0.08)
    assert variables["tumour_volume_cc"].quantile(0.75) == pytest.approx(30, rel=0.08)
    assert pcr.mean() == pytest.approx(0.32, abs=0.02)
    rates = pcr.groupby([variables["hr"], variables["her2"]]).mean()
    for group, rate in {(0, 0): 0.39, (0, 1): 0.61, (1, 0): 0.17, (1, 1): 0.35}.items():
        assert rates[group] == pytest.approx(rate, abs=0.04)
    assert variables["age_years"][variables["menopause"] == "post"].mean() > 55
    assert variables["age_years"][variables["menopause"] == "pre"].mean() < 45


def test_hidden_factor_is_unknown_to_the_clinical_variables(
    population: tuple[pd.DataFrame, pd.DataFrame, Array],
) -> None:
    draws, variables, _ = population
    hidden = pd.Series(organisation(draws))
    for column in ("hr", "her2", "mammaprint", "age_years", "tumour_volume_cc", "site"):
        assert abs(hidden.corr(variables[column])) < 0.03


def test_best_auc_is_what_outcomes_show(population: tuple[pd.DataFrame, pd.DataFrame, Array]) -> None:
    draws, variables, truth = population
    outcome = draws["pcr"].to_numpy() < truth
    best = ceiling()
    assert best.image == pytest.approx(roc_auc_score(outcome, truth), abs=0.015)
    assert best.clinical == pytest.approx(roc_auc_score(outcome, clinical_probability(variables)), abs=0.02)
    assert 0.70 < best.clinical < 0.74
    assert best.image > best.clinical + 0.12
    assert best.clinical < ceiling(0.5).image < best.image


def test_expected_auc_counts_pairs() -> None:
    assert expected_auc(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])) == 1
    assert expected_auc(np.array([5.0, 5.0]), np.array([0.0, 1.0])) == 0.5
    # Pairs (responder, other): (1,0) ordered wrongly .2 * .3, rightly .7 * .8.
    assert expected_auc(np.array([0.0, 1.0]), np.array([0.2, 0.7])) == pytest.approx(
        (0.7 * 0.8 + (0.2 * 0.8 + 0.7 * 0.3) / 2) / (0.9 * 1.1)
    )


@pytest.mark.parametrize(("patients", "sites", "least"), [(180, 3, 40), (320, 4, 50), (400, 10, 24)])
def test_sites_are_unequal_but_none_is_tiny(patients: int, sites: int, least: int) -> None:
    _, variables, _ = tables(patients=patients, sites=sites, seed=3)
    sizes = np.bincount(variables["site"], minlength=sites)
    assert sizes.min() >= least
    assert sizes[0] > 1.5 * sizes[-1]


def test_sites_differ_in_their_scanners_and_keep_them_when_others_join() -> None:
    scanners = [site_scanners(SEED, site) for site in range(6)]
    assert {main.vendor for main, _ in scanners} == {"GE", "Siemens", "Philips"}
    assert len({main.gain for main, _ in scanners}) == 6
    assert len({main.spacing_mm for main, _ in scanners}) == 6
    assert all(main.vendor != second.vendor for main, second in scanners)
    assert choose(scanners[0], 0.1) is scanners[0][0]
    assert choose(scanners[0], 0.99) is scanners[0][1]


# --- files -------------------------------------------------------------------------------------------------


def test_writes_a_dataset_that_the_product_reads(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = generate(tmp_path, patients=12, sites=3, seed=SEED, progress=lambda *step: told.append(step))
    assert told == [(done, 12) for done in range(1, 13)]
    assert list(made.clinical.columns) == [*COLUMNS[1:], "site", "vendor"]
    assert set(made.clinical["site"]) <= {"site01", "site02", "site03"}
    assert set(made.clinical["vendor"]) <= {vendor.vendor for vendor in VENDORS}
    assert set(made.clinical["pcr"]) <= {0.0, 1.0}
    assert not made.left_out
    assert any(str(ceiling()) in note for note in made.notes)
    assert list(made.images) == list(made.clinical.index) == list(made.visits["patient_id"])
    for patient, visits in made.images.items():
        files = visits["T0"]
        assert files.pre == tmp_path / "images" / patient / "T0" / "pre.nii.gz"
        image = nibabel.load(files.early)
        assert image.shape == SHAPE
        assert image.get_data_dtype() == np.int16
        assert image.header.get_zooms()[0] == pytest.approx(1.25, rel=0.07)
        voxel_cc = np.prod(image.header.get_zooms()) / 1000
        phases = load_phases(files.pre.parent)
        assert phases.lesion is not None
        wash_in = phases.early - phases.pre
        assert wash_in[phases.lesion].mean() > 5 * abs(wash_in[~phases.lesion].mean())
        volume = made.clinical.loc[patient, "tumour_volume_cc"]
        if not np.isnan(volume):
            assert phases.lesion.sum() * voxel_cc == pytest.approx(volume, abs=0.01)


def test_values_are_in_the_range_of_the_schema_and_some_are_missing(tmp_path: Path) -> None:
    clinical = generate(tmp_path, patients=1500, sites=5, seed=1, image_fraction=0).clinical
    for column in SCHEMA[1:-1]:
        known = clinical[column.name].dropna()
        if column.low is not None:
            assert known.between(column.low, column.high).all()
        if column.values:
            assert set(known) <= set(column.values)
    missing = clinical[["age_years", "menopause", "tumour_volume_cc"]].isna().mean()
    assert missing.between(0.005, 0.08).all()
    assert clinical[["pcr", "hr", "her2", "site", "vendor"]].notna().all(axis=None)


def test_same_seed_gives_the_same_bytes_and_a_smaller_cohort_is_the_beginning_of_a_larger(
    tmp_path: Path,
) -> None:
    small = generate(tmp_path / "small", patients=5, sites=3, seed=SEED)
    large = generate(tmp_path / "large", patients=9, sites=3, seed=SEED)
    other = generate(tmp_path / "other", patients=5, sites=3, seed=SEED + 1)
    pd.testing.assert_frame_equal(small.clinical, large.clinical.head(5))
    pd.testing.assert_frame_equal(small.visits, large.visits.head(5))
    assert not small.clinical.equals(other.clinical)
    for patient in small.images:
        for phase in ("pre", "early", "late", "lesion"):
            one, two, third = (
                getattr(made.images[patient]["T0"], phase).read_bytes() for made in (small, large, other)
            )
            assert one == two
            assert one != third


def test_workers_change_nothing(tmp_path: Path) -> None:
    one, three = (
        generate(tmp_path / str(workers), patients=6, sites=2, seed=SEED, workers=workers)
        for workers in (1, 3)
    )
    pd.testing.assert_frame_equal(one.visits, three.visits)
    for patient in one.images:
        late = [made.images[patient]["T0"].late.read_bytes() for made in (one, three)]
        assert late[0] == late[1]


def test_size_changes_the_voxels_and_not_the_field_of_view(tmp_path: Path) -> None:
    made = generate(tmp_path, patients=3, sites=1, seed=SEED, size=(40, 32, 24))
    for files in (visits["T0"] for visits in made.images.values()):
        image = nibabel.load(files.pre)
        assert image.shape == (40, 32, 24)
        extent = np.array(image.shape) * image.header.get_zooms()
        assert extent == pytest.approx([80, 80, 80], rel=0.07)


def test_a_folder_that_cannot_be_made_is_a_numbered_error(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file where a folder should be")
    with pytest.raises(FedchemoError) as caught:
        generate(tmp_path, patients=2, sites=1, seed=0)
    assert caught.value.code == "FC004"


def test_fewer_images_leave_the_others_as_they_are(tmp_path: Path) -> None:
    all_of_them = generate(tmp_path / "all", patients=16, sites=2, seed=SEED)
    half = generate(tmp_path / "half", patients=16, sites=2, seed=SEED, image_fraction=0.5)
    assert 3 <= len(half.images) <= 13
    assert set(half.visits["patient_id"]) == set(half.images)
    pd.testing.assert_frame_equal(half.clinical, all_of_them.clinical)
    for patient in half.images:
        early = [made.images[patient]["T0"].early.read_bytes() for made in (half, all_of_them)]
        assert early[0] == early[1]


@pytest.mark.parametrize(
    ("patients", "sites", "fraction", "size"),
    [
        (0, 1, 1.0, SHAPE),
        (3, 4, 1.0, SHAPE),
        (3, 0, 1.0, SHAPE),
        (3, 1, 1.1, SHAPE),
        (3, 1, float("nan"), SHAPE),
        (3, 1, 1.0, (64, 64, 2)),
    ],
)
def test_refuses_numbers_that_make_no_cohort(
    tmp_path: Path, patients: int, sites: int, fraction: float, size: tuple[int, int, int]
) -> None:
    with pytest.raises(FedchemoError) as caught:
        generate(tmp_path, patients=patients, sites=sites, seed=0, image_fraction=fraction, size=size)
    assert caught.value.code == "FC751"
    assert not list(tmp_path.iterdir())


def test_measurements_of_a_ball() -> None:
    spacing_mm = (1.25, 1.25, 2.5)
    x, y, z = np.ogrid[:64, :64, :32]
    ball = ((x - 32) * 1.25) ** 2 + ((y - 32) * 1.25) ** 2 + ((z - 16) * 2.5) ** 2 < 20**2
    assert longest_diameter_mm(ball, spacing_mm) == pytest.approx(40, abs=2)
    assert sphericity(ball, spacing_mm) > 0.95
    plate = ball & (np.abs(y - 32) < 2)
    assert longest_diameter_mm(plate, spacing_mm) == pytest.approx(40, abs=2)
    assert sphericity(plate, spacing_mm) < 0.75


# --- no shortcut -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnable() -> Mapping[str, Array]:
    """Of 400 patients: clinical variables, summaries of their images, the rim less the core, and outcomes."""
    draws, variables, truth = tables(patients=400, sites=4, seed=SEED)
    hidden = organisation(draws)
    scanners = [site_scanners(SEED, site) for site in range(4)]
    summaries, resampled, organisations = [], [], []
    for number, (site, volume, vendor) in enumerate(
        zip(variables["site"], variables["tumour_volume_cc"], draws["vendor"], strict=True)
    ):
        patient = Patient(number, volume, float(hidden[number]), choose(scanners[site], vendor))
        examination = examine(patient, seed=SEED)
        summaries.append(_summary(examination.volumes))
        resampled.append(_resampled_summary(examination))
        organisations.append(_rim_less_core(examination))
    clinical = variables[["hr", "her2", "mammaprint", "age_years"]].to_numpy(dtype=float)
    product = (variables["hr"] * variables["her2"]).to_numpy()
    log_volume = np.log(variables["tumour_volume_cc"].to_numpy())
    return {
        "clinical": np.column_stack([clinical, product, log_volume]),
        "summaries": np.array(summaries),
        "resampled": np.array(resampled),
        "organisation": np.array(organisations),
        "hidden": hidden,
        "pcr": (draws["pcr"].to_numpy() < truth).astype(float),
    }


def _summary(volumes: Mapping[str, NDArray[np.generic]]) -> list[float]:
    """Return mean, SD and maximum of the box around the lesion, of each channel, and of the lesion's volume."""
    lesion = volumes["lesion"] > 0
    where = np.argwhere(lesion)
    box = tuple(slice(low, high + 1) for low, high in zip(where.min(axis=0), where.max(axis=0), strict=True))
    pre, early, late = (volumes[name].astype(float) for name in ("pre", "early", "late"))
    found = [float(lesion.sum())]
    for channel in (pre, early - pre, late - early):
        for values in (channel[box] / pre.std(), channel[lesion] / pre.std()):
            found += [values.mean(), values.std(), values.max()]
    return found


def _resampled_summary(examination: Examination) -> list[float]:
    """Return mean, SD and maximum of each channel of the tensor that a model sees."""
    pre, early, late = (examination.volumes[name].astype(np.float32) for name in ("pre", "early", "late"))
    lesion = examination.volumes["lesion"] > 0
    phases = Phases("", pre, early, late, examination.spacing_mm, lesion)
    tensor = to_tensor(phases, ImagingSettings(grid=32, spacing_mm=2.0)).astype(float)
    return [statistic for channel in tensor for statistic in (channel.mean(), channel.std(), channel.max())]


def _rim_less_core(examination: Examination) -> list[float]:
    volumes = examination.volumes
    lesion = volumes["lesion"] > 0
    padded = distance_transform_edt(np.pad(lesion, 1), sampling=examination.spacing_mm)
    distance = padded[1:-1, 1:-1, 1:-1][lesion]
    rim = distance <= np.median(distance)
    pre, early, late = (volumes[name].astype(float)[lesion] for name in ("pre", "early", "late"))
    return [
        (change[rim].mean() - change[~rim].mean()) / change.std() for change in (early - pre, late - early)
    ]


def _auc(features: Array, pcr: Array) -> float:
    """Return the cross-validated AUC of logistic regression, the mean over five ways to cut."""
    model = make_pipeline(StandardScaler(), LogisticRegression())
    found = []
    for cut in range(5):
        folds = StratifiedKFold(5, shuffle=True, random_state=cut)
        found.append(
            roc_auc_score(
                pcr, cross_val_predict(model, features, pcr, cv=folds, method="predict_proba")[:, 1]
            )
        )
    return float(np.mean(found))


def _gain(learnable: Mapping[str, Array], extra: Array) -> float:
    together = np.column_stack([learnable["clinical"], extra])
    return _auc(together, learnable["pcr"]) - _auc(learnable["clinical"], learnable["pcr"])


def test_mean_sd_maximum_and_volume_say_nothing_new(learnable: Mapping[str, Array]) -> None:
    assert _gain(learnable, learnable["summaries"]) < 0.02


def test_nor_do_they_after_resampling(learnable: Mapping[str, Array]) -> None:
    """Resampling blurs a rim more than a core; the summaries must not show it."""
    assert _gain(learnable, learnable["resampled"]) < 0.02


def test_rim_and_core_say_much(learnable: Mapping[str, Array]) -> None:
    """The positive control: the same test sees a signal where there is one."""
    assert _gain(learnable, learnable["organisation"]) > 0.06
    assert np.corrcoef(learnable["organisation"][:, 0], learnable["hidden"])[0, 1] > 0.8


def test_images_of_other_patients_say_nothing(learnable: Mapping[str, Array]) -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    shuffled = learnable["organisation"][generator.permutation(len(learnable["pcr"]))]
    assert _gain(learnable, shuffled) < 0.02


def test_no_summary_follows_the_hidden_factor(learnable: Mapping[str, Array]) -> None:
    """What logistic regression could use, with any outcome model: correlation once volume is accounted for."""
    log_volume = learnable["clinical"][:, -1]
    known = np.column_stack([log_volume**power for power in range(4)])
    for column in learnable["summaries"].T[1:]:
        residual = column - known @ np.linalg.lstsq(known, column, rcond=None)[0]
        assert abs(np.corrcoef(residual, learnable["hidden"])[0, 1]) < 0.15
