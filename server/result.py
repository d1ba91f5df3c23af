"""The result of a run in its folder: the model that `fedchemo predict` loads, and the summary."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from fedchemo.server.attendance import attendance
from fedchemo.server.history import counted_events
from fedchemo.server.rounds.loop import Outcome
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.summary import Rows, to_json
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.model.artefact import save


def save_result(
    folder: RunFolder,
    configuration: RunConfiguration,
    outcome: Outcome,
    figures: Mapping[str, Rows],
    *,
    exact: bool,
    beside: Mapping[str, JsonValue] | None = None,
) -> None:
    """Write ``model.safetensors``, ``model.json`` and ``summary.json``.

    Args:
        folder: the run's.
        configuration: the run's.
        outcome: of the round loop.
        figures: ``model`` and ``baseline`` on test patients.
        exact: whether the figures come from predictions (a simulation) or from histograms (a network).
        beside: what else the summary says.
    """
    marks: dict[str, JsonValue] = {"not_reproducible": list(outcome.marks)} if outcome.marks else {}
    save(
        folder.path,
        vector=outcome.weights,
        configuration=configuration.site,
        statistics=outcome.opening.statistics,
        manifest=outcome.manifest,
        fingerprint=outcome.fingerprint,
        details={
            "run": configuration.name,
            "round": outcome.best,
            "rounds": configuration.rounds,
            "sites": list(outcome.opening.sites("train")),
            **marks,
        },
    )
    summary = to_json(
        figures,
        run=configuration.name,
        rounds=configuration.rounds,
        best_round=outcome.best,
        exact=exact,
        **marks,
        sites={
            site: reply.model_dump(mode="json", exclude={"moments"})
            for site, reply in outcome.opening.replies.items()
        },
        attendance=attendance(counted_events(folder.events)),
        # What the figures of a network are made from; curves can be drawn from it.
        scores={
            name: {site: sums.model_dump(mode="json") for site, sums in sorted(sites.items())}
            for name, sites in outcome.tests.items()
        },
        **(beside or {}),
    )
    folder.write_summary(summary)
