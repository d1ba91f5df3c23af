"""Studies: a grid of simulations with its references, resumed where it stopped, and what it says.

| file | what it is for |
|---|---|
| `settings.py` | ``study.toml``, typed |
| `folds.py` | who is a test patient |
| `harm.py` | missing images and wrong outcomes at some hospitals; images of other patients |
| `plan.py` | the runs, and the site folders they share |
| `job.py` | one run in a process of its own |
| `run.py` | all of them side by side |
| `analysis.py` | from predictions to all tables: read this first |
| `cells.py` | the predictions of each method under each condition |
| `figures.py` | how good one method is |
| `comparing.py` | which methods differ, and what these patients could have shown |
| `groups.py` | subgroups and fairness gaps |
| `by_histogram.py` | what a network would tell, beside it |
| `curves.py` | ROC, precision and recall, calibration, decision curve |
| `course.py` | how runs went: convergence, what left each hospital, computing time |
| `probes.py` | what image embeddings give away, in words |
| `tables.py` | the same as files, and what each file holds |
| `show.py` | the same on a terminal |
| `command.py` | ``fedchemo study run``, ``fedchemo study ready`` |
| `evidence.py` | `make evidence`: the studies that claims rest on, and their figures |
| `ready/` | studies that come with fedchemo |

``pooled`` trains one model on all patients in one place, with as many passes over them as the federation makes rounds;
``local`` trains a model in each hospital and judges it there. Where a hospital is left out, it has no model: ``local``
judges it by the own model of each other one. Both start, as every run does, from the logistic model on clinical
variables, which is reported as ``clinical``.
"""
