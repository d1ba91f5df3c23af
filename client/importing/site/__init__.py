"""Tables and images become a site folder: joined, de-identified, written, and told about.

- `run`: `import_site`, from request to outcome; `request`: what is wanted, and where it goes
- `readers`: which readers of tables and images; `joining`: images and rows put together
- `refusals`: when nothing is written
- `writing`, `workers`, `examination`: examinations written side by side, each whole or not at all
- `manifest`: what was written before; `place`: the site folder on disk, and how it appears whole
- `frames`: ``clinical.csv`` and ``visits.csv``; `free_text`: cells that look as if they name a person
- `words`, `outcome`, `telling`: what may be shown; `summary` prints it; `story`: the hospital's own report
"""

from fedchemo.client.importing.site.outcome import Outcome
from fedchemo.client.importing.site.readers import Readers
from fedchemo.client.importing.site.request import ImportRequest
from fedchemo.client.importing.site.run import import_site

__all__ = ["ImportRequest", "Outcome", "Readers", "import_site"]
