"""A hospital whose files are full of identifiers, and the search for them in what came of it.

Every identifier is made of a word that occurs nowhere else, so a find is a leak and not chance.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

WORDS = ("Zorblatt", "Quyxveld", "Frümpelø")
"""Parts of names; one is not ASCII."""
BORN = "19570329"
"""A day that is in every file; examinations are on `SCANNED`."""
SCANNED = "20031127"
STREET = "7 Wexquill Lane"
NEEDLES = (*WORDS, "Wexquill", BORN, SCANNED, "1957-03-29", "2003-11-27", "29.03.1957", "MRNXQ")
"""What must not be found anywhere."""

# What a value representation takes; the longest that fits is planted.
_PERSON = f"{WORDS[0]}^{WORDS[1]}^{WORDS[2]}"
_VALUES = {
    "PN": _PERSON,
    "LO": f"{WORDS[0]} {STREET}",
    "SH": f"{WORDS[1]} MRNXQ",
    "ST": f"{_PERSON}, {STREET}",
    "LT": f"{_PERSON}, {STREET}",
    "UT": f"{_PERSON}, {STREET}",
    "UC": f"{_PERSON}, {STREET}",
    "UR": "https://wexquill.example/zorblatt",
    "AE": "MRNXQ ZORBLATT",
    "CS": "ZORBLATT MRNXQ",
    "DA": BORN,
    "DT": f"{BORN}101112",
}
# What says how the pixels lie and which series it is: another value makes it another file.
_STRUCTURE_NAMES = """
    SpecificCharacterSet ImageType Modality PatientID StudyDescription SeriesDescription
    PhotometricInterpretation ScanningSequence SequenceVariant ScanOptions MRAcquisitionType Laterality
    ImageLaterality BodyPartExamined ContentTime AcquisitionTime SeriesTime StudyTime StudyDate SeriesDate
    AcquisitionDate ContentDate PixelPresentation AcquisitionDateTime FrameType ComplexImageComponent
    AcquisitionContrast PresentationLUTShape RescaleType LossyImageCompression PatientPosition
    VolumetricProperties VolumeBasedCalculationTechnique ConversionType PlanarConfiguration FrameLaterality
    SegmentationType
"""
_STRUCTURE = frozenset(_STRUCTURE_NAMES.split())
# Command, meta information, directory, pixel description, waveforms, pixels, signatures.
_NOT_DATA = {0x0000, 0x0002, 0x0004, 0x0028, 0x5400, 0x7FE0, 0xFFFA}
SLICES, ROWS, COLUMNS = 4, 20, 24
PHASE_TIMES = ("100000.00", "100230.00", "100730.00")


def everything(dataset: Dataset) -> int:
    """Plant an identifier in every attribute of text that DICOM knows, in a sequence and private ones; count them."""
    planted = 0
    for tag, (representation, _, _, retired, keyword) in DicomDictionary.items():
        group = tag >> 16
        if (
            retired
            or not keyword
            or keyword in _STRUCTURE
            or keyword in dataset
            or group in {0x0000, 0x0002, 0x0004, 0xFFFA}
        ):
            continue
        if representation in _VALUES and group not in {0x0028, 0x5400, 0x7FE0}:
            dataset.add_new(tag, representation, _VALUES[representation])
            planted += 1
    item = Dataset()
    item.PatientName, item.PatientID = _PERSON, "MRNXQ nested"
    dataset.RequestAttributesSequence = [item]
    block = dataset.private_block(0x0099, "Zorblatt Imaging", create=True)
    block.add_new(1, "LO", _PERSON)
    block.add_new(2, "OB", _PERSON.encode("utf-16-le"))
    return planted + 4


def write_study(
    folder: Path, patient: str, *, seed: int = 0, visit: str = "T0", full: bool = False
) -> list[Path]:
    """Write a dynamic series of three phases, every header with identifiers; ``full`` plants them everywhere once."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    pre = random.integers(80, 120, (SLICES, ROWS, COLUMNS)).astype(np.uint16)
    gain = np.zeros_like(pre)
    gain[1:3, 6:12, 8:16] = 100
    files = []
    for phase, volume in enumerate((pre, pre + gain, pre + gain // 2)):
        for place in range(SLICES):
            number = phase * SLICES + place + 1
            path = folder / f"{WORDS[0]}_{number:03d}.dcm"
            dataset = _header(path, study, series, frame)
            dataset.PatientID = patient
            dataset.StudyDescription = f"ISPY2_MRI_{visit}"
            dataset.SeriesDescription = "ISPY2: VOLSER: uni-lateral cropped: original DCE"
            dataset.InstanceNumber = number
            dataset.ContentTime = dataset.AcquisitionTime = PHASE_TIMES[phase]
            dataset.ImagePositionPatient = [0.0, 0.0, 3.0 * place]
            dataset.PixelData = volume[place].tobytes()
            dataset.PatientName, dataset.PatientBirthDate, dataset.PatientAddress = _PERSON, BORN, STREET
            if full and number == 1:
                assert everything(dataset) > 500
                dataset.BurnedInAnnotation = "YES"
            dataset.save_as(path, enforce_file_format=True)
            files.append(path)
    return files


def _header(path: Path, study: str, series: str, frame: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=_PERSON.encode("utf-8").ljust(128, b"\0"))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, frame
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = SCANNED
    dataset.Modality, dataset.SeriesNumber, dataset.ImageType = "MR", 51800, ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.Manufacturer, dataset.ManufacturerModelName = "GE MEDICAL SYSTEMS", "Signa HDxt"
    dataset.MagneticFieldStrength = 1.5
    dataset.PixelSpacing, dataset.SliceThickness, dataset.SpacingBetweenSlices = [1.0, 1.0], 3.0, 3.0
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    return dataset


def write_nifti(folder: Path, *, seed: int = 0) -> None:
    """Write phases in the plain layout with identifiers in every field of text, extensions and the gzip header."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pre = random.integers(80, 120, (12, 10, 6)).astype(np.int16)
    gain = np.zeros_like(pre)
    gain[3:8, 3:7, 1:4] = 100
    for name, volume in {"pre": pre, "early": pre + gain, "late": pre + gain // 2, "lesion": gain}.items():
        image = nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 3.0, 1.0]))
        image.header["descrip"] = f"{WORDS[0]} {BORN}".encode()
        image.header["aux_file"] = b"Zorblatt MRNXQ"
        image.header["db_name"] = b"Zorblatt"
        image.header["intent_name"] = b"Quyxveld"
        for code, text in ((6, f"{_PERSON} {STREET}"), (2, f"MRNXQ {BORN}")):
            extension = nibabel.nifti1.Nifti1Extension(code, text.encode())
            image.header.extensions.append(extension)
        with (
            (folder / f"{name}.nii.gz").open("wb") as file,
            gzip.GzipFile(f"{WORDS[0]}.nii", "wb", fileobj=file) as packed,
        ):
            packed.write(image.to_bytes())


def forms(needle: str) -> list[bytes]:
    """Return a needle as the usual encodings and casings write it."""
    cased = {needle, needle.upper(), needle.lower()}
    encodings = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le")
    return sorted({text.encode(encoding) for text in cased for encoding in encodings})


def found_in(content: bytes, needles: Iterable[str]) -> set[str]:
    """Return which needles stand in some bytes, also once they are unpacked."""
    unpacked = _unpacked(content)
    return {
        needle
        for needle in needles
        if any(form in part for form in forms(needle) for part in (content, unpacked))
    }


def found_below(folder: Path, needles: Iterable[str]) -> dict[str, set[str]]:
    """Return file -> needles, in names and in content, of everything below a folder."""
    found = {}
    for path in _files(folder):
        place = str(path.relative_to(folder))
        hits = found_in(place.encode(), needles) | (
            found_in(path.read_bytes(), needles) if path.is_file() else set()
        )
        if hits:
            found[place] = hits
    return found


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*"))


def _unpacked(content: bytes) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return b""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return b""
