"""A round of local training is a pure function, and does what its settings say."""

import gc
import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss

from fedchemo.client.training.loop import predict, train_round
from fedchemo.client.training.objective import objective
from fedchemo.shared.configuration import ImagingSettings, ModelSettings, TrainingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.packing import manifest, pack
from tests.client.training.made import CLINICAL, CPU, cohort, model
from tests.shared.model.made import untouched_generators

SGD = TrainingSettings(optimizer="sgd", learning_rate=0.05, batch_size=4, clip_norm=0)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def one_round(trained, data, settings=SGD, **options):
    given = {"augment": False, "seed": 0, "site": "A", "round_number": 1, "device": CPU, **options}
    return train_round(trained, data, settings, **given)


def fixed(*batches):
    """An order of batches that a test states."""
    return lambda *_args, **_options: iter(batches)


def update(data, settings=SGD, *, start=model, **options):
    """Train a fresh model and return its packed weights."""
    trained = start()
    one_round(trained, data, settings, **options)
    return pack(trained)


# A pure function


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_equal_arguments_give_equal_bits_and_move_no_global_generator(optimizer):
    settings = TrainingSettings(optimizer=optimizer, batch_size=4)
    data = cohort(13)
    with untouched_generators():
        first = update(data, settings, augment=True, proximal_mu=0.1)
    torch.randn(3)
    assert update(data, settings, augment=True, proximal_mu=0.1).tobytes() == first.tobytes()


@pytest.mark.parametrize("change", [{"seed": 1}, {"site": "B"}, {"round_number": 2}, {"augment": True}])
def test_seed_site_round_and_augmentation_change_the_update(change):
    data = cohort(13)
    assert update(data, **change).tobytes() != update(data).tobytes()


def test_two_sites_in_threads_equal_the_same_two_one_after_the_other():
    settings = TrainingSettings(batch_size=4)
    sites = {"A": cohort(12, seed=1), "B": cohort(15, seed=2)}

    def work(site):
        return update(sites[site], settings, site=site, augment=True, proximal_mu=0.01).tobytes()

    expected = [work(site) for site in sites]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            assert list(pool.map(work, sites)) == expected


def test_nothing_of_a_round_stays_behind():
    """No graph, optimiser state or batch outlives the round: a thousand rounds need no more memory than two."""
    data, trained = cohort(9), model()

    def tensors():
        gc.collect()
        return sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())

    one_round(trained, data, proximal_mu=0.1)
    before = tensors()
    for number in range(3):
        one_round(trained, data, round_number=number, proximal_mu=0.1)
    assert tensors() == before
    assert all(parameter.grad is None for parameter in trained.parameters())


# What the settings say


@pytest.mark.parametrize(
    ("settings", "steps", "examples"),
    [
        ({"batch_size": 4}, 4, 13),
        ({"batch_size": 4, "local_epochs": 3}, 12, 39),
        ({"batch_size": 50}, 1, 13),
        ({"batch_size": 4, "local_steps": 2}, 2, 7),
        ({"batch_size": 4, "local_steps": 6, "local_epochs": 9}, 6, 20),
    ],
)
def test_length_of_a_round(settings, steps, examples):
    seen = []
    result = one_round(
        model(imaging=CLINICAL),
        cohort(13),
        TrainingSettings(**settings),
        progress=lambda *step: seen.append(step),
    )
    assert (result.steps, result.examples) == (steps, examples)
    assert [(step, of) for step, of, _ in seen] == [(i + 1, steps) for i in range(steps)]
    assert all(np.isfinite(loss) for *_, loss in seen)


def test_the_loss_is_the_mean_over_examples():
    data = cohort(5)
    losses = []
    result = one_round(
        model(),
        data,
        SGD.model_copy(update={"learning_rate": 1e-9, "local_steps": 2}),
        batch_order=fixed([0, 1, 2, 3], [4]),
        progress=lambda _step, _steps, loss: losses.append(loss),
    )
    assert result.loss == pytest.approx((4 * losses[0] + losses[1]) / 5)
    logits = predict(model(), data, batch_size=5, device=CPU)
    expected = np.mean(np.log1p(np.exp(-np.where(data.labels == 1, logits, -logits))))
    assert result.loss == pytest.approx(expected, rel=1e-5)


def test_sgd_takes_the_step_computed_by_hand():
    data = cohort(6)
    start = model(imaging=CLINICAL)
    one_round(start, data, SGD, batch_order=fixed(range(6)))
    # At zero weights each probability is one half.
    error = 0.5 - data.labels
    np.testing.assert_allclose(
        start.clinical.weight.detach()[0], -0.05 * error @ data.clinical / 6, rtol=1e-5
    )
    np.testing.assert_allclose(start.clinical.bias.detach(), [-0.05 * error.mean()], rtol=1e-5)


@pytest.mark.parametrize("imaging", [CLINICAL, ImagingSettings(grid=16)])
def test_the_proximal_term_is_the_one_computed_by_hand(imaging):
    """Three steps on the same batch: w(t+1) = w(t) - lr (gradient(w(t)) + mu (w(t) - w(0)))."""
    data, mu, lr, rows = cohort(4), 2.0, 0.05, range(4)
    expected = model(imaging=imaging)
    origin = [parameter.detach().clone() for parameter in expected.parameters()]
    images = torch.zeros(4, 3, 16, 16, 16)
    has_image = torch.tensor([patient in data.images for patient in data.patients])
    images[has_image] = data.images.batch([patient for patient in data.patients if patient in data.images])
    for _ in range(3):
        loss, _ = objective(
            expected, images, has_image, torch.from_numpy(data.clinical), torch.from_numpy(data.labels)
        )
        distance = sum(((p - w) ** 2).sum() for p, w in zip(expected.parameters(), origin, strict=True))
        gradients = torch.autograd.grad(loss + mu / 2 * distance, list(expected.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(expected.parameters(), gradients, strict=True):
                parameter.sub_(lr * gradient)
    found = update(
        data,
        SGD.model_copy(update={"local_steps": 3}),
        start=lambda: model(imaging=imaging),
        batch_order=fixed(rows, rows, rows),
        proximal_mu=mu,
    )
    np.testing.assert_allclose(found, pack(expected), rtol=1e-4, atol=1e-7)
    without = update(
        data,
        SGD.model_copy(update={"local_steps": 3}),
        start=lambda: model(imaging=imaging),
        batch_order=fixed(rows, rows, rows),
    )
    assert np.abs(without - pack(expected)).max() > 1e-4


def test_the_proximal_term_pulls_parameters_that_a_batch_does_not_reach():
    data = cohort(2, imaged=1.0)
    del data.images.images["patient-001"]
    settings, mu = SGD.model_copy(update={"local_steps": 2}), 2.0
    once = update(data, settings.model_copy(update={"local_steps": 1}), batch_order=fixed([0], [1]))
    twice = update(data, settings, batch_order=fixed([0], [1]), proximal_mu=mu)
    names = [entry.name for entry in manifest(model()).entries for _ in range(entry.size)]
    image = np.array([name.startswith("image") for name in names])
    start = pack(model())
    np.testing.assert_allclose(twice[image], (once - 0.05 * mu * (once - start))[image], rtol=1e-5, atol=1e-7)


def test_clipping_shortens_a_step_and_keeps_its_direction():
    data = cohort(8)
    plain = SGD.model_copy(update={"learning_rate": 1.0, "local_steps": 1})
    start = pack(model()).astype(np.float64)
    free = update(data, plain) - start
    assert np.linalg.norm(free) > 0.2
    clipped = update(data, plain.model_copy(update={"clip_norm": 0.1})) - start
    assert np.linalg.norm(clipped) == pytest.approx(0.1, rel=1e-3)
    assert clipped @ free == pytest.approx(np.linalg.norm(clipped) * np.linalg.norm(free), rel=1e-3)
    untouched = update(data, plain.model_copy(update={"clip_norm": 1e3})) - start
    np.testing.assert_array_equal(untouched, free)


def test_weight_decay_spares_norms_biases_and_the_gate():
    data = cohort(6, imaged=0.0)
    decayed = update(data, SGD.model_copy(update={"weight_decay": 0.9}), proximal_mu=1e-30)
    start = model()
    for name, tensor in start.state_dict().items():
        if not name.startswith("clinical"):
            shrunk = tensor.norm() > 0 and tensor.ndim > 1
            part = _part(decayed, name)
            assert (np.linalg.norm(part) < tensor.norm().item() * 0.95) == bool(shrunk), name


def _part(vector, name):
    entries = manifest(model()).entries
    ends = dict(zip((e.name for e in entries), itertools.accumulate(e.size for e in entries), strict=True))
    size = {entry.name: entry.size for entry in entries}[name]
    return vector[ends[name] - size : ends[name]]


def test_a_study_may_bring_an_order_that_goes_on_from_round_to_round():
    data, seen = cohort(6), []

    def one_by_one():
        for row in itertools.cycle(range(6)):
            seen.append(row)
            yield [row]

    order = one_by_one()
    trained = model(imaging=CLINICAL)
    for number in (1, 2):
        one_round(
            trained,
            data,
            SGD.model_copy(update={"local_steps": 4}),
            round_number=number,
            batch_order=lambda *_args, **_options: order,
        )
    assert seen == [0, 1, 2, 3, 4, 5, 0, 1]


def test_only_patients_with_an_image_are_asked_for():
    data = cohort(12)
    one_round(model(), data)
    asked = list(itertools.chain(*data.images.asked))
    assert sorted(asked) == sorted(data.images.images)


def test_channels_decide_what_augmentation_may_change():
    """With phases alone, contrast stays: other channels, other update."""
    data = cohort(8)
    phases = replace(data, channels=("pre", "early", "late"))
    assert update(data, augment=True).tobytes() != update(phases, augment=True).tobytes()


def test_batch_norm_learns_its_running_statistics():
    settings = ModelSettings(widths=(4, 4, 4, 4), norm="batch", film_bottleneck=2)
    trained = model(imaging=ImagingSettings(grid=40), settings=settings)
    one_round(trained, cohort(4, grid=40), SGD)
    assert (trained.state_dict()["image.backbone.stem.1.running_var"] != 1).all()


# What goes wrong


@pytest.mark.parametrize("value", [np.float32(3e38), np.float32("nan")])
def test_a_loss_that_is_not_finite_is_an_error(value):
    data = cohort(8)
    data.clinical[5] = value
    with pytest.raises(FedchemoError, match=r"A, round 7, step \d of \d: loss") as caught:
        one_round(model(), data, SGD.model_copy(update={"local_epochs": 2}), round_number=7)
    assert caught.value.code == "FC320"


def test_no_patients_are_no_round():
    with pytest.raises(ValueError, match="A has no patients"):
        one_round(model(), cohort(0))


def test_lengths_that_differ_are_refused():
    data = cohort(3)
    with pytest.raises(ValueError, match="3 clinical vectors, 2 labels and 3 patients"):
        replace(data, labels=data.labels[:2])


# Learning and prediction


def test_it_learns_what_only_the_image_shows():
    """Clinical variables are noise, the gate starts closed; images shuffled between patients teach nothing."""
    settings = TrainingSettings(batch_size=6, local_epochs=3)
    losses = {}
    for shuffled in (False, True):
        data = cohort(36, imaged=1.0, signal=3.0)
        fresh = cohort(60, imaged=1.0, signal=3.0, seed=9)
        if shuffled:
            images = list(data.images.images.values())
            order = np.random.default_rng(0).permutation(len(images))
            data.images.images = {p: images[i] for p, i in zip(data.patients, order, strict=True)}
        trained = model(settings=ModelSettings(), gate=0.0)
        for number in range(1, 4):
            one_round(trained, data, settings, round_number=number)
        losses[shuffled] = log_loss(fresh.labels, expit(predict(trained, fresh, batch_size=30, device=CPU)))
    # A third have pCR: knowing no more than that costs 0.637.
    assert losses[False] < 0.2
    assert losses[True] > 0.55


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_prediction_does_not_depend_on_the_batch(batch_size):
    data, trained = cohort(7), model(gate=0.5)
    found = predict(trained, data, batch_size=batch_size, device=CPU)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, predict(trained, data, batch_size=7, device=CPU), rtol=1e-4, atol=1e-5)


def test_prediction_reads_no_labels_and_changes_nothing():
    data, trained = cohort(7), model(gate=0.5)
    before = pack(trained).tobytes()
    unlabelled = replace(data, labels=np.full(7, np.nan, dtype=np.float32))
    with untouched_generators():
        found = predict(trained, unlabelled, batch_size=4, device=CPU)
    np.testing.assert_array_equal(found, predict(trained, data, batch_size=4, device=CPU))
    assert pack(trained).tobytes() == before


def test_prediction_of_nobody():
    assert predict(model(), cohort(0), batch_size=4, device=CPU).shape == (0,)


def test_model_and_training_work_without_flower():
    """They must run alone on a GPU machine."""
    script = (
        "import sys; sys.modules['flwr'] = None\n"
        "import fedchemo.client.training.loop, fedchemo.client.training.placement\n"
        "import fedchemo.shared.model.fingerprint, fedchemo.shared.model.initialise\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


# In parts


@pytest.mark.parametrize("parts", [2, 3, 8, 100])
def test_a_batch_in_parts_gives_the_same_update_but_for_rounding(parts):
    """With plain SGD an update is the sum of the gradients; patients without images and clipping included."""
    settings = SGD.model_copy(update={"batch_size": 8, "clip_norm": 0.1})
    data, start = cohort(20, imaged=0.5), pack(model())
    whole = update(data, settings, augment=True, proximal_mu=0.1)
    cut = update(data, settings, augment=True, proximal_mu=0.1, parts=parts)
    assert np.abs(cut - whole).max() < 1e-4 * np.abs(whole - start).max()


def test_no_part_holds_more_patients_than_its_share(monkeypatch):
    from fedchemo.client.training import loop

    seen = []

    def noted(model, images, has_image, clinical, labels):
        seen.append(len(labels))
        return objective(model, images, has_image, clinical, labels)

    monkeypatch.setattr(loop, "objective", noted)
    update(cohort(16), SGD.model_copy(update={"batch_size": 16}), parts=4)
    assert seen == [4, 4, 4, 4]
    seen.clear()
    update(cohort(7), SGD.model_copy(update={"batch_size": 16}), parts=4)
    assert sorted(seen) == [1, 2, 2, 2]


def test_batches_are_not_cut_where_a_layer_looks_at_other_patients():
    settings = ModelSettings(widths=(4, 8, 8, 8), film_bottleneck=3, norm="batch")
    imaging = ImagingSettings(grid=40)
    with pytest.raises(FedchemoError, match=r"FC321.*batch norm"):
        update(cohort(8, grid=40), start=lambda: model(imaging=imaging, settings=settings), parts=2)
