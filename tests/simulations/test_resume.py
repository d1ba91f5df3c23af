"""A simulation that is killed at any instant and resumed ends with the bits of one that was not."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import tomli_w

from fedchemo.server.events import EventLog
from fedchemo.server.history import counted_events
from fedchemo.server.resume import reopen
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.command import main
from fedchemo.shared.errors import FedchemoError
from tests.killed import simulations
from tests.sites import SMALL, write_site

pytestmark = pytest.mark.slow

STRATEGIES = {
    "fedavg": {},
    "fedprox": {"proximal_mu": 1.0},
    "fedadam": {},
    "fedyogi": {},
    "fedadagrad": {},
    "fedavgm": {},
    "fedmedian": {},
    "fedtrimmedavg": {"trim": 0.2},
    "krum": {"malicious": 0},
    "scaffold": {},
    "feddyn": {},
    "fednova": {},
    "ditto": {"fine_tuning_epochs": 2},
    "cyclic": {},
}
PLAIN_SGD = {"optimizer": "sgd", "weight_decay": 0, "learning_rate": 0.5}


@pytest.fixture(scope="module")
def simulated():
    """Run or resume a simulation in a process of its own."""
    with simulations() as started:
        yield started


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Sites large enough to send validation scores, so that the best round need not be the last."""
    made = tmp_path_factory.mktemp("sites")
    return [
        write_site(made, name, patients=patients) for name, patients in (("a", 130), ("b", 110), ("c", 120))
    ]


def content(strategy="fedavg", rounds=3, **options):
    training = PLAIN_SGD if strategy in {"scaffold", "feddyn"} else {"learning_rate": 0.05}
    return {
        "rounds": rounds,
        "site": {"imaging": {"enabled": False}, "training": training},
        "strategy": {"name": strategy, **options},
    }


def model(out):
    return (out / "model.safetensors").read_bytes()


def left_at_sites(out):
    """Return all that methods remember at the sites and the models that they have left there, by file."""
    return {
        path.relative_to(out): path.read_bytes() for path in sorted((out / "methods").rglob("*.safetensors"))
    }


def lines(out):
    return [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(simulated, folders, tmp_path_factory):
    """An uninterrupted run of FedAdam and how many instants it had."""
    out = tmp_path_factory.mktemp("whole") / "run"
    ended = simulated(folders, content("fedadam", 4), out)
    assert ended.code is None
    return out, ended.instants


@pytest.fixture
def all_but_told(simulated, folders, tmp_path):
    """A run that was killed when its result was whole and no site had been told."""
    out = tmp_path / "run"
    assert simulated(folders, content("fedadam", 2), out, kill_with="summary.json").killed
    assert not [event for event in lines(out) if event["event"] == "run_ended"]
    return out


def test_what_a_simulation_asks_again_counts_once(simulated, folders, all_but_told, tmp_path):
    assert simulated(folders, content("fedadam", 2), all_but_told).code is None
    assert simulated(folders, content("fedadam", 2), tmp_path / "whole").code is None
    resumed, undisturbed = (
        [
            (event["event"], event.get("kind"), event.get("round"), event.get("site"))
            for event in counted_events(run / "events.jsonl")
            if event["event"] in {"round_started", "site_answered", "best_round", "run_ended"}
        ]
        for run in (all_but_told, tmp_path / "whole")
    )
    assert sorted(map(str, resumed)) == sorted(map(str, undisturbed))


@pytest.mark.parametrize("keeps_result", [True, False])
def test_what_made_a_result_counts_where_the_result_is_kept(all_but_told, keeps_result):
    """A coordinator keeps it and only takes its leave."""
    before = lines(all_but_told)
    taken = reopen(all_but_told, command="simulate")
    try:
        assert taken.has_result
        with contextlib.closing(EventLog(all_but_told / "events.jsonl")) as events:
            taken.announce(events, keeps_result=keeps_result)
    finally:
        taken.folder.release()
    counted = list(counted_events(all_but_told / "events.jsonl"))
    assert (counted[: len(before)] == before) is keeps_result
    assert bool([event for event in counted if event["event"] == "best_round"]) is keeps_result


@pytest.fixture
def interrupted(simulated, folders, tmp_path):
    """A run of FedAdam that was killed when it had written the checkpoint of its third round."""
    out = tmp_path / "run"
    assert simulated(folders, content("fedadam", 4), out, kill_with="rounds/0003.json").killed
    return out


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_ends_with_the_same_bits_wherever_it_is_killed(simulated, folders, tmp_path, strategy):
    run = content(strategy, **STRATEGIES[strategy])
    instants = simulated(folders, run, tmp_path / "whole").instants
    seed = int(os.environ.get("FEDCHEMO_SEED", "0"))
    chance = random.Random(f"{strategy} {seed}")
    out = tmp_path / "killed"
    kills = [chance.randrange(instants // 2, instants), chance.randrange(1, instants // 4)]
    for at in kills:
        assert simulated(folders, run, out, kill_at=at).killed, f"seed {seed}, kills {kills}"
    assert simulated(folders, run, out).code is None
    assert model(out) == model(tmp_path / "whole"), f"seed {seed}, kills {kills}"
    assert left_at_sites(out) == left_at_sites(tmp_path / "whole"), f"seed {seed}, kills {kills}"


def test_what_sites_remember_is_there_to_be_compared(simulated, folders, tmp_path):
    """Of a run that ends with an earlier round, too: the model of that round is what a site keeps."""
    run = content("ditto", rounds=7, fine_tuning_epochs=1)
    simulated(folders, run, tmp_path / "run")
    best = json.loads((tmp_path / "run" / "summary.json").read_text())["best_round"]
    found = {str(path) for path in left_at_sites(tmp_path / "run")}
    assert sum("personal" in path for path in found) == 3
    kept = {int(path.rpartition("/")[2][:6]) for path in found if "memory" in path}
    assert kept >= {4, 5, 6, 7, best}


def test_norm_layers_of_fedbn_survive_a_kill(simulated, tmp_path):
    """With images, which have them."""
    sites = [write_site(tmp_path / "sites", name, patients=40, images=12) for name in "ab"]
    run = {"rounds": 3, "site": SMALL, "strategy": {"name": "fedbn"}}
    instants = simulated(sites, run, tmp_path / "whole").instants
    out = tmp_path / "killed"
    assert simulated(sites, run, out, kill_at=instants * 2 // 3).killed
    assert simulated(sites, run, out).code is None
    assert model(out) == model(tmp_path / "whole")
    assert left_at_sites(out) == left_at_sites(tmp_path / "whole") != {}


def test_killed_at_many_instants(simulated, folders, whole, tmp_path):
    reference, instants = whole
    seed = int(os.environ.get("FEDCHEMO_SEED", "0"))
    for at in sorted(random.Random(seed).sample(range(1, instants), 6)):
        out = tmp_path / str(at)
        assert simulated(folders, content("fedadam", 4), out, kill_at=at).killed
        assert simulated(folders, content("fedadam", 4), out).code is None
        assert model(out) == model(reference), f"seed {seed}, killed at {at} of {instants}"
        assert json.loads((out / "summary.json").read_text()) == json.loads(
            (reference / "summary.json").read_text()
        )
        assert not list(out.rglob("*.part"))


def happened(events):
    """Return what happened in the rounds, without when and how long."""
    of_rounds = {
        "round_started",
        "exchange_started",
        "site_answered",
        "exchange_ended",
        "model_scored",
        "best_round",
    }
    return Counter(
        (event["event"], event.get("kind"), event["round"], event.get("site"), event.get("log_loss"))
        for event in events
        if event["event"] in of_rounds
    )


def test_what_was_done_twice_counts_once(simulated, folders, whole, interrupted):
    assert simulated(folders, {}, interrupted).code is None
    events = lines(interrupted)
    (resumed,) = [event for event in events if event["event"] == "resumed"]
    assert resumed["round"] == 3
    assert happened(counted_events(interrupted / "events.jsonl")) == happened(lines(whole[0]))
    assert sum(happened(events).values()) >= sum(happened(lines(whole[0])).values())


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(
    simulated, folders, whole, interrupted, damage
):
    newest = interrupted / "rounds" / "0003.safetensors"
    if damage == "remove":
        newest.unlink()
    else:
        raw = bytearray(newest.read_bytes())
        raw[len(raw) // 2] ^= 1
        newest.write_bytes(raw if damage == "flip" else raw[:-1])
    assert simulated(folders, {}, interrupted).code is None
    (resumed,) = [event for event in lines(interrupted) if event["event"] == "resumed"]
    assert resumed["round"] == 2
    (told,) = [event for event in lines(interrupted) if event["event"] == "checkpoint_damaged"]
    assert newest.name in told["what"]
    assert model(interrupted) == model(whole[0])


def test_without_any_checkpoint_the_run_begins_anew(simulated, folders, whole, interrupted):
    for path in (interrupted / "rounds").iterdir():
        path.unlink()
    assert simulated(folders, {}, interrupted).code is None
    assert model(interrupted) == model(whole[0])
    assert happened(counted_events(interrupted / "events.jsonl")) == happened(lines(whole[0]))


def test_a_run_that_has_ended_stays_as_it_is(whole):
    before = {path: path.read_bytes() for path in whole[0].rglob("*") if path.is_file()}
    taken = reopen(whole[0], command="simulate")
    taken.folder.release()
    assert taken.has_ended
    assert {path: path.read_bytes() for path in whole[0].rglob("*") if path.is_file()} == before


def test_a_result_that_is_damaged_is_made_again(simulated, folders, whole, interrupted):
    assert simulated(folders, {}, interrupted).code is None
    (interrupted / "model.safetensors").write_bytes(b"")
    assert simulated(folders, {}, interrupted).code is None
    assert model(interrupted) == model(whole[0])


def test_a_folder_that_a_live_process_writes_is_refused(simulated, folders, interrupted):
    held = RunFolder.reopen(interrupted)
    assert simulated(folders, {}, interrupted).code == "FC409"
    held.release()
    assert simulated(folders, {}, interrupted).code is None


def test_changed_settings_are_refused_even_by_force(simulated, folders, interrupted):
    path = interrupted / "federation.toml"
    path.write_text(path.read_text().replace("learning_rate = 0.05", "learning_rate = 0.06"))
    for force in (False, True):
        assert simulated(folders, {}, interrupted, force=force).code == "FC408"


def test_another_fingerprint_is_refused_even_by_force(folders, interrupted, monkeypatch):
    monkeypatch.setattr("fedchemo.shared.model.fingerprint.recipe", lambda _settings: "another release's")
    for force in (False, True):
        with pytest.raises(FedchemoError, match="FC408"):
            reopen(interrupted, command="simulate", force=force)


def test_another_version_needs_force_and_marks_the_run_for_good(simulated, folders, interrupted):
    path = interrupted / "federation.toml"
    path.write_text(re.sub(r'torch = ".*"', 'torch = "1.0"', path.read_text()))
    refused = simulated(folders, {}, interrupted)
    assert refused.code == "FC407"
    assert "torch 1.0" in refused.what
    assert simulated(folders, {}, interrupted, force=True, kill_at=60).killed
    assert simulated(folders, {}, interrupted, force=True).code is None
    assert [event["event"] for event in lines(interrupted)].count("not_reproducible") >= 1
    for name in ("summary.json", "model.json"):
        told = json.loads((interrupted / name).read_text())
        (why,) = (told.get("details") or told)["not_reproducible"]
        assert "torch 1.0" in why


def test_a_networked_run_is_sent_to_its_own_command(interrupted):
    with pytest.raises(FedchemoError, match=r"FC410.*simulate --resume"):
        reopen(interrupted, command="server")


def test_a_folder_without_a_run_is_refused(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(FedchemoError, match="FC404"):
            reopen(path, command="simulate")


def test_a_disk_that_is_full_for_events_or_checkpoints_costs_nothing(simulated, folders, whole, tmp_path):
    """A file may have so many bytes and no more: the first that is longer is the first that fails."""
    needed = (whole[0] / "events.jsonl").stat().st_size
    for share in (0.3, 0.8):
        out = tmp_path / f"{share}"
        full = simulated(folders, content("fedadam", 4), out, largest_file=int(share * needed))
        assert full.code == "FC004"
        assert "too large" in full.what.lower()
        assert not (out / "model.safetensors").exists()
        assert all(json.loads(line) for line in (out / "events.jsonl").read_text().splitlines())
        assert simulated(folders, {}, out).code is None
        assert model(out) == model(whole[0])


COMMAND = [sys.executable, "-c", "from fedchemo.shared.command import main; main()"]


@pytest.fixture
def fedchemo(capsys, monkeypatch, tmp_path):
    """Run a command in this process and return its status and what it said."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code, "".join(capsys.readouterr())

    return run


def test_the_command_killed_from_outside_and_resumed(simulated, fedchemo, tmp_path):
    """With images, and a process that knows nothing of a test."""
    folders = [write_site(tmp_path / "sites", name, patients=40, images=12) for name in "ab"]
    run = {"rounds": 30, "site": SMALL, "strategy": {"name": "fedyogi"}}
    (tmp_path / "run.toml").write_text(tomli_w.dumps(run))
    options = ["--sites-dir", "sites", "--config", "run.toml", "--cache", "cache", "--out", "killed"]
    with subprocess.Popen(
        [*COMMAND, "simulate", *options], cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as process:
        end = time.monotonic() + 120
        while not (tmp_path / "killed" / "rounds" / "0009.json").exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "killed" / "model.safetensors").exists()

    status, told = fedchemo("simulate", "--resume", "killed", "--rounds", 7)
    assert status == 1, told
    assert "FC001" in told
    assert "--rounds" in told
    status, told = fedchemo("simulate", "--resume", "killed")
    assert status == 0, told
    assert "resumed after round" in told
    assert simulated(folders, run, tmp_path / "whole").code is None
    assert model(tmp_path / "killed") == model(tmp_path / "whole")
    status, told = fedchemo("simulate", "--resume", "killed")
    assert status == 0
    assert "nothing to resume" in told
    status, told = fedchemo("simulate", "--resume", "killed", "--json")
    summary, _ = json.JSONDecoder().raw_decode(told)
    assert summary["rounds"] == 30
