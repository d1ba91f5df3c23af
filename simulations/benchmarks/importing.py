"""From DICOM to site folder to prepared images, by the clock and with its memory, in a fresh process.

``python -m fedchemo.simulations.benchmarks.importing FOLDER`` imports what `write_hospital` wrote there and prints the
seconds of each half and the peak memory (MB) of all processes together.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.randomness import numpy_stream

COHORTS = (8, 40)
SLICES, SIDE, PHASES = 40, 128, 4
"""160 files and 5 MB a patient; a study of I-SPY2 has 640 files of 128 KB."""
_LOOK_S = 0.1


@dataclass(frozen=True)
class Imported:
    """What an import took.

    Attributes:
        import_s: seconds from DICOM to site folder.
        prepare_s: seconds from site folder to prepared images.
        peak_mb: of all processes together, what they share counted once.
    """

    import_s: float
    prepare_s: float
    peak_mb: float


def write_hospital(folder: Path, patients: int) -> None:
    """Write a table, and a dynamic series of four phases for each patient, a file a slice."""
    rows = ["patient_id,pcr,age_years,hr,her2"]
    for number in range(patients):
        patient = f"B{number:04d}"
        rows.append(f"{patient},{number % 2},{40 + number % 30},1,0")
        _write_study(folder / "images" / patient, patient, number)
    (folder / "table.csv").write_text("\n".join(rows) + "\n")


def measured(folder: Path) -> Imported:
    """Import a hospital in a fresh process and return what it took.

    Raises:
        FedchemoError: FC765 if it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise FedchemoError("FC765", f"import: {done.stderr[-500:]}")
    return Imported(**json.loads(done.stdout))


def _write_study(folder: Path, patient: str, number: int) -> None:
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    folder.mkdir(parents=True)
    random = numpy_stream(0, patient, "import benchmark")
    pre = random.normal(400, 40, (SLICES, SIDE, SIDE))
    lesion = np.zeros_like(pre)
    lesion[15:25, 50:70, 50:70] = 400
    study, series, frame = (
        generate_uid(entropy_srcs=[patient, part]) for part in ("study", "series", "frame")
    )
    for phase in range(PHASES):
        volume = (pre + lesion * (phase > 0) * (1.2 - 0.2 * phase)).clip(0).astype(np.uint16)
        for place in range(SLICES):
            meta = FileMetaDataset()
            meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
            meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[patient, str(phase), str(place)])
            name = folder / f"1-{phase * SLICES + place + 1:03d}.dcm"
            dataset = FileDataset(str(name), {}, file_meta=meta, preamble=b"\0" * 128)
            dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = (
                study,
                series,
                frame,
            )
            dataset.PatientID, dataset.PatientName, dataset.StudyDate = patient, f"DOE^{number}", "20020404"
            dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = (
                "MR",
                5,
                phase * SLICES + place + 1,
            )
            dataset.StudyDescription, dataset.SeriesDescription = "ISPY2_MRI_T0", "ISPY2: Ax VIBRANT MPh +C"
            dataset.Manufacturer, dataset.ImageType = "GE MEDICAL SYSTEMS", ["ORIGINAL", "PRIMARY", "OTHER"]
            dataset.ContentTime = dataset.AcquisitionTime = f"10{3 * phase:02d}00.00"
            dataset.ImagePositionPatient, dataset.ImageOrientationPatient = (
                [0, 0, 2.0 * place],
                [1, 0, 0, 0, 1, 0],
            )
            dataset.PixelSpacing, dataset.SliceThickness = [1.25, 1.25], 2.0
            dataset.Rows = dataset.Columns = SIDE
            dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
            dataset.BitsAllocated = dataset.BitsStored = 16
            dataset.HighBit, dataset.PixelRepresentation = 15, 0
            dataset.PixelData = volume[place].tobytes()
            pydicom.dcmwrite(name, dataset, enforce_file_format=True)


def _import(folder: Path) -> Imported:
    import time

    from fedchemo.client.cache import ImageCache
    from fedchemo.client.cohort import read_site
    from fedchemo.client.importing.site import ImportRequest, import_site
    from fedchemo.shared.configuration import ImagingSettings

    request = ImportRequest(
        out=folder / "site",
        tables=(folder / "table.csv",),
        images=(folder / "images",),
        state=folder / "state",
        workers=os.cpu_count() or 1,
    )
    with _watched_memory() as peak:
        started = time.perf_counter()
        outcome = import_site(request)
        imported = time.perf_counter() - started
        images = {patient: visits["T0"] for patient, visits in read_site(outcome.out).images.items()}
        started = time.perf_counter()
        cache = ImageCache(folder / "cache", ImagingSettings())
        refused = cache.fill(images, workers=os.cpu_count() or 1)
        prepared = time.perf_counter() - started
    assert len(images) == outcome.patients, outcome.not_taken
    assert not refused, refused
    return Imported(imported, prepared, max(peak))


@contextlib.contextmanager
def _watched_memory() -> Iterator[list[float]]:
    """Yield a list that fills with the memory (MB) of this process and all below it, looked at time and again."""
    found: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            found.append(sum(_megabytes(pid) for pid in _tree(os.getpid())))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from _tree(int(child))


def _megabytes(pid: int) -> float:
    # Proportional: pages that forked processes share count once in all.
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    return 0.0


if __name__ == "__main__":
    found = _import(Path(sys.argv[1]))
    sys.stdout.write(
        json.dumps({"import_s": found.import_s, "prepare_s": found.prepare_s, "peak_mb": found.peak_mb})
    )
