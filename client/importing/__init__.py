"""A hospital's own data becomes a site folder: DICOM, NIfTI and tables, checked and de-identified.

`contract` is what the parts agree on. Tables say who the patients are and by which rule identifiers are joined;
readers of images look at headers only and say how to read an examination; then one process an examination reads,
checks and writes it. What an import decides is told with pseudonyms; the hospital's own identifiers and files stand in
its report alone.

| folder | what it is for |
|---|---|
| `tables/` | tables of any kind by ``columns.toml``, joined; contradictions; `guess` |
| `dicom/` | DICOM in any nesting: series, phases, geometry, pixels, segmentations |
| `nifti/` | NIfTI as MAMA-MIA, BreastDCEDL and ``patient/visit/phase`` lay it out |
| `lesion/` | tumour volume of a mask; functional tumour volume by the published rule |
| `deidentification/` | keyed pseudonyms, days since T0, clean NIfTI files, the basic profile of DICOM PS3.15 |
| `site/` | all of it put together: `fedchemo.client.importing.site.import_site`, behind ``fedchemo data import`` |

A site folder holds no identifier, no date, and nothing of a header but geometry. The hospital's state folder holds
``pseudonym.key`` (without it no later import gives the same pseudonyms), ``import/report.json`` (who was set aside, and
from which files; mode 0600) and ``import/manifest.jsonl`` (what is written already, so that an import goes on where it
was).
"""
