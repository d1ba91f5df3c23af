"""DICOM made for tests: studies of any geometry, vendor's habit and fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
Change = Callable[[pydicom.Dataset, int, int], None]

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def uid(*parts: object) -> str:
    """A UID that depends on its parts only."""
    import hashlib

    return "1.2.826.0.1.3680043.8.498." + str(int(hashlib.sha256(repr(parts).encode()).hexdigest()[:24], 16))


def clock(seconds: float) -> str:
    """TM of seconds since midnight."""
    whole = int(seconds)
    return f"{whole // 3600:02d}{whole // 60 % 60:02d}{whole % 60:02d}.{round((seconds - whole) * 1e6):06d}"


@dataclass(frozen=True)
class Grid:
    """Where slices lie: direction cosines, the first voxel, spacing between rows and columns, between slices."""

    orientation: Sequence[float] = AXIAL
    origin: Sequence[float] = (-20.0, -30.0, 10.0)
    spacing: tuple[float, float] = (1.5, 1.5)
    between: float = 2.0

    @property
    def normal(self) -> NDArray[np.float64]:
        return np.cross(self.orientation[:3], self.orientation[3:])

    def position(self, index: int) -> list[float]:
        return [float(round(v, 6)) for v in np.array(self.origin) + self.normal * self.between * index]

    def affine(self) -> NDArray[np.float64]:
        """What the reader should find, by the standard's equation C.7.6.2.1-1 and NIfTI's axes."""
        lps = np.eye(4)
        lps[:3, 0] = np.array(self.orientation[:3]) * self.spacing[1]
        lps[:3, 1] = np.array(self.orientation[3:]) * self.spacing[0]
        lps[:3, 2] = self.normal * self.between
        lps[:3, 3] = self.origin
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def phases(
    count: int = 3, shape: tuple[int, int, int] = (12, 10, 6), seed: int = 0
) -> list[NDArray[np.uint16]]:
    """Volumes (x, y, z): noise, with a lesion that takes up contrast from the second phase on."""
    generator = np.random.default_rng(seed)
    base = generator.integers(80, 120, shape)
    lesion = np.zeros(shape, bool)
    lesion[2:5, 3:6, 2:4] = True
    return [(base + lesion * 150 * min(order, 2) + order).astype(np.uint16) for order in range(count)]


@dataclass(frozen=True)
class Study:
    """Who was examined, when."""

    folder: Path
    patient: str = "HOSP-0001"
    description: str = "ISPY2_MRI_T0"
    date: str = "20200305"
    name: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        return uid("study", self.patient, self.date, self.name)

    def at(self, folder: Path) -> Study:
        return replace(self, folder=folder)


def dataset(study: Study, *, number: int, description: str, instance: int, sop: str = MR) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop)
    meta.MediaStorageSOPInstanceUID = UID(uid("image", study.uid, number, instance))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID = meta.MediaStorageSOPClassUID
    made.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    made.PatientID = study.patient
    made.PatientName = "DOE^JANE"
    made.StudyInstanceUID = study.uid
    made.SeriesInstanceUID = uid("series", study.uid, number)
    made.StudyDescription = study.description
    made.StudyDate = study.date
    made.StudyID = "1"
    made.StudyTime = "090000"
    made.AccessionNumber = ""
    made.PatientBirthDate = ""
    made.PatientSex = "F"
    made.SeriesDescription = description
    made.SeriesNumber = number
    made.InstanceNumber = instance
    made.Modality = "MR"
    made.Manufacturer = "SIEMENS"
    made.ManufacturerModelName = "Avanto"
    made.MagneticFieldStrength = "1.5"
    made.FrameOfReferenceUID = uid("frame", study.uid)
    made.PositionReferenceIndicator = ""
    for keyword, value in study.extra.items():
        setattr(made, keyword, value)
    return made


def with_pixels(made: pydicom.Dataset, plane: NDArray[Any]) -> None:
    """Give a data set an image (rows, columns), or frames of them."""
    made.Rows, made.Columns = plane.shape[-2:]
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = plane.dtype.itemsize * 8
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(plane.dtype.kind == "i")
    if plane.ndim == 3:
        made.NumberOfFrames = len(plane)
    made.PixelData = np.ascontiguousarray(plane).tobytes()


def write_series(
    study: Study,
    volumes: Sequence[NDArray[Any]],
    *,
    number: int = 5,
    description: str = "t1_fl3d_tra_dynaVIEWS",
    grid: Grid = Grid(),
    times: Sequence[float] | None = (),
    by: str = "ContentTime",
    start: float = 36000.0,
    change: Change | None = None,
    names: Callable[[int, int], str] | None = None,
    first_instance: int = 1,
    save: Callable[[pydicom.Dataset, Path], None] | None = None,
) -> list[Path]:
    """Write a series of one file a slice; ``change`` may alter each, or drop it by deleting its pixels.

    Three phases lie at 0, 150 and 450 s, others 90 s apart, unless ``times`` are given; None writes the same time
    into all.
    """
    if times is not None and not len(times):
        times = (0, 150, 450) if len(volumes) == 3 else tuple(90 * order for order in range(len(volumes)))
    files = []
    instance = first_instance
    for order, volume in enumerate(volumes):
        for index in range(volume.shape[2]):
            made = dataset(study, number=number, description=description, instance=instance)
            made.ImageOrientationPatient = [float(v) for v in grid.orientation]
            made.ImagePositionPatient = grid.position(index)
            made.PixelSpacing = list(grid.spacing)
            made.SliceThickness = grid.between
            made.SeriesTime = clock(start)
            made.ContentTime = made.AcquisitionTime = clock(start)
            made.ScanningSequence = "GR"
            made.EchoTime = "2.4"
            made.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
            if times is not None:
                if by == "TriggerTime":
                    made.TriggerTime = float(times[order] * 1000)
                elif by == "TemporalPositionIdentifier":
                    made.TemporalPositionIdentifier = order + 1
                else:
                    setattr(made, by, clock(start + times[order]))
            with_pixels(made, volume[:, :, index].T)
            if change is not None:
                change(made, order, index)
            if "PixelData" in made:
                name = names(order, index) if names else f"{number}/{instance:04d}.dcm"
                path = study.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if save:
                    save(made, path)
                else:
                    made.save_as(path, enforce_file_format=True)
                files.append(path)
            instance += 1
    return files


def write_enhanced(
    study: Study,
    volumes: Sequence[NDArray[Any]],
    path: Path,
    *,
    number: int = 7,
    description: str = "dyn eTHRIVE",
    grid: Grid = Grid(),
    times: Sequence[float] = (0, 90, 180, 270, 360, 450, 540, 630),
    start: float = 36000.0,
    slopes: Sequence[float] | None = None,
) -> Path:
    """Write one Enhanced MR image: frames of all slices of all phases, out of order."""
    made = dataset(study, number=number, description=description, instance=1, sop=ENHANCED_MR)
    made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.SeriesTime = clock(start)
    shared = pydicom.Dataset()
    measures = pydicom.Dataset()
    measures.PixelSpacing = list(grid.spacing)
    measures.SliceThickness = measures.SpacingBetweenSlices = grid.between
    plane = pydicom.Dataset()
    plane.ImageOrientationPatient = [float(v) for v in grid.orientation]
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [plane]
    made.SharedFunctionalGroupsSequence = [shared]
    frames, groups = [], []
    # Slices run fastest backwards, as some vendors write them.
    for order, volume in enumerate(volumes):
        for index in reversed(range(volume.shape[2])):
            group = pydicom.Dataset()
            content = pydicom.Dataset()
            content.TemporalPositionIndex = order + 1
            content.FrameAcquisitionDateTime = study.date + clock(start + times[order])
            group.FrameContentSequence = [content]
            position = pydicom.Dataset()
            position.ImagePositionPatient = grid.position(index)
            group.PlanePositionSequence = [position]
            if slopes is not None:
                transform = pydicom.Dataset()
                transform.RescaleSlope, transform.RescaleIntercept = slopes[order], 0
                transform.RescaleType = "US"
                group.PixelValueTransformationSequence = [transform]
            groups.append(group)
            frames.append(volume[:, :, index].T)
    made.PerFrameFunctionalGroupsSequence = groups
    with_pixels(made, np.stack(frames))
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


def write_segmentation(
    study: Study,
    mask: NDArray[np.bool_],
    sources: Sequence[Path],
    path: Path,
    *,
    labels: Sequence[str] = ("Lesion",),
    number: int = 90,
    description: str = "Lesion segmentation",
) -> Path:
    """Write a binary segmentation with highdicom, drawn on the files of one phase.

    The masks of several labels are ``mask``, then its opposite.
    """
    import highdicom
    from highdicom.sr.coding import CodedConcept

    images = [pydicom.dcmread(file) for file in sources]
    images.sort(
        key=lambda image: float(
            np.dot(
                image.ImagePositionPatient,
                np.cross(image.ImageOrientationPatient[:3], image.ImageOrientationPatient[3:]),
            )
        )
    )
    stacked = [mask, ~mask][: len(labels)]
    pixels = np.stack(
        [np.stack([one[:, :, index].T for index in range(mask.shape[2])]) for one in stacked], axis=-1
    )
    kinds = (("4147007", "SCT", "Mass"), ("76752008", "SCT", "Breast"))
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=order,
            segment_label=label,
            segmented_property_category=CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure"),
            segmented_property_type=CodedConcept(*kinds[min(order, 2) - 1]),
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for order, label in enumerate(labels, 1)
    ]
    made = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=pixels.astype(np.uint8),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=uid("series", study.uid, number),
        series_number=number,
        sop_instance_uid=uid("image", study.uid, number, 1),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
        series_description=description,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path)
    return path


def write_analysis_mask(
    study: Study,
    bits: NDArray[np.uint8],
    path: Path,
    *,
    grid: Grid | None = None,
    number: int = 51900,
    description: str = "ISPY2: VOLSER: uni-lateral cropped: Analysis Mask",
) -> Path:
    """Write I-SPY2's inverse bit mask: 0 is inside; with geometry only if a grid is given."""
    made = dataset(study, number=number, description=description, instance=1, sop=SEGMENTATION)
    made.Modality = "SEG"
    made.SegmentationType = "FRACTIONAL"
    segment = pydicom.Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "VOLSER Analysis Mask"
    made.SegmentSequence = [segment]
    if grid is not None:
        groups = []
        for index in range(bits.shape[2]):
            group = pydicom.Dataset()
            position, plane, measures = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
            position.ImagePositionPatient = grid.position(index)
            plane.ImageOrientationPatient = [float(v) for v in grid.orientation]
            measures.PixelSpacing = list(grid.spacing)
            group.PlanePositionSequence = [position]
            group.PlaneOrientationSequence = [plane]
            group.PixelMeasuresSequence = [measures]
            groups.append(group)
        made.PerFrameFunctionalGroupsSequence = groups
    with_pixels(made, np.stack([bits[:, :, index].T for index in range(bits.shape[2])]))
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path
