"""The result of a run in its folder: the model that `fedchemo predict` loads, and the summary."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from fedchemo.server.attendance import attendance
from fedchemo.server.evaluation import of_sums, to_json
from fedchemo.server.history import counted_events
from fedchemo.server.rounds.loop import Outcome
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.summary import Rows
from fedchemo.server.summary import to_json as summary_to_json
from fedchemo.shared.atomic import write_text
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.metrics.recalibration import slope_and_intercept, temperature
from fedchemo.shared.metrics.summary import ScoreSums, merge
from fedchemo.shared.model.artefact import save

EVALUATION = "evaluation.json"


def save_result(
    folder: RunFolder,
    configuration: RunConfiguration,
    outcome: Outcome,
    figures: Mapping[str, Rows],
    *,
    exact: bool,
    beside: Mapping[str, JsonValue] | None = None,
) -> None:
    """Write ``model.safetensors``, ``model.json``, ``evaluation.json`` and ``summary.json``.

    ``evaluation.json`` holds what the sites' summed histograms tell, in a simulation as in a network: AUC and the bound
    of its error, ROC, precision and recall, calibration, decision curve, of the model and of the clinical baseline. The
    model's calibration, fitted on the histograms of validation patients, is kept with it in ``model.json``.

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
            "calibration": _calibration(outcome.validation),
            **marks,
        },
    )
    evaluated = {
        name: to_json(of_sums(sums, outcome.rankings.get(name))) for name, sums in outcome.tests.items()
    }
    write_text(folder.path / EVALUATION, json.dumps(evaluated, indent=1, allow_nan=False) + "\n")
    summary = summary_to_json(
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


def _calibration(validation: Mapping[str, ScoreSums]) -> dict[str, JsonValue] | None:
    """Return the maps that mend the model's probabilities; None where no site told its validation scores."""
    pooled = merge(validation[site] for site in sorted(validation))
    if pooled is None:
        return None
    maps = {"temperature": temperature(pooled.histogram), "federated": slope_and_intercept(pooled.histogram)}
    return {
        "patients": pooled.n,
        **{name: found.model_dump() if found else None for name, found in maps.items()},
    }
