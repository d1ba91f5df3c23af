"""Whole simulated federations: the same bits again, golden numbers, every strategy, and their refusals."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import safetensors.numpy
from sklearn.linear_model import LogisticRegression

from fedchemo.client.cohort import SiteProblems, read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.client.policy.sums import without_rare_indicators
from fedchemo.server.rounds.terms import Terms
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.clinical.encoding import encode, names
from fedchemo.shared.configuration import RunConfiguration, SiteMethod, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.wire.messages import TrainRequest
from fedchemo.simulations.simulate import local_engine, simulate
from tests.sites import SMALL, write_site


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = tmp_path_factory.mktemp("sites")
    return [
        write_site(made, "a", patients=60, images=30),
        write_site(made, "b", patients=48, images=0),
        write_site(made, "c", patients=54, images=54),
        write_site(made, "small", patients=12, images=12),
    ]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def configured(strategy=None, site=None, **settings):
    content = {"rounds": 2, "site": {**SMALL, **(site or {})}, "strategy": strategy or {}, **settings}
    return parse(RunConfiguration, content, source="test")


@pytest.fixture
def run(folders, cache, tmp_path):
    def simulated(name="run", configuration=None, *, sites=None, workers=None, **options):
        return simulate(
            sites or folders,
            configuration or configured(),
            RunFolder(tmp_path / name),
            cache=cache,
            device="cpu",
            engine=partial(local_engine, workers=workers),
            **options,
        )

    return simulated


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_the_same_run_gives_the_same_bits_in_threads_or_one_by_one(run, folders, tmp_path):
    """Two sites side by side, twenty times, equal the same two one after the other."""
    once = configured(rounds=1)
    run("alone", once, sites=[folders[0], folders[2]], workers=1)
    for index in range(20):
        run(f"side{index}", once, sites=[folders[0], folders[2]], workers=2)
        assert weights(tmp_path / f"side{index}") == weights(tmp_path / "alone")


def test_another_seed_gives_another_model(run, tmp_path):
    run("zero")
    run("one", configured(site={"seed": 1}))
    assert weights(tmp_path / "zero") != weights(tmp_path / "one")


def test_the_order_of_folders_does_not_matter(run, folders, tmp_path):
    run("forwards")
    run("backwards", sites=folders[::-1])
    assert weights(tmp_path / "forwards") == weights(tmp_path / "backwards")


STRATEGIES = {
    "fedavg": {},
    "fedprox": {"proximal_mu": 1.0},
    "fedadam": {},
    "fedyogi": {},
    "fedadagrad": {},
    "fedavgm": {},
    "fedmedian": {},
    "fedtrimmedavg": {"trim": 0.34},
    "krum": {"malicious": 0},
    "scaffold": {},
    "feddyn": {},
    "fednova": {},
    "fedbn": {},
    "ditto": {},
    "cyclic": {},
}
PLAIN_SGD = {"training": {"optimizer": "sgd", "weight_decay": 0}}


def test_every_strategy_runs_and_differs_from_the_others(run, tmp_path):
    models = {}
    for name, options in STRATEGIES.items():
        site = PLAIN_SGD if name in {"scaffold", "feddyn"} else None
        outcome = run(name, configured({"name": name, **options}, site)).outcome
        assert np.isfinite(outcome.weights).all()
        models[name] = weights(tmp_path / name)
    # Ditto's global model is FedAvg's: what it adds stays at the sites.
    assert models.pop("ditto") == models["fedavg"]
    # Of three updates, trimming one at each end leaves the median.
    assert models.pop("fedtrimmedavg") == models["fedmedian"]
    assert len(set(models.values())) == len(models)


def test_in_a_cycle_each_site_trains_from_where_the_one_before_it_got(run, folders, cache, tmp_path):
    """By the participants alone, without any coordinator."""
    configuration = configured({"name": "cyclic"})
    outcome = run("cyclic", configuration, workers=1).outcome
    expected = outcome.baseline
    terms = Terms(
        "run", outcome.fingerprint, configuration.site, configuration.purpose, SiteMethod(name="cyclic")
    )
    sites = [Participant(read_site(folder), cache, policy=Policy()) for folder in folders[:3]]
    for number in (1, 2):
        request = terms.request(TrainRequest, round=number, statistics=outcome.opening.statistics)
        for site in sites:
            _, expected = site.train(request, expected)
    kept = RunFolder.reopen(tmp_path / "cyclic")
    # The coordinator rounds each to multiples of 2^-32.
    np.testing.assert_allclose(kept.checkpoints.weights(2), expected, atol=1e-6)
    kept.release()


def test_in_a_cycle_a_site_that_fails_is_passed_over_as_long_as_the_quorum_trains(run, monkeypatch):
    train = Participant.train

    def failing(site, request, received, **options):
        if site.name == "b":
            raise FedchemoError("FC901", "not today")
        return train(site, request, received, **options)

    monkeypatch.setattr(Participant, "train", failing)
    outcome = run("two", configured({"name": "cyclic"}, quorum=2)).outcome
    assert outcome.weights.tobytes() != outcome.baseline.tobytes()
    with pytest.raises(FedchemoError, match=r"FC401.*2 of 3 sites have trained in turn"):
        run("three", configured({"name": "cyclic"}, quorum=3))


def test_a_site_predicts_with_its_own_model_and_another_with_the_runs(run):
    simulated = run("tuned", configured({"name": "fedavg", "fine_tuning_epochs": 2}))
    plain = run("plain")
    assert simulated.outcome.weights.tobytes() == plain.outcome.weights.tobytes()
    assert sorted(simulated.personal) == ["a", "b", "c"]
    assert plain.personal == {}
    assert len({simulated.used_at(site).tobytes() for site in ("a", "b", "c", "small")}) == 4
    assert simulated.used_at("small").tobytes() == plain.outcome.weights.tobytes()
    assert set(simulated.figures) == {"model", "personal", "baseline"}
    rows = {name: simulated.figures[name]["all sites"] for name in simulated.figures}
    assert rows["model"] == plain.figures["model"]["all sites"]
    assert rows["personal"].patients == rows["model"].patients
    assert rows["personal"].log_loss != rows["model"].log_loss


def test_small_sites_evaluate_only_and_all_test_patients_count(run):
    simulated = run()
    assert simulated.outcome.opening.sites("evaluate") == ["small"]
    assert simulated.outcome.opening.sites("train") == ["a", "b", "c"]
    test = sum(len(site.cohort.patients("test")) for site in simulated.participants.values())
    assert simulated.figures["model"]["all sites"].patients == test
    assert simulated.outcome.opening.replies["small"].moments is None


def test_the_baseline_is_the_pooled_logistic_regression(run):
    simulated = run()
    opening = simulated.outcome.opening
    tables, labels = [], []
    for name in opening.sites("train"):
        site = simulated.participants[name].cohort
        frame = site.clinical.loc[site.patients("train")]
        table = encode(frame, configured().site.clinical, opening.statistics)
        # What fewer than 5 patients of a site miss does not count as missing there.
        columns = names(configured().site.clinical)
        tables.append(without_rare_indicators(table, columns, least=5))
        labels.append(frame["pcr"].to_numpy())
    pooled = np.concatenate(tables).astype(np.float64)
    reference = LogisticRegression(tol=1e-10, max_iter=1000).fit(pooled, np.concatenate(labels))
    a = simulated.participants["a"]
    patients, found, _ = a.probabilities(
        "test", configured().site, opening.statistics, simulated.outcome.baseline
    )
    frame = a.cohort.clinical.loc[patients]
    expected = reference.predict_proba(encode(frame, configured().site.clinical, opening.statistics))[:, 1]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_run_folder_holds_all_that_it_promises(run, tmp_path):
    outcome = run().outcome
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == {
        "federation.toml", "events.jsonl", "rounds", "model.safetensors", "model.json", "summary.json",
        "predictions.parquet", "evaluation.json",
    }  # fmt: skip
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert events[-1] == events[-1] | {"event": "run_ended", "outcome": "completed"}
    saved = safetensors.numpy.load(weights(folder))
    assert sum(array.size for array in saved.values()) == outcome.manifest.size
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["best_round"] == outcome.best
    assert set(summary["test"]) == {"model", "baseline"}
    assert not list(folder.rglob("*.part"))


def test_latest_best_and_every_kth_checkpoint_are_kept(run, tmp_path):
    outcome = run(configuration=configured(rounds=5, keep_every=2)).outcome
    kept = {int(path.stem) for path in (tmp_path / "run" / "rounds").glob("*.safetensors")}
    assert kept == {2, 4, 5, outcome.best}


def test_a_fraction_of_sites_trains_and_the_others_score(run, tmp_path):
    run(configuration=configured(rounds=3, fraction=0.5))
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    drawn = [event["sites"] for event in events if event["event"] == "round_started"]
    assert all(len(sites) == 2 for sites in drawn)


def test_metrics_none_still_finishes_with_the_last_model(folders, cache, tmp_path):
    """Weights and a count leave, the run finishes, the last model is the result."""
    from contextlib import closing

    from fedchemo.server.events import EventLog
    from fedchemo.server.rounds.loop import RoundLoop

    policy = Policy(metrics="none")
    participants = [Participant(read_site(folder), cache, policy=policy) for folder in folders[:3]]
    seen = []
    with local_engine(participants) as grid, closing(EventLog(None, seen.append)) as events:
        outcome = RoundLoop(grid, configured(), RunFolder(tmp_path / "run"), events).run()
    assert outcome.best == 2
    assert outcome.tests == {"baseline": {}, "model": {}}
    answers = [e["reply"] for e in seen if e["event"] == "site_answered" and e["kind"] == "train"]
    assert answers
    assert all(reply["loss"] is None and reply["validation"] is None for reply in answers)


def test_without_images_the_model_is_the_clinical_one(run):
    outcome = run(configuration=configured(site={"imaging": {"enabled": False}})).outcome
    assert outcome.manifest.size == len(outcome.weights) == 12


def test_problems_of_all_sites_come_in_one_error(run, folders, tmp_path):
    broken = [write_site(tmp_path / "broken", name, patients=10) for name in ("x", "y")]
    for site in broken:
        table = (site / "clinical.csv").read_text().splitlines()
        table[1:3] = [row.replace(",", ",7", 1) for row in table[1:3]]
        (site / "clinical.csv").write_text("\n".join(table))
    with pytest.raises(SiteProblems) as caught:
        run(sites=[*folders, *broken])
    assert {"x", "y"} <= {part for problem in caught.value.problems for part in str(problem.file).split("/")}


def test_two_folders_of_one_name_are_refused(run, folders, tmp_path):
    again = write_site(tmp_path / "again", "a", patients=40)
    with pytest.raises(FedchemoError, match="FC701"):
        run(sites=[*folders, again])


def test_nobody_may_train(run, folders):
    with pytest.raises(FedchemoError, match="FC402"):
        run(minimum_patients=1000)


def test_golden_numbers_of_a_whole_run(run):
    """Whatever changes these changed what a federation computes, and must say so."""
    simulated = run("golden", configured(rounds=3))
    model, baseline = (simulated.figures[name]["all sites"] for name in ("model", "baseline"))
    # Processors differ in the last bits of a convolution, and three rounds carry them on: into the third decimal
    # of the loss, and past each other for patients with nearly the same score, which the AUC counts.
    assert model.log_loss.value == pytest.approx(0.5910, abs=2e-3)
    assert baseline.log_loss.value == pytest.approx(0.598895, abs=1e-5)
    assert baseline.auc.value == pytest.approx(0.571429, abs=1e-5)


def test_golden_numbers_of_a_run_without_images(run):
    site = {"imaging": {**SMALL["imaging"], "enabled": False}}
    simulated = run("golden", configured(rounds=3, site=site))
    model = simulated.figures["model"]["all sites"]
    assert model.log_loss.value == pytest.approx(0.59944, abs=1e-4)
    assert model.auc.value == pytest.approx(0.579365, abs=1e-5)
    assert simulated.outcome.best == 3


def test_what_histograms_tell_is_written_beside_the_exact_figures(run, tmp_path):
    simulated = run(demands={"patients_of_each_class_behind_a_metric": 1})
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert set(found) == {"model", "baseline"}
    judged = {site for site, sums in simulated.outcome.tests["model"].items() if sums}
    predictions = [
        simulated.participants[site].probabilities(
            "test", configured().site, simulated.outcome.opening.statistics, simulated.outcome.weights
        )[1:]
        for site in sorted(judged)
    ]
    scores, labels = (np.concatenate(column) for column in zip(*predictions, strict=True))
    exact = auc(scores, labels > 0.5)
    model = found["model"]
    assert model["patients"] == len(labels)
    assert abs(model["auc"]["value"] - exact.value) <= model["auc_error"] + 1e-9
    assert len(model["roc"]["thresholds"]) == 51
    assert model["decision_curve"]["model"]
    assert model["precision_recall"]["chance"] == pytest.approx(labels.mean())
    kept = json.loads((tmp_path / "run" / "model.json").read_text())["details"]["calibration"]
    assert kept["patients"] == sum(sums.n for sums in simulated.outcome.validation.values())


def test_where_no_score_leaves_there_is_nothing_to_tell(run, tmp_path):
    run(demands={"metrics": "none"})
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert found == {"model": None, "baseline": None}
    assert json.loads((tmp_path / "run" / "model.json").read_text())["details"]["calibration"] is None
