"""Finds dynamic contrast-enhanced examinations in DICOM files of any arrangement, and reads them.

From file to examination, a step a module:

- `walk`: the files below folders; `parsing`, `elements`, `functional_groups`: a header, as far as it matters
  (`header`); `exposure`: what in it identifies a person; `sweep`: many of them, by several processes; `shelf`: kept
  on disk until their patient's turn comes, so that memory does not grow with the cohort
- `roles`: what a series shows, by its description and tags; `stacks`: its images that lie on one grid
- `phases`: a stack cut into phases; `clocks`: when each was taken; `sources`: which phases belong together;
  `choice`: which of them are pre, early and late
- `masks`: which segmentation belongs to them; `equipment`: the scanner, by known words only; `studies`: all of this
  for one study; `visits`: which visit a study is; `patients`: one patient's examinations; `find`: everybody's
- `geometry`: order of slices, gaps, the affine; `pixels`: voxels decoded and rescaled; `segmentation`: masks brought
  onto the grid; `bilateral`: one breast of two; `reading`: an examination's voxels
"""

from fedchemo.client.importing.dicom.find import find_dicom

__all__ = ["find_dicom"]
