"""`fedchemo client check`: can this hospital take part, from the network to the graphics card?

`run.py` runs the parts, a file each: `network.py` with `connection.py` and `certificate.py` (what lies between here
and the coordinator), `coordinator.py` (roster and versions, asked of the coordinator), `kit.py`, `computing.py` with
`step.py` (a training step in a process of its own), `disk.py`, `data.py`, `policy.py` and `state.py`. Nothing is
changed, nobody joins, and nothing is sent but a look at ``/health`` and one signed question of the Fleet API.
"""
