"""Errors FC2xx: images."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC201": Entry(
        "Phase missing",
        "The visit's folder lacks one of pre.nii.gz, early.nii.gz and late.nii.gz.",
        "Add the file named in the message; the patient takes part without an image until then.",
    ),
    "FC202": Entry(
        "Image file damaged",
        "The file is truncated, fails its checksum, changed while it was read, or is no gzipped NIfTI-1 or -2.",
        "Export or copy the file anew; `gzip -t FILE` tells whether it is whole.",
    ),
    "FC203": Entry(
        "Image is not a volume",
        "The file has not three axes of at least two voxels, is far too large, or holds no plain numbers.",
        "Export one volume a phase, with integers or real numbers as voxels.",
    ),
    "FC204": Entry(
        "Image geometry makes no sense",
        "The spacing is outside 0.05 to 30 mm, or the axes are sheared; often a header in metres or micrometres.",
        "Correct the NIfTI header (sform, qform, pixdim) so that it is in millimetres, or convert from DICOM anew.",
    ),
    "FC205": Entry(
        "Phases do not lie on one grid",
        "Two files of a visit differ in shape or in their place in space.",
        "Take all phases from one series, or resample them onto the pre-contrast volume first.",
    ),
    "FC206": Entry(
        "Image value not finite",
        "A voxel is NaN or infinite, as some registration tools write outside their field of view.",
        "Replace such voxels by 0, or export the volume anew.",
    ),
    "FC207": Entry(
        "Image is constant",
        "Every voxel of a phase has the same value: an empty export.",
        "Export the phase named in the message anew.",
    ),
    "FC208": Entry(
        "No enhancement found",
        "Without a lesion mask the crop is centred on enhancement, and the early phase is nowhere brighter than pre.",
        "Check that the phases are not swapped or copies of one another, or add lesion.nii.gz.",
    ),
    "FC209": Entry(
        "Lesion mask empty",
        "No voxel of lesion.nii.gz is above zero.",
        "Correct the mask, or remove it: the crop is then centred on enhancement.",
    ),
    "FC210": Entry(
        "Prepared image not usable",
        "A file of the image cache was removed or damaged after it was prepared.",
        "Start again: images that are missing or damaged are prepared anew.",
    ),
}
