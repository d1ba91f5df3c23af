"""Finds everything that is wrong or odd in a site folder, beyond what reading it must refuse.

`site.py` brings the checks together; `images.py` looks at every visit, `duplicates.py` at pairs of patients,
`plausibility.py` at values and columns against a trial's, `leakage.py` for columns that give the outcome away,
`fitness.py` at whether there is enough to train on, `headers.py` at columns that may identify; `report.py` is the
result.
"""

from fedchemo.client.validation.fitness import require_fit
from fedchemo.client.validation.report import SetAside, Validation
from fedchemo.client.validation.site import validate_site

__all__ = ["SetAside", "Validation", "require_fit", "validate_site"]
