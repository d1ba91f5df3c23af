"""Tables, targets and JSON from made-up measurements."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from fedchemo.simulations.benchmarks.results import (
    ALL_CORES,
    CORE_SECONDS,
    Measurement,
    account_table,
    others_table,
    rounds_table,
    verdict_table,
    verdicts,
    write_json,
)

FOUND = [
    Measurement("local", (0.01, 0.02, 0.9), sites=4, size="tiny"),
    Measurement("ray", (0.5, 0.3), sites=4, size="tiny"),
    Measurement("network", (0.2,), sites=3, size="tiny"),
    Measurement("network", (0.3,), sites=3, size="3.5 MB"),
    Measurement("stock", (5.9,), sites=3, size="3.5 MB"),
    Measurement("peak memory, local", (100.0,), unit="MB", sites=10, size="3.5 MB"),
    Measurement("peak memory, local", (109.0,), unit="MB", sites=200, size="3.5 MB"),
    Measurement("image cache, one core", (3210.0,), unit="reads/s"),
]


def shown(table) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(table)
    return console.file.getvalue()


def test_the_figure_is_the_median():
    assert FOUND[0].median == 0.02
    assert FOUND[1].median == 0.4


@pytest.mark.parametrize(
    ("target", "found", "reached"),
    [
        ("local: times less than Ray, tiny, 4 sites", 20, True),
        ("network: seconds, tiny", 0.2, False),
        ("network: seconds, 3.5 MB", 0.3, True),
        ("network: times less than stock Flower, 3.5 MB", 5.9 / 0.3, False),
        ("peak memory, local: 200 sites against 10", 1.09, True),
        ("peak memory, network: 200 sites against 10", None, None),
        ("fedchemo --help", None, None),
    ],
)
def test_targets(target, found, reached):
    judged = {one.target: one for one in verdicts(FOUND)}[target]
    assert judged.found == (None if found is None else pytest.approx(found))
    assert judged.reached is reached


def test_tables_show_what_was_found_and_leave_the_rest_empty():
    rounds = [line for line in shown(rounds_table(FOUND)).splitlines() if "network" in line]
    assert len(rounds) == 1
    assert "0.2000" in rounds[0]
    assert "0.3000" in rounds[0]
    others = shown(others_table(FOUND))
    assert "3,210.00 reads/s" in others
    assert "peak memory, local, 200 sites" in others
    assert "network" not in others
    marks = shown(verdict_table(verdicts(FOUND)))
    assert marks.count("reached") == 3
    assert marks.count("missed") == 2


def test_the_account_of_a_round_adds_up():
    steps = [
        Measurement("a site checks", (0.2,), unit=CORE_SECONDS, sites=3, size="100 MB"),
        Measurement("the coordinator adds", (0.1,), unit=CORE_SECONDS, sites=3, size="100 MB"),
        Measurement("a hash (in the floor)", (0.4,), unit=CORE_SECONDS, sites=3, size="100 MB"),
    ]
    measured = [
        Measurement("floor", (0.7,), sites=3, size="100 MB"),
        Measurement("network", (1.6,), sites=3, size="100 MB"),
        Measurement("floor, processors", (1.2,), unit=ALL_CORES, sites=3, size="100 MB"),
        Measurement("network, processors", (2.5,), unit=ALL_CORES, sites=3, size="100 MB"),
    ]
    assert account_table(steps, 2) is None
    told = shown(account_table(steps + measured, 2)).splitlines()
    other, waits = (next(line for line in told if word in line) for word in ("other work", "cores that wait"))
    assert "0.500" in other, (
        "half of 2.5 less 1.2 less (.2 + .1); what the floor does as well does not count twice"
    )
    assert "0.250" in waits, "1.6 less .7 less (.2 + .1) / 2 less the .5 of other work"
    assert "checks" not in shown(others_table(steps))


def test_json_holds_every_repetition_and_the_targets(tmp_path):
    write_json(tmp_path / "bench.json", FOUND, {"cores": 2})
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["machine"] == {"cores": 2}
    assert content["measurements"][0]["values"] == [0.01, 0.02, 0.9]
    assert content["measurements"][0]["median"] == 0.02
    assert {one["reached"] for one in content["targets"]} == {True, False, None}
