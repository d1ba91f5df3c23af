"""Tracking: the numbers in a run's events, also in MLflow or TensorBoard, for those who compare runs there.

| file | what it is for |
|---|---|
| `measures.py` | from an event to named numbers: nothing else is ever logged |
| `feed.py` | a listener that hands events on in a thread of its own, so that a slow server costs the run nothing |
| `mlflow_runs.py` | a run in MLflow |
| `tensorboard_files.py` | a run for TensorBoard |
| `tracked.py` | what ``--mlflow`` and ``--tensorboard`` ask for |

Both packages come with ``pip install fedchemo[tracking]`` and are imported when they are asked for. Nothing of a
patient is logged: the events of virtual hospitals that name one are not on the list.
"""
