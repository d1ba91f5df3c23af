"""Studies: a grid of simulations with its references, resumed where it stopped, and what it says.

| file | what it is for |
|---|---|
| `settings.py` | ``study.toml``, typed |
| `folds.py` | who is a test patient |
| `harm.py` | missing images and wrong outcomes at some hospitals |
| `plan.py` | the runs, and the site folders they share |
| `job.py` | one run in a process of its own |
| `run.py` | all of them side by side |
| `analysis.py` | from predictions to estimates, comparisons, subgroups |
| `probes.py` | what image embeddings give away, in words |
| `tables.py` | the same as files |
| `command.py` | ``fedchemo study run``, ``fedchemo study ready`` |
| `ready/` | studies that come with fedchemo |

``pooled`` trains one model on all patients in one place, with as many passes over them as the federation makes rounds;
``local`` trains a model in each hospital and judges it there. Both start, as every run does, from the logistic
model on clinical variables, which is reported as ``clinical``.
"""
