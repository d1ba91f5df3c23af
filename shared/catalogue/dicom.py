"""Errors FC120-129: reading DICOM."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {
    "FC120": Entry(
        "No dynamic series",
        "The study has no contrast-enhanced series of breast MRI, or the volume before contrast was not exported.",
        "Export the dynamic series with the phase before contrast; the message says what was found instead.",
    ),
    "FC121": Entry(
        "DICOM file not usable",
        "The file is empty, cut off, damaged, or no DICOM file in spite of its name.",
        "Export or copy the file anew; what is whole is used without it.",
    ),
    "FC122": Entry(
        "Phases cannot be told",
        "There are fewer than three phases, or nothing in the headers says when they were taken.",
        "Export all phases, with ContentTime, AcquisitionTime and TriggerTime left in the headers.",
    ),
    "FC123": Entry(
        "Slices missing, doubled or out of place",
        "Files were lost on the way, or two exports were mixed.",
        "Export the series anew and compare the number of files; the message names the slices.",
    ),
    "FC124": Entry(
        "Image geometry not usable",
        "ImagePositionPatient, ImageOrientationPatient or PixelSpacing is absent or makes no sense, or the slices of a "
        "volume lie beside one another.",
        "Export the original images rather than screenshots, projections or copies without geometry.",
    ),
    "FC125": Entry(
        "Visit of a study cannot be told",
        "The study's description names no visit and dates settle no order, or two studies claim one visit.",
        "Write T0 to T3 into the study description, or import the folder of each visit by itself.",
    ),
    "FC126": Entry(
        "Patient of an image contradictory",
        "The identifier is empty, or one study, series or image stands under two patients: headers were edited.",
        "Ask who exported the images, and export them anew; nobody but the hospital can tell whose they are.",
    ),
    "FC127": Entry(
        "Pixels cannot be decoded",
        "The compressed pixels are damaged, in a form that this release does not read, or the file changed meanwhile.",
        "Export the images uncompressed (Explicit VR Little Endian), then import again.",
    ),
    "FC128": Entry(
        "Mask not usable",
        "The segmentation does not lie on the images, marks nothing, or belongs to another series.",
        "Export the segmentation drawn on the dynamic series, or leave it out: enhancement then centres the crop.",
    ),
    "FC129": Entry(
        "Phases far from the times wanted",
        "The protocol is shorter, longer or coarser than the one that the model was made for.",
        "Nothing, if the times are right; else ask for other times with the settings of the import.",
    ),
}
"""Code -> what it means."""
