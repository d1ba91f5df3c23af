"""Which series are dynamic: by names that occur, and by tags where names lie or are absent."""

from __future__ import annotations

import pytest

from fedchemo.client.importing.dicom import find_dicom
from fedchemo.client.importing.dicom.roles import Facts, role
from tests.client.importing.dicom.made import Grid, phases, write_series

DYNAMIC = {
    "ISPY2: VOLSER: uni-lateral cropped: original DCE": "",
    "ISPY2: multiPhase384/256_80-100sec._Dyn.": "",
    "ISPY2: Ph1/Ax VIBRANT MPh +C": "",
    "ISPY2: DynaVIEWS 90s Post": "post",
    "ISPY2: DynaVIEWS 90s Pre": "pre",
    "ISPY2: t1_fl3d_tra_SPAIR_PRE": "pre",
    "ISPY2: T1 FL3D DYN FS PRE+5POST": "",
    "ISPY2: dyn_eTHRIVE_8minPost": "",
    "ISPY2: Ax dyn mp 326 2.4 62 NO DELAY": "",
    "ISPY2: AX VIBE DELAYED FAT SAT": "post",
    "post3": "post",
    "3D DYNAMIC MASK": "pre",
    "t1_fl3d_tra nativ": "pre",
}
LEFT = [
    "ISPY2: VOLSER: uni-lateral cropped: PE2",
    "ISPY2: 3 Plane Scout",
    "ISPY2: 3-LOC",
    "ISPY2: SURVEY/MST",
    "ISPY2: AX T2 FSE BILATERAL PRE",
    "ISPY2: Water:T2fseidealarc_BP",
    "ISPY2: sT2W_SPAIR/VOL SHIM no sense REPEAT",
    "ISPY2: RES_IR_AX_BILATERAL",
    "ISPY2: VISTA",
    "ACRIN-6698: 4bval_100/2_600/4_800/8_T2_2nex_eDWI_",
    "ACRIN-6698: ADC: from S4: bVals=0,100,600,800",
    "ACRIN-6698: DWI MASK: from S4: Whole Tumor Manual",
    "ISPY2: (12364/7/1..108)-(12364/7/109..216)",
    "ISPY2: (12364/7/1..108)+(12364/7/109..216)",
    "t1_fl3d_tra_dynaVIEWS_SUB",
    "t1_fl3d_tra_dyn_MIP_cor",
    "Dyn Subtraktion 2",
    "pre-contrast resample-aligned to post",
    "dyn wash-in map",
]


@pytest.mark.parametrize(("name", "hint"), DYNAMIC.items())
def test_names_of_dynamic_series(name, hint):
    found = role(Facts(description=name))
    assert (found.kind, found.hint) == ("dynamic", hint)


@pytest.mark.parametrize("name", LEFT)
def test_names_of_other_series(name):
    assert role(Facts(description=name)).kind == "left"


@pytest.mark.parametrize(
    "facts",
    [
        Facts(modality="MG"),
        Facts(modality="CT", description="dyn"),
        Facts(modality="PR"),
        Facts(sop_class="1.2.840.10008.5.1.4.1.1.7", description="dyn"),
        Facts(description="dyn", kinds=frozenset({"SUBTRACTION"})),
        Facts(description="dyn", kinds=frozenset({"PROJECTION IMAGE", "MIP"})),
        Facts(description="dyn", kinds=frozenset({"P", "ND"})),
        Facts(description="dyn", samples=3),
        Facts(description="dyn", diffusion=True),
        Facts(description="dyn", echo_ms=90.0),
        Facts(description="t1", scanning_sequence="SE"),
        Facts(description="", kinds=frozenset({"LOCALIZER"})),
    ],
)
def test_tags_overrule_names(facts):
    assert role(facts).kind == "left"


def test_series_without_a_name():
    assert role(Facts()).kind == "possible"
    # GE's name for a phase added to itself.
    assert role(Facts(description="ISPY2: (12364/7/1..108)+(12364/7/1..108)")).kind == "possible"
    assert role(Facts(agent=True)).kind == "dynamic"
    assert role(Facts(temporal_positions=6)).kind == "dynamic"


def test_an_unnamed_series_of_phases_is_taken_for_want_of_a_better(study):
    write_series(study, phases(), number=3, description="")
    assert find_dicom([study.folder]).examinations
    write_series(study, phases(seed=1), number=4, description="dyn")
    (examination,) = find_dicom([study.folder]).examinations
    assert any("Series 4" in said for said in examination.taken)
    assert any("Series 3" in said for said in examination.left)


def test_the_prepared_series_is_preferred_and_all_else_is_accounted_for(study):
    volser = "ISPY2: VOLSER: uni-lateral cropped:"
    raw = Grid(origin=(-100.0, -100.0, 10.0))
    write_series(study, phases(6, (30, 30, 6)), number=6, description="ISPY2: Ax Vibrant", grid=raw)
    write_series(study, phases(6), number=51800, description=f"{volser} original DCE")
    write_series(study, phases(1), number=51000, description=f"{volser} SER")
    write_series(study, phases(1), number=51002, description=f"{volser} PE2")
    write_series(study, phases(1), number=1, description="ISPY2: 3 Plane Scout")
    write_series(study, phases(1), number=2, description="ISPY2: AXL IR")
    (examination,) = find_dicom([study.folder]).examinations
    assert examination.read().pre.shape == (12, 10, 6)
    said = " ".join(examination.left)
    for number, word in ((6, "preferred"), (51000, "ratio"), (51002, "map"), (1, "localiser"), (2, "T2")):
        assert any(s.startswith(f"Series {number} ") and word in s for s in examination.left), (number, said)


def test_a_broken_prepared_series_gives_way_to_the_raw_one_and_it_is_said(study):
    def lose(made, order, index):
        if (order, index) == (2, 1):
            del made.PixelData

    write_series(study, phases(6), number=6, description="ISPY2: Ax Vibrant")
    name = "ISPY2: VOLSER: uni-lateral cropped: original DCE"
    write_series(study, phases(6, seed=1), number=51800, description=name, change=lose)
    found = find_dicom([study.folder])
    assert "Series 6 " in found.examinations[0].taken[1]
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("FC123", "warning")
    assert "lacks 1 slice" in problem.what


def test_the_series_nearest_to_the_times_wanted(study):
    """An ultrafast series over the first minutes shows nothing late."""
    write_series(study, phases(7), number=5, description="t1 twist dyn", times=[20 * k for k in range(7)])
    write_series(study, phases(4, seed=1), number=6, description="t1 vibe dyn", times=[0, 150, 300, 450])
    (examination,) = find_dicom([study.folder]).examinations
    assert "Series 6 " in examination.taken[1]


def test_a_study_of_another_modality(study):
    write_series(study, phases(), change=lambda made, *_: setattr(made, "Modality", "MG"))
    (problem,) = find_dicom([study.folder]).problems
    assert (problem.code, problem.severity, problem.patient) == ("FC120", "error", "HOSP-0001")
    assert "modality MG" in problem.what


def test_another_modality_beside_the_examination_is_a_warning(tmp_path, study):
    from tests.client.importing.dicom.made import Study

    write_series(study, phases())
    mammogram = Study(study.folder / "mg", date="20200101", description="MAMMOGRAM")
    write_series(mammogram, phases(), change=lambda made, *_: setattr(made, "Modality", "MG"))
    found = find_dicom([study.folder])
    assert len(found.examinations) == 1
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC120", "warning")]


def test_water_of_a_dixon_series(study):
    def change(made, order, index):
        made.ImageType = ["ORIGINAL", "PRIMARY", "M", "FAT" if made.InstanceNumber > 100 else "WATER"]

    volumes = phases()
    write_series(study, [*volumes], change=change, description="dyn")
    write_series(
        study, [volume // 3 for volume in volumes], change=change, description="dyn", first_instance=101
    )
    scan = find_dicom([study.folder]).examinations[0].read()
    assert (scan.late == volumes[2]).all()
