"""Files are put together by their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.client.importing.nifti.layouts import arrange, stem

NAMES = st.text(st.sampled_from("aB0._-é ~"), min_size=1, max_size=8).filter(
    lambda name: name not in {".", ".."}
)


def _found(*names: str) -> list[tuple[str, str, str, list[object]]]:
    arranged = arrange([Path("/data", name) for name in names])
    return [
        (found.layout, found.patient, found.visit, sorted(found.phases, key=str))
        for found in arranged.candidates
    ]


def test_mama_mia() -> None:
    files = [f"images/DUKE_001/duke_001_{n:04d}.nii.gz" for n in range(3)]
    assert _found(*files) == [("MAMA-MIA", "DUKE_001", "T0", [0, 1, 2])]
    # Flat, as nnU-Net has it.
    assert _found("imagesTr/duke_001_0000.nii.gz") == [("MAMA-MIA", "duke_001", "T0", [0])]


def test_breastdcedl() -> None:
    files = [
        "dce/ISPY2-100899_spy2_vis1_dce_aqc_0.nii.gz",
        "dce/ISPY2-100899_spy2_vis1_dce_aqc_12.nii.gz",
        "dce/ISPY2-100899_spy2_vis3_dce_aqc_1.nii.gz",
        "dce/ACRIN-6698-1_spy2_vis1_dce_acq_0.nii.gz",
        "dce/Breast_MRI_001_dce_aqc_2.nii.gz",
    ]
    assert _found(*files) == [
        ("BreastDCEDL", "ACRIN-6698-1", "T0", [0]),
        ("BreastDCEDL", "Breast_MRI_001", "T0", [2]),
        ("BreastDCEDL", "ISPY2-100899", "T0", [0, 12]),
        ("BreastDCEDL", "ISPY2-100899", "T2", [1]),
    ]


def test_plain_with_and_without_visits() -> None:
    files = ["a.b/pre.nii", "a.b/EARLY.NII.GZ", "c/T1/late.nii.gz", "c/t2/Pre.nii.gz"]
    assert _found(*files) == [
        ("plain", "a.b", "T0", ["early", "pre"]),
        ("plain", "c", "T1", ["late"]),
        ("plain", "c", "T2", ["pre"]),
    ]


def test_what_looks_like_a_visit_is_no_patient() -> None:
    assert _found("p1/T4/pre.nii.gz", "p2/visit 2/pre.nii.gz") == [
        ("plain", "p1", "T4", ["pre"]),
        ("plain", "p2", "VISIT 2", ["pre"]),
    ]


def test_an_experts_mask_goes_before_an_automatic_one() -> None:
    names = ["images/A_1/a_1_0000.nii.gz", "images/B_1/b_1_0000.nii.gz", "segmentations/automatic/b_1.nii.gz"]
    names += [
        "segmentations/automatic/a_1.nii.gz",
        "segmentations/expert/a_1.nii.gz",
        "segmentations/expert/c.nii",
    ]
    arranged = arrange([Path(name) for name in names])
    assert [found.lesion for found in arranged.candidates] == [Path(names[4]), Path(names[2])]
    assert arranged.masks == (Path(names[5]),)


def test_breastdcedl_masks_find_their_visit() -> None:
    names = [
        "dce/P_spy2_vis2_dce_aqc_0.nii.gz",
        "mask/p_SPY2_vis2_mask.nii.gz",
        "mask/P_spy2_vis1_mask.nii.gz",
    ]
    arranged = arrange([Path(name) for name in names])
    assert [found.lesion for found in arranged.candidates] == [Path(names[1])]
    assert arranged.masks == (Path(names[2]),)


def test_a_phase_that_is_there_twice_is_kept_apart() -> None:
    arranged = arrange(
        [Path("p/pre.nii"), Path("p/pre.nii.gz"), Path("p/lesion.nii"), Path("p/LESION.nii.gz")]
    )
    assert len(arranged.candidates) == 1
    assert len(arranged.candidates[0].twice) == 2


def test_other_files_are_strangers_or_nothing() -> None:
    arranged = arrange(
        [Path("p/scan_2019.nii.gz"), Path("p/t2.nii"), Path("p/1-001.dcm"), Path("p/notes.gz")]
    )
    assert arranged.candidates == ()
    assert set(arranged.strangers) == {Path("p/scan_2019.nii.gz"), Path("p/t2.nii")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.nii", "a"),
        ("a.b.NII.gz", "a.b"),
        ("1.2.840.nii.gz", "1.2.840"),
        (".nii", None),
        ("a.gz", None),
        ("anii.gz", None),
        ("nii", None),
    ],
)
def test_stem(name: str, expected: str | None) -> None:
    assert stem(Path(name)) == expected


@given(
    st.lists(
        st.tuples(NAMES, NAMES, NAMES, st.sampled_from([".nii", ".nii.gz", "_0000.nii.gz", "_mask.nii"]))
    )
)
def test_no_file_is_lost(parts: list[tuple[str, str, str, str]]) -> None:
    files = {Path("/r", a, b, f"{name}{suffix}") for a, b, name, suffix in parts}
    arranged = arrange(files)
    kept = [*arranged.strangers, *arranged.masks]
    for found in arranged.candidates:
        kept += [*found.phases.values(), *found.twice]
    masks = {found.lesion for found in arranged.candidates if found.lesion}
    assert {path for path in files if stem(path) is not None} - {
        path for path in files if "mask" in path.name
    } <= set(kept) | masks
    assert len(kept) == len(set(kept))
