"""What must hold of a run that has ended, whatever happened to its machines and lines meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fedchemo.client.ledger.verify import read_lines, verify
from fedchemo.client.state_folder import StatePaths
from fedchemo.server.checkpoint_files import Checkpoints
from fedchemo.shared.wire.messages import EvaluateReply, FinishReply
from fedchemo.shared.wire.records import reply_content
from tests.federation.chaos.history import History
from tests.federation.chaos.reference import REPLIES, Reference

KINDS: dict[str, Any] = {**REPLIES, "evaluate": EvaluateReply, "finish": FinishReply}


def check_run(run: str, sites: dict[str, str], states: dict[str, str]) -> dict[str, Any]:
    """Return what is broken, in words, and what the run was.

    Args:
        run: the run folder; the run kept every round's checkpoint.
        sites: name -> site folder.
        states: name -> state folder.
    """
    folder, history = Path(run), History.read(Path(run))
    broken = [*_of_the_events(history)]
    rounds = sum(kind == "train" for kind, _ in history.exchanges())
    if not broken:
        reference = Reference(folder, sites)
        reference.compute()
        broken += reference.differences
        broken += _of_the_models(folder, history, reference)
        broken += _of_the_ledgers(history, states, reference.pieces)
    return {
        "broken": broken,
        "rounds": rounds,
        "replies": sum(map(len, history.exchanges().values())),
        "void": len(history.everything) - len(history.counted),
        "lost": history.lost(),
        "resumed": sum(event["event"] == "resumed" for event in history.everything),
    }


def _of_the_events(history: History) -> Iterator[str]:
    ends = history.of("run_ended")
    if not ends or ends[-1]["outcome"] != "completed":
        yield "the run has not ended as completed"
    yield from (f"held twice, though the first time counted: {exchange}" for exchange in history.repeated())
    for exchange, events in history.exchanges().items():
        for site, times in Counter(event["site"] for event in events).items():
            if times > 1:
                yield f"{site} counted {times} times in {exchange}"
    trained = sorted(number for kind, number in history.exchanges() if kind == "train")
    if trained != list(range(1, len(trained) + 1)):
        yield f"the rounds that count are {trained}"


def _of_the_models(run: Path, history: History, reference: Reference) -> Iterator[str]:
    """Hold every round's model, and the result, against the reference: bit by bit."""
    checkpoints, result = Checkpoints(run / "rounds"), _result(run)
    for number, expected in sorted(reference.models.items())[1:]:  # that before the first round is not kept
        found = checkpoints.weights(number)
        if found.tobytes() != expected.tobytes():
            yield f"the model of round {number} is not that of the replies that counted"
            return
    if not history.of("best_round"):
        yield "nothing that counts says which round is the best"
        return
    best = history.of("best_round")[-1]["round"]
    if not np.isfinite(result).all():
        yield "the result is not finite"
    if result.tobytes() != reference.models[best].tobytes():
        yield f"the result is not the model of round {best}"


def _result(run: Path) -> np.ndarray:
    from fedchemo.shared.model.artefact import load
    from fedchemo.shared.model.packing import pack

    return pack(load(run).module)


def _of_the_ledgers(
    history: History, states: dict[str, str], pieces: dict[tuple[int, str], set[str]]
) -> Iterator[str]:
    """Every reply that counted is in its site's ledger, by the hash of its bytes; every ledger is whole."""
    run = next(event["run"] for event in history.everything if event["event"] in {"run_started", "resumed"})
    sent: dict[str, set[tuple[int | None, str]]] = {}
    for site, state in states.items():
        paths = StatePaths(Path(state))
        yield from (
            f"the ledger of {site}: {problem}" for problem in verify(paths.ledger, paths.ledger_head).problems
        )
        sent[site] = {
            (line.round, str(line.sha256))
            for line in read_lines(paths.ledger)
            if line.event == "sent" and line.run == run
        }
    by_anyone = set().union(*sent.values())
    for event in (event for events in history.exchanges().values() for event in events):
        kind, number, site = event["kind"], event["round"], event["site"]
        record = reply_content(KINDS[kind].model_validate_json(json.dumps(event["reply"])))["reply"]
        # Where two sites say the same to the byte, such as "too few", it travels once.
        if (number, record.object_id) not in by_anyone:
            yield f"{site} counted with {kind} in round {number}, and its reply is in no ledger"
        if kind == "train" and not {(number, name) for name in pieces[number, site]} <= sent[site]:
            yield f"{site} counted in round {number}, and its update is not in its ledger"
