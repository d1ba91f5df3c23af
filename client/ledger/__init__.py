"""The ledger: what left this hospital, when and for which run, in a file that shows every later change.

| file | what it is for |
|---|---|
| `line.py` | one line, and how it holds on to the line before |
| `head.py` | the head record, kept beside the ledger: how long it is and how it ends |
| `writer.py` | appends lines, on disk before anything leaves |
| `verify.py` | finds lines that were changed, removed, added or moved |
| `table.py` | the ledger for people: on the terminal, as CSV and as text |
"""

from fedchemo.client.ledger.line import Line
from fedchemo.client.ledger.writer import Ledger

__all__ = ["Ledger", "Line"]
