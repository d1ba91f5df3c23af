"""How a coordinator may ask a site to train: enough patients behind each update, and a batch that fits in memory.

What leaves is a sum over patients only if their steps count about alike. A coordinator who may choose the training
freely can leave one patient standing (arXiv 2003.14053): with a batch of one and a single step of plain SGD the update
*is* that patient's record; with a learning rate times a decay of 1 each step wipes out those before it; with gradients
shortened to far below AdamW's epsilon its step is a gradient again. Each has a bound here.
"""

from __future__ import annotations

from fedchemo.client.policy.settings import Policy
from fedchemo.shared.configuration import ImagingSettings, TrainingSettings
from fedchemo.shared.errors import FedchemoError

PREDICTION_BATCH = 32
"""Patients whom a model scores at a time."""
# AdamW divides by |gradient| + 1e-8. At 0.01 a million weights still have 1e-5 each, a thousand times epsilon.
SMALLEST_CLIP = 0.01
# A step then counts in the hundred steps after it; from 1 on it would count ever more than the others.
LARGEST_MOMENTUM = 0.99


def check_training(policy: Policy, training: TrainingSettings, *, proximal_mu: float = 0.0) -> None:
    """Refuse a training whose update could be that of few patients, as far as the settings say.

    Args:
        policy: says how many patients must stand behind an update.
        training: what is asked for.
        proximal_mu: FedProx's pull, which makes a site forget its earlier steps as a decay does.

    Raises:
        FedchemoError: FC913.
    """
    least = policy.training_patients
    if training.batch_size < policy.smallest_batch:
        raise FedchemoError(
            "FC913",
            f"batches of {training.batch_size}; the policy says smallest_batch = {policy.smallest_batch}",
        )
    if training.optimizer == "sgd" and training.batch_size < least:
        raise FedchemoError(
            "FC913",
            f"plain SGD with batches of {training.batch_size}; the policy says training_patients = {least}",
        )
    if training.local_steps and training.local_steps * training.batch_size < least:
        raise FedchemoError(
            "FC913",
            f"{training.local_steps} steps of {training.batch_size} patients; "
            f"the policy says training_patients = {least}",
        )
    forgotten = training.learning_rate * (training.weight_decay + proximal_mu)
    if forgotten > policy.forgetting:
        raise FedchemoError(
            "FC913",
            f"a step forgets {forgotten:.3g} of those before it (learning rate x (weight decay + proximal mu)); "
            f"the policy says largest_forgetting = {policy.largest_forgetting}",
        )
    if least == 1:  # then a single patient may stand behind it, however it comes about
        return
    if training.momentum > LARGEST_MOMENTUM:
        raise FedchemoError("FC913", f"momentum {training.momentum}; at most {LARGEST_MOMENTUM}")
    if 0 < training.clip_norm < SMALLEST_CLIP:
        raise FedchemoError(
            "FC913", f"gradients shortened to {training.clip_norm:.3g}; at least {SMALLEST_CLIP}"
        )


def check_patients_seen(policy: Policy, training: TrainingSettings, patients: int) -> None:
    """Refuse a training that ends before enough different patients were seen.

    Args:
        policy: says how many there must be.
        training: what is asked for.
        patients: training patients of this site.

    Raises:
        FedchemoError: FC913.
    """
    seen = patients_seen(training, patients)
    if seen < policy.training_patients:
        raise FedchemoError(
            "FC913",
            f"{training.local_steps} steps see {seen} patients; "
            f"the policy says training_patients = {policy.training_patients}",
        )


def patients_seen(training: TrainingSettings, patients: int) -> int:
    """Return how many different patients a round sees at least, its batches being about even."""
    batches = -(-patients // training.batch_size)
    if not training.local_steps or training.local_steps >= batches:
        return patients
    return training.local_steps * (patients // batches)


def check_batch_memory(policy: Policy, imaging: ImagingSettings, batch_size: int) -> None:
    """Refuse batches of images that would take more memory than the policy allows.

    Raises:
        FedchemoError: FC916.
    """
    if not imaging.enabled:
        return
    patients = max(batch_size, PREDICTION_BATCH)
    size = 4e-9 * patients * len(imaging.channels) * imaging.grid**3
    if size > policy.batch_memory:
        raise FedchemoError(
            "FC916",
            f"images of {patients} patients at a time take {size:.3g} GB; "
            f"the policy says largest_batch_gb = {policy.largest_batch_gb}",
        )
