"""Whose an image is, what a header gives away, and that no sentence gives away anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from fedchemo.client.importing.dicom import find_dicom
from tests.client.importing.dicom.made import Study, phases, uid, write_segmentation, write_series

SECRET = "ZZTOPSECRET"


def _sentences(found):
    return [
        *(said for one in found.examinations for said in (*one.taken, *one.left)),
        *(text for problem in found.problems for text in (problem.what, problem.remedy)),
        *found.burned_in,
        *found.exposed,
        *(str(one.scanner) for one in found.examinations),
    ]


def test_several_patients_in_one_folder(tmp_path):
    for number in range(3):
        study = Study(tmp_path, patient=f"P{number}")
        write_series(study, phases(seed=number), names=lambda o, i, n=number: f"all/{n}{o}{i}")
    found = find_dicom([tmp_path])
    assert [one.patient for one in found.examinations] == ["P0", "P1", "P2"]
    (problem,) = found.problems
    assert (problem.code, problem.severity, problem.patient) == ("FC126", "warning", None)
    assert "3 patients" in problem.what


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_an_identity_under_two_patients_sets_both_aside(tmp_path, keyword):
    write_series(Study(tmp_path / "1", patient="P1"), phases())

    def change(made, order, index):
        original = Study(tmp_path, patient="P1")
        values = {
            "StudyInstanceUID": original.uid,
            "SeriesInstanceUID": uid("series", original.uid, 5),
            "SOPInstanceUID": uid("image", original.uid, 5, int(made.InstanceNumber)),
        }
        setattr(made, keyword, values[keyword])

    write_series(Study(tmp_path / "2", patient="P2"), phases(), change=change)
    write_series(Study(tmp_path / "3", patient="P3"), phases())
    found = find_dicom([tmp_path])
    assert [one.patient for one in found.examinations] == ["P3"]
    assert {(problem.code, problem.patient) for problem in found.problems} == {
        ("FC126", "P1"),
        ("FC126", "P2"),
    }


def test_images_without_a_patient(tmp_path):
    write_series(Study(tmp_path, patient=" "), phases())
    found = find_dicom([tmp_path])
    assert not found.examinations
    assert [(problem.code, problem.severity) for problem in found.problems] == [("FC126", "error")]


def test_attributes_that_identify_are_counted(study):
    extra = {
        "PatientBirthDate": "19610203",
        "OtherPatientIDs": "MRN-1",
        "PatientAddress": "",
        "InstitutionName": "H",
    }

    def change(made, order, index):
        if index == 0:
            made.RequestingPhysician = "ROE^R"
        made.add_new((0x0011, 0x0010), "LO", "PRIVATE MAKER")

    write_series(replace(study, extra=extra), phases(), change=change)
    exposed = find_dicom([study.folder]).exposed
    assert exposed["PatientBirthDate"] == exposed["OtherPatientIDs"] == exposed["PatientName"] == 18
    assert exposed["RequestingPhysician"] == 3
    assert exposed["private (0011,0010)"] == 18
    assert "PatientAddress" not in exposed
    assert "Rows" not in exposed


def test_nested_attributes_are_found_though_the_rest_is_alike(study):
    def change(made, order, index):
        item = pydicom.Dataset()
        if index == 2:
            item.PatientName = "DOE^J"
        else:
            item.CodeMeaning = "DOE^J"
        made.ProcedureCodeSequence = [item]
        del made.PatientName

    write_series(study, phases(), change=change)
    assert find_dicom([study.folder]).exposed["PatientName"] == 3


CAPTURES = {
    "BurnedInAnnotation": lambda made: setattr(made, "BurnedInAnnotation", "YES"),
    "secondary capture": lambda made: setattr(made, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.7"),
    "screen": lambda made: setattr(made, "ImageType", ["DERIVED", "SECONDARY", "SCREEN SAVE"]),
    "scanned": lambda made: setattr(made, "ConversionType", "SD"),
    "overlay": lambda made: made.add_new((0x6000, 0x3000), "OW", b"\0" * 16),
}


@pytest.mark.parametrize("kind", CAPTURES)
def test_pixels_in_which_a_name_may_be_written(study, kind):
    write_series(study, phases())
    assert not find_dicom([study.folder]).burned_in
    write_series(
        study,
        phases(1),
        number=99,
        times=[0],
        change=lambda made, *_: CAPTURES[kind](made),
        description="report",
    )
    (sentence,) = find_dicom([study.folder]).burned_in
    assert sentence.startswith("Series 99 (6 images): ")


def _plant(made, *_):
    """Write a secret into every text, name and code of a header that does not decide what it is."""
    kept = {
        "SOPClassUID", "Modality", "PatientID", "StudyDate", "ContentTime", "AcquisitionTime", "SeriesTime",
        "PhotometricInterpretation", "SpecificCharacterSet", "ScanningSequence", "ImageType", "FrameOfReferenceUID",
        "PatientSex",
    }  # fmt: skip
    for keyword in ("InstitutionName", "ProtocolName", "ContrastBolusAgent", "StationName", "ImageComments",
                    "SequenceName", "RequestedProcedureDescription", "PatientComments", "ConversionType"):  # fmt: skip
        setattr(made, keyword, SECRET)
    for element in made:
        if element.VR in {"LO", "SH", "PN", "LT", "ST", "UT", "CS"} and element.keyword not in kept:
            element.value = SECRET


def test_no_sentence_names_anything_of_a_header(tmp_path):
    """Whatever goes right or wrong, identifiers stand only where the contract allows them."""
    secret = Study(tmp_path / SECRET, patient=SECRET)
    files = write_series(secret, phases(), change=_plant)
    write_segmentation(
        secret, np.ones((12, 10, 6), bool), files[:6], secret.folder / "s.dcm", description=SECRET
    )
    broken = Study(tmp_path / SECRET / "2", patient=SECRET + "2")
    write_series(broken, phases(2), change=_plant)
    lost = Study(tmp_path / SECRET / "3", patient=SECRET + "3")

    def lose(made, order, index):
        _plant(made)
        if (order, index) == (1, 1):
            del made.PixelData

    write_series(lost, phases(), change=lose)
    other = Study(tmp_path / SECRET / "4", patient=SECRET + "4")
    write_series(other, phases(), change=lambda made, *_: (_plant(made), setattr(made, "Modality", SECRET)))
    (secret.folder / f"{SECRET}.dcm").write_bytes(b"junk")
    found = find_dicom([tmp_path])
    assert len(found.examinations) == 1
    assert {problem.code for problem in found.problems} >= {"FC120", "FC121", "FC122", "FC123"}
    assert found.burned_in
    assert not [said for said in _sentences(found) if SECRET in said]


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ("Signa HDxt", "Signa HDxt"),
        ("DISCOVERY MR750w", "DISCOVERY MR750w"),
        ("Prisma_fit", "Prisma_fit"),
        ("Optima MR450w", "Optima MR450w"),
        ("Avanto Jane Doe 12345678", "Avanto"),
        ("DOE^JANE", ""),
    ],
)
def test_of_the_scanner_only_known_words_are_kept(study, written, model):
    def change(made, order, index):
        made.ManufacturerModelName, made.Manufacturer = written, "Philips Medical Systems, room of Dr Roe"
        made.MagneticFieldStrength = "15000"

    write_series(study, phases(), change=change)
    scanner = find_dicom([study.folder]).examinations[0].scanner
    assert (scanner.manufacturer, scanner.model, scanner.field_strength_t) == ("Philips", model, 1.5)
