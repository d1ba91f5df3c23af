"""How many steps a round has, and how far they go: known on both sides from settings and patients alone."""

from __future__ import annotations

from fedchemo.shared.configuration import TrainingSettings


def steps_an_epoch(examples: int, batch_size: int) -> int:
    """Return how many batches visit each patient once."""
    return -(-examples // batch_size)


def steps_a_round(training: TrainingSettings, examples: int) -> int:
    """Return how many steps a site with so many training patients takes in a round."""
    return training.local_steps or training.local_epochs * steps_an_epoch(examples, training.batch_size)


def path_length(training: TrainingSettings, steps: int) -> float:
    """Return by what FedNova divides an update of so many steps (Wang et al. 2020, arXiv 2007.07481, section 4).

    With plain SGD it is their number. With momentum rho the gradient of step k of K counts (1 - rho^(K-k+1)) /
    (1 - rho) times, and it is the sum of these. The paper leaves adaptive optimisers open: AdamW's steps are of about
    equal length, so their number it is.
    """
    rho = training.momentum if training.optimizer == "sgd" else 0.0
    if not rho:
        return float(steps)
    return (steps - rho * (1 - rho**steps) / (1 - rho)) / (1 - rho)
