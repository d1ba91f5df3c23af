"""NIfTI images, found by how they are named and laid out, and read one examination at a time.

- `find`: the examinations under the folders given
- `layouts`: which files belong together, by the layouts of MAMA-MIA and BreastDCEDL and the plain one
- `phases`: which of an examination's phases are pre, early and late
- `companions`: what lies beside the images and tells times and phases
- `headers`: what a file's header says, and whether it can be a volume
- `reading`: the voxels
"""

from fedchemo.client.importing.nifti.find import find_nifti

__all__ = ["find_nifti"]
