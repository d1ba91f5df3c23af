"""The published Fed-Heart-Disease table, reproduced through the product's own client, gate, exchanges and sums.

FLamby (du Terrail et al. 2022, arXiv 2210.04620) publishes test accuracies of a linear model that four hospitals
train together. Here each of them is an ordinary participant behind the ordinary ClientApp; only what is learnt
differs: another table and another model. `make paper` writes ``simulations/results/fed_heart_disease.csv`` and
prints it beside what was published.

| file | what it is for |
|---|---|
| `cohorts.py` | the four hospitals' files as cohorts, and all of them as one |
| `linear.py` | the linear model, its first weights and its fingerprint |
| `hospital.py` | the participant: the product's, with this table and this model |
| `batches.py` | the order of batches, drawn from one generator for all hospitals |
| `methods.py` | each method of the table and its settings |
| `federation.py` | one run: exchanges, updates, strategy |
| `table.py` | every accuracy, its file, and the published ones |
| `side_by_side.py` | runs in several processes |
| `comparison.py` | ours beside the published, and whether they are met |
| `reference.py` | where the third-party files lie |
| `__main__.py` | `python -m fedchemo.simulations.paper` |

What is switched off, since the published runs had none of it: clipping of gradients and of updates, weight decay,
and the policies' minimum numbers of patients (Switzerland tests on 16).
"""
