"""The keys of ``policy.toml`` in words: what each says, what it may be, and where it stands in the file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One key: what it may be, and what it means."""

    name: str
    allowed: str
    meaning: str


SECTIONS: dict[str, tuple[Key, ...]] = {
    "Which runs": (
        Key(
            "approvals",
            '"never", "ask", "once" or "always"',
            "Who decides whether this hospital takes part in a run. A run is known by its name, its stated purpose, "
            "the fingerprint of its model and its settings; a change of any of them is another run. "
            "never: in none. ask: a person says yes to each run (at the terminal, or with `fedchemo client approve`). "
            "once: one yes holds for every run with the same purpose and fingerprint. always: in every run that this "
            "policy allows, without asking.",
        ),
        Key(
            "approval_wait_minutes",
            "a number of minutes from 0 to 10080",
            "How long a run waits for that yes before it is refused. Coordinators wait an hour by default.",
        ),
        Key(
            "hours",
            '"always" or a list such as ["Mon-Fri 19:00-07:00", "Sat-Sun 00:00-24:00"]',
            "When requests are answered, in this machine's time; at other hours they are refused.",
        ),
    ),
    "How many patients must stand behind what leaves": (
        Key(
            "training_patients",
            "a whole number from 1 to 100000",
            "Training patients below which no update and no sum for the clinical model leaves; the site then only "
            "evaluates.",
        ),
        Key(
            "patients", "a whole number from 1 to 100000", "The same for all patients whose outcome is known."
        ),
        Key(
            "patients_behind_a_statistic",
            "a whole number from 1 to 100000",
            'Patients behind any count, and behind the sums of any clinical variable; below it only "too few" leaves.',
        ),
        Key(
            "patients_of_each_class_behind_a_metric",
            "a whole number from 1 to 100000",
            "Patients with pCR, and patients without, behind a score or histogram.",
        ),
    ),
    "What may leave": (
        Key(
            "metrics",
            '"all", "none" or a list of "training_loss", "validation", "test"',
            "Which scores of a model may leave. With none, updates and their counts leave and the run still finishes.",
        ),
        Key(
            "largest_update_norm",
            'a number above 0, or "none"',
            "L2 norm of an update (weights sent back minus weights received). A longer one is cut to it, and the "
            "ledger says so.",
        ),
        Key(
            "largest_model_parameters",
            "a whole number from 1 to 10000000000",
            "A run with a larger model is refused before the model is made.",
        ),
    ),
    "How a run may train": (
        Key(
            "smallest_batch",
            "a whole number from 1 to 1024",
            "Patients a batch below which a run is refused. With plain SGD a batch must have training_patients: there "
            "a step is a gradient, and records can be read off a gradient of few. A run of fewer steps than it takes "
            "to see training_patients different patients is refused as well.",
        ),
        Key(
            "largest_forgetting",
            'a number above 0 and up to 1, or "none"',
            "By how much a step may take back the steps before it: learning rate x (weight decay + proximal mu). At 1 "
            "the update would be that of the last batch alone.",
        ),
        Key(
            "largest_batch_gb",
            'a number above 0, or "none"',
            "Memory for the images of one batch, in GB. A run that needs more is refused.",
        ),
        Key(
            "image_settings",
            "a whole number from 1 to 1000",
            "Preparations of the images (grid, voxels, channels, visit) that are kept on the disk. One more takes the "
            "place of the one that was not used for longest.",
        ),
    ),
    "What may be used": (
        Key("images", "true or false", "Images. With false, a run that looks at images is refused."),
        Key("arm", "true or false", "The treatment arm. With false, a run that asks for it is refused."),
        Key(
            "race",
            "true or false",
            "Race. It is never sent and no run of this release uses it; with false it is not even kept in memory.",
        ),
    ),
    "What a run must have": (
        Key(
            "secure_aggregation_required",
            "true or false",
            "Only take part if the coordinator sees the sum of the sites' updates and none alone. This release cannot "
            "do it, so with true every run is refused.",
        ),
        Key(
            "noise_required",
            "true or false",
            "Only take part with differential privacy. This release cannot do it, so with true every run is refused.",
        ),
    ),
}
KEYS = {key.name: key for keys in SECTIONS.values() for key in keys}
