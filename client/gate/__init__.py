"""The outbound gate: what may leave the hospital, and the record of it.

| file | what it is for |
|---|---|
| `replies.py` | the one place where an answer becomes the content of a message: the allow-list, by type and by policy |
| `update.py` | an update: finite, of the right length, no longer than the policy's norm |
| `passage.py` | each object that leaves, written to the ledger before it does |

The bytes themselves are made in `fedchemo.client.fleet.outgoing`, which takes nothing that did not come through
here.
"""

from fedchemo.client.gate.passage import Account, Gate, Part, run_of
from fedchemo.client.gate.replies import Note, release

__all__ = ["Account", "Gate", "Note", "Part", "release", "run_of"]
