"""A probe finds what was planted, finds nothing where there is nothing, and agrees with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.probes import probe as module
from fedchemo.simulations.probes.probe import SMALLEST, probe

PATIENTS, WIDTH = 150, 32


def made(planted: float, *, seed: int = 0, groups: int = 3, width: int = WIDTH):
    """Vectors in which each group has a signature of its own, and the groups."""
    stream = numpy_stream(seed, "probe test")
    labels = np.array([f"site{number % groups}" for number in range(PATIENTS)], dtype=object)
    signature = stream.standard_normal((groups, width))
    codes = np.array([int(name[-1]) for name in labels])
    return stream.standard_normal((PATIENTS, width)) + planted * signature[codes], labels


def asked(vectors, labels, **options):
    return probe(vectors, labels, **{"target": "site", "source": "the embedding", "seed": 0, **options})


def test_a_planted_signature_is_found():
    found = asked(*made(0.4))
    assert found.found
    assert found.balanced_accuracy.low > 0.5 > found.chance
    assert found.auc.low > 0.7
    assert found.p == 1 / 40
    assert "tells 3 sites apart" in found.sentence()


def test_vectors_without_a_signature_give_chance():
    """Five cohorts in which there is nothing: the mean is chance, and hardly any is called found."""
    found = [asked(*made(0.0, seed=seed, width=8), shuffles=20) for seed in range(5)]
    assert np.mean([each.balanced_accuracy.value for each in found]) == pytest.approx(1 / 3, abs=0.06)
    assert np.mean([each.auc.value for each in found]) == pytest.approx(0.5, abs=0.06)
    assert np.mean([each.shuffled for each in found]) == pytest.approx(1 / 3, abs=0.02)
    assert sum(each.found for each in found) <= 2
    assert "does not tell" in next(each for each in found if not each.found).sentence()


def test_a_large_group_alone_is_no_signature():
    """Nine in ten patients of one group: naming it always is right nine times in ten, and chance all the same."""
    vectors, _ = made(0.0)
    labels = np.array(["large"] * 135 + ["small"] * 15, dtype=object)
    found = asked(vectors, labels)
    assert found.chance == 0.5
    assert not found.found


def test_figures_are_those_of_scikit_learn():
    vectors, labels = made(0.2)
    found = asked(vectors, labels, shuffles=1)
    seed = module.derive(0, "probe", "site", "folds") % 2**32
    probabilities = module._predicted(module._standardised(vectors), labels, seed)
    names = np.unique(labels.astype(str))
    assert found.balanced_accuracy.value == pytest.approx(
        balanced_accuracy_score(labels.astype(str), names[probabilities.argmax(axis=1)])
    )
    assert found.auc.value == pytest.approx(
        roc_auc_score(labels.astype(str), probabilities, multi_class="ovr", average="macro")
    )


def test_the_same_patients_give_the_same_figures():
    assert asked(*made(0.3), shuffles=3) == asked(*made(0.3), shuffles=3)


def test_small_and_unknown_groups_are_left_out_and_counted():
    vectors, labels = made(0.4)
    labels[: SMALLEST - 1] = "tiny"
    labels[20:25] = ""
    found = asked(vectors, labels, shuffles=1)
    assert set(found.groups) == {"site0", "site1", "site2"}
    assert found.left_out == SMALLEST - 1 + 5
    assert sum(found.groups.values()) == PATIENTS - found.left_out


def test_one_group_cannot_be_told_apart():
    vectors, labels = made(0.4)
    assert asked(vectors, np.full(len(labels), "only", dtype=object)) is None


def test_a_feature_that_never_changes_is_borne():
    vectors, labels = made(0.4)
    vectors[:, 0] = 7.0
    assert asked(vectors, labels, shuffles=1).found is not None
