"""From the DCE-MRI phases of a visit to one tensor a patient."""
