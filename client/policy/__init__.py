"""What this hospital allows: the settings, their file, and whether they allow a request.

| file | what it is for |
|---|---|
| `settings.py` | the typed settings, ranges, defaults |
| `keys.py` | each key in words |
| `file.py` | `policy.toml`: made, read, every problem at once |
| `hours.py` | when requests are answered |
| `limits.py` | how a run may train: enough patients behind an update, batches that fit in memory |
| `sums.py` | whether the clinical model's sums are those of enough patients |
| `memory.py` | what a run asked before: its statistics may not change, its steps are counted |
| `permission.py` | whether a request is allowed, and what of the cohort may be used |
"""

from fedchemo.client.policy.settings import Metric, Policy

__all__ = ["Metric", "Policy"]
