"""Whether a person at the hospital has agreed to a run.

| file | what it is for |
|---|---|
| `proposal.py` | a run as it asks to be approved |
| `record.py` | `approvals.json`: what was asked, and what a person said |
| `asking.py` | waits for a yes: from the terminal, or from `fedchemo client approve` |
| `terminal.py` | reads a person's answer without keeping the client from stopping |
"""

from fedchemo.client.approvals.asking import Approver
from fedchemo.client.approvals.proposal import Proposal
from fedchemo.client.approvals.record import Asked, Record

__all__ = ["Approver", "Asked", "Proposal", "Record"]
