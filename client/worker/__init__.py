"""Work on patients in a process of its own, so that no request, however bad, ends the client.

The client's process has the network, the keys, the ledger, the gate and the approvals. The worker process has the
cohort, the images and the model; it has neither a connection nor a key, and what it says is read as typed text.

| file | what it is for |
|---|---|
| `site.py` | the site as the app asks it: each question goes to the worker process |
| `process.py` | the worker process, as its owner sees it: started, asked, watched, ended, replaced |
| `watch.py` | when silence is a hang: time without progress, by what steps took before |
| `deaths.py` | why a worker process ended, and how long to wait before the next one |
| `frames.py` | what the two say to each other |
| `vectors.py` | weights in memory that both see |
| `serving.py` | what runs in the worker process |
"""
