"""Import a package without the optional ones that it takes in if they are there.

MONAI imports MLflow, jsonschema, matplotlib and more for parts of it that nothing here uses: where they are installed,
up to five seconds before each client, worker and virtual hospital's process can begin.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

FOR_MONAI = ("mlflow", "jsonschema", "matplotlib", "scipy.signal")
"""What MONAI's loggers, bundles, plots and ultrasound transforms need: who wants those in the same process as a model
imports MONAI first."""


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let imports of packages fail meanwhile, as if they were not installed; those that are loaded stay.

    Args:
        names: of packages, or of modules in them.
    """
    hidden = [name for name in names if name not in sys.modules]
    # Python's own sign for "cannot be imported".
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
