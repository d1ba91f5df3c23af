"""A hospital's tables: read, put into our words and units by a stated mapping, joined, held against each other.

| file | what it is for |
|---|---|
| `contract.py` | what comes out, and the rule by which identifiers are joined |
| `grids.py`, `delimited.py`, `workbooks.py` | a file of any kind as sheets of text |
| `header.py` | where the header stands and which column is which |
| `mapping.py`, `mappings/`, `shipped.py` | ``columns.toml``; those of published tables, recognised by their header |
| `cells.py`, `units.py`, `plausible.py` | what a cell says; units; columns that cannot be in the unit stated |
| `values.py` | the value of a variable from its cells |
| `extract.py` | a table by its mapping: what it says about each patient, and where |
| `combine.py` | several tables together; contradictions |
| `read.py` | all of it: `read_tables` |
| `guess.py`, `proposal.py`, `guess_view.py`, `spellings.py` | proposes a mapping for a table that nobody has seen |
"""

from __future__ import annotations

from fedchemo.client.importing.tables.contract import ImportedTables, Joining

__all__ = ["ImportedTables", "Joining"]
