"""A header is searched for what identifies a person, to its last corner."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from fedchemo.client.importing.deidentification import profile
from fedchemo.client.importing.deidentification.basic_profile import BY_ACTION, RECENT
from fedchemo.client.importing.deidentification.profile import action, identifying

NAME = "DOE^JANE"
TEXT = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}


def _geometry() -> Dataset:
    """What a volume needs, and the equipment."""
    dataset = Dataset()
    dataset.Manufacturer = "SIEMENS"
    dataset.ManufacturerModelName = "Verio"
    dataset.Modality = "MR"
    dataset.MagneticFieldStrength = 3
    dataset.Rows = dataset.Columns = 4
    dataset.PixelSpacing = [0.5, 0.5]
    dataset.ImagePositionPatient = [0, 0, 0]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.RescaleSlope = 1
    dataset.TriggerTime = 1500
    return dataset


def test_every_keyword_of_the_table_is_one_of_the_standard() -> None:
    keywords = [keyword for text in BY_ACTION.values() for keyword in text.split()]
    assert len(keywords) == len(set(keywords))
    known = {entry[4] for entry in DicomDictionary.values()}
    assert set(keywords) <= known
    assert len(profile._actions()) == len(keywords) + len(RECENT) == 653


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        (0x00100010, "Z"),
        (0x00100020, "Z/D"),
        (0x00100030, "Z"),
        (0x00101010, "X"),
        (0x00080050, "Z"),
        (0x00080080, "X/Z/D"),
        (0x00080018, "U"),
        (0x0008103E, "X"),
        (0x00400275, "X"),
        (0x00120040, "D"),
        (0x00100012, "X"),
        (0x00091001, "X"),
        (0x50100010, "X"),
        (0x60003000, "X"),
        (0x60020010, None),
        (0x00280010, None),
        (0x00080070, None),
    ],
)
def test_actions_are_those_of_the_standard(tag: int, code: str | None) -> None:
    assert action(tag) == code


def test_geometry_and_equipment_identify_nobody() -> None:
    assert identifying(_geometry()) == []


def test_every_element_that_holds_text_is_named() -> None:
    dataset = _geometry()
    planted = set()
    for tag, (kind, _, _, _, keyword) in DicomDictionary.items():
        if kind in TEXT and tag >> 16 > 2 and keyword and keyword not in profile._IMPERSONAL:
            dataset.add_new(tag, kind, {"AE": "DOE", "UR": "http://doe"}.get(kind, NAME))
            planted.add(keyword)
    assert len(planted) > 500
    assert planted <= set(identifying(dataset))


def test_moments_and_uids_are_named() -> None:
    dataset = _geometry()
    dataset.StudyDate = "20200229"
    dataset.SOPInstanceUID = generate_uid()
    dataset.RadiopharmaceuticalStartTime = "101010"
    assert identifying(dataset) == ["SOPInstanceUID", "StudyDate", "RadiopharmaceuticalStartTime"]


def test_sequences_are_searched_to_any_depth() -> None:
    inner, middle, dataset = Dataset(), Dataset(), _geometry()
    inner.PatientMotherBirthName = NAME
    # Neither sequence is in the table itself.
    middle.DeidentificationMethodCodeSequence = Sequence([inner])
    dataset.MRImagingModifierSequence = Sequence([Dataset(), middle])
    assert identifying(dataset) == ["PatientMotherBirthName"]


def test_private_elements_are_named_by_their_tag() -> None:
    dataset = _geometry()
    block = dataset.private_block(0x0009, "ACME 1", create=True)
    block.add_new(0x01, "LO", NAME)
    assert identifying(dataset) == ["private (0009,0010)", "private (0009,1001)"]


@pytest.mark.parametrize("value", [None, "", "  ", b"", b"\0\0"])
def test_an_attribute_without_a_value_is_not_named(value: object) -> None:
    dataset = _geometry()
    dataset.add_new(0x00104000, "LT" if not isinstance(value, bytes) else "UN", value)
    dataset.add_new(0x00081140, "SQ", Sequence())
    assert identifying(dataset) == []


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_file_is_searched_with_its_meta_information_and_preamble(syntax: str) -> None:
    dataset = _geometry()
    dataset.SOPClassUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
    dataset.PatientName = NAME
    dataset.PatientBirthDate = "19510203"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.SourceApplicationEntityTitle = "ST_MARY"
    dataset.preamble = b"II*\0 by Jane".ljust(128, b"\0")
    file = BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    file.seek(0)
    assert identifying(pydicom.dcmread(file)) == [
        "Preamble",
        "MediaStorageSOPInstanceUID",
        "SourceApplicationEntityTitle",
        "SOPInstanceUID",
        "PatientName",
        "PatientBirthDate",
    ]


def test_a_value_that_cannot_be_read_is_named_all_the_same() -> None:
    # A date and a sequence that hold neither.
    damaged = b"\x08\x00\x20\x00DA\x08\x00notadate\x08\x00\x40\x11SQ\0\0\x08\0\0\0garbage!"
    dataset = pydicom.dcmread(BytesIO(damaged), force=True)
    assert identifying(dataset) == ["StudyDate", "ReferencedImageSequence"]


def test_values_are_not_told() -> None:
    dataset = _geometry()
    dataset.add_new(0x00104000, "LT", NAME)
    assert all("DOE" not in name for name in identifying(dataset))
    assert keyword_for_tag(0x00104000) in identifying(dataset)
