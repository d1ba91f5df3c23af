"""Voxels come out as they went in, however they are stored, compressed and scaled."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from fedchemo.client.importing.dicom import find_dicom
from fedchemo.shared.errors import FedchemoError
from tests.client.importing.dicom.made import phases, write_enhanced, write_series

TIMES = (0, 150, 450)


def _scan(folder):
    return find_dicom([folder]).examinations[0].read()


def _by_pydicom(syntax):
    def save(made, path):
        made.compress(syntax, generate_instance_uid=False)
        made.save_as(path)

    return save


def _by_gdcm(gdcm_syntax):
    def save(made, path):
        import gdcm

        made.save_as(path)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm_syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()

    return save


def _savers():
    import gdcm

    kinds = gdcm.TransferSyntax
    return {
        (RLELossless, "pydicom"): _by_pydicom(RLELossless),
        (RLELossless, "gdcm"): _by_gdcm(kinds.RLELossless),
        (JPEGLosslessSV1, "gdcm"): _by_gdcm(kinds.JPEGLosslessProcess14_1),
        (JPEGLSLossless, "gdcm"): _by_gdcm(kinds.JPEGLSLossless),
        (JPEGLSLossless, "pydicom"): _by_pydicom(JPEGLSLossless),
        (JPEG2000Lossless, "gdcm"): _by_gdcm(kinds.JPEG2000Lossless),
    }


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize(
    ("syntax", "saver"), list(_savers()), ids=lambda value: getattr(value, "name", value)
)
def test_compressed(study, syntax, saver, dtype):
    volumes = [
        (volume.astype(int) - (100 if dtype == np.int16 else 0)).astype(dtype)
        for volume in phases(shape=(16, 16, 3))
    ]
    files = write_series(study, volumes, times=TIMES, save=_savers()[syntax, saver])
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID == syntax
    scan = _scan(study.folder)
    for found, expected in zip((scan.pre, scan.early, scan.late), volumes, strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == dtype


def test_big_endian(study):
    def save(made, path):
        made.PixelData = np.frombuffer(made.PixelData, "<u2").astype(">u2").tobytes()
        made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        pydicom.dcmwrite(path, made, implicit_vr=False, little_endian=False)

    volumes = phases()
    write_series(study, volumes, times=TIMES, save=save)
    np.testing.assert_array_equal(_scan(study.folder).early, volumes[1])


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [
        (None, None, np.uint16),
        (1, 0, np.uint16),
        (2, 5, np.uint16),
        (1, -1000, np.int16),
        (0.001, 0, np.float32),
        (1, 0.5, np.float32),
        (3000, 0, np.int32),
    ],
)
def test_rescale_keeps_integers_where_they_are(study, slope, intercept, dtype):
    def change(made, order, index):
        if slope is not None:
            made.RescaleSlope, made.RescaleIntercept = slope, intercept

    volumes = phases()
    write_series(study, volumes, times=TIMES, change=change)
    scan = _scan(study.folder)
    expected = volumes[2] * float(slope or 1) + float(intercept or 0)
    assert scan.late.dtype == dtype
    np.testing.assert_allclose(scan.late, expected, rtol=1e-6)


def test_slopes_that_differ_from_slice_to_slice(study):
    def change(made, order, index):
        made.RescaleSlope, made.RescaleIntercept = 1 + index, index

    volumes = phases()
    write_series(study, volumes, times=TIMES, change=change)
    factors = np.arange(6)
    np.testing.assert_array_equal(_scan(study.folder).early, volumes[1] * (1 + factors) + factors)


def test_frames_of_an_enhanced_image_have_slopes_of_their_own(study):
    volumes = phases(4)
    write_enhanced(study, volumes, study.folder / "E", times=(0, 150, 300, 450), slopes=(1, 2, 3, 4))
    (examination,) = find_dicom([study.folder]).examinations
    scan = examination.read()
    assert examination.times_s == (150, 450)
    np.testing.assert_array_equal(scan.pre, volumes[0])
    np.testing.assert_array_equal(scan.early, volumes[1] * 2)
    np.testing.assert_array_equal(scan.late, volumes[3] * 4)


def test_pixels_that_cannot_be_decoded_are_an_error_without_names(study):
    def save(made, path):
        made.compress(RLELossless)
        made.PixelData = made.PixelData[:40] + b"\x55" * (len(made.PixelData) - 60) + made.PixelData[-20:]
        made.save_as(path)

    write_series(study, phases(), times=TIMES, save=save)
    (examination,) = find_dicom([study.folder]).examinations
    with pytest.raises(FedchemoError, match="FC127") as wrong:
        examination.read()
    assert "slice 1 of the pre phase" in wrong.value.what
    assert str(study.folder) not in wrong.value.what
    assert "HOSP" not in wrong.value.what


def test_a_file_that_vanished_meanwhile(study):
    files = write_series(study, phases(), times=TIMES)
    (examination,) = find_dicom([study.folder]).examinations
    files[8].unlink()
    with pytest.raises(FedchemoError, match="FC127") as wrong:
        examination.read()
    assert "slice 3 of the early phase" in wrong.value.what
    assert str(study.folder) not in str(wrong.value)


def test_signed_values_of_twelve_bits(study):
    """The four bits above them mean nothing, and may hold anything."""

    def change(made, order, index):
        stored = np.frombuffer(made.PixelData, np.int16).astype(int) - 100
        made.BitsStored, made.HighBit, made.PixelRepresentation = 12, 11, 1
        made.PixelData = ((stored & 0x0FFF) | 0x5000).astype(np.uint16).tobytes()

    volumes = phases()
    write_series(study, volumes, change=change)
    np.testing.assert_array_equal(_scan(study.folder).early, volumes[1].astype(int) - 100)
