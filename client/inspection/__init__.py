"""One self-contained HTML page on a site folder, for the hospital's own eyes.

`page.py` brings it together and fills ``page.html.j2``; `table_one.py` compares patients with and without pCR,
`charts.py` draws distributions against a trial's, `montage.py` the examinations, `scanners.py` counts the equipment.
"""

from fedchemo.client.inspection.page import inspect_site

__all__ = ["inspect_site"]
