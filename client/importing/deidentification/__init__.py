"""What identifies a person is named, replaced or left behind.

- `basic_profile`, `profile`: which DICOM attributes identify a person, by PS3.15, and which of them a file holds
- `pseudonyms`, `crosswalk`: keyed pseudonyms, and on request the list of who is who
- `days`: dates as days since the patient's T0
- `volumes`: NIfTI files that hold voxels and geometry, and nothing else
"""
