"""A hospital's own data becomes a site folder: DICOM, NIfTI and tables, checked and de-identified."""
