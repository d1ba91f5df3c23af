"""A simulated federation: ordinary site folders, the ordinary client on each, the ordinary round loop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fedchemo.client.app import client_app
from fedchemo.client.cohort import Cohort, Problem, SiteProblems, read_site
from fedchemo.client.participant import Participant
from fedchemo.client.site import LONG_WORK, Notice
from fedchemo.client.training.device import choose
from fedchemo.server.events import EventLog, Listener
from fedchemo.server.result import save_result
from fedchemo.server.resume import Resumed, where
from fedchemo.server.rounds.exchange import SiteGrid
from fedchemo.server.rounds.loop import Outcome, RoundLoop
from fedchemo.server.rounds.terms import Terms
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.summary import Rows
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import PersonalRequest
from fedchemo.simulations.engines.local import LocalGrid
from fedchemo.simulations.predictions import exact_figures, predict_test, write_predictions
from fedchemo.simulations.probes.whereabouts import whereabouts
from fedchemo.simulations.virtual_policy import virtual_policy

if TYPE_CHECKING:
    from fedchemo.shared.wire.records import Weights
    from fedchemo.simulations.probes.beside import Probed

NOTED = {"failed", "refused", "image_set_aside"}
Engine = Callable[[Sequence[Participant]], contextlib.AbstractContextManager[SiteGrid]]
"""Brings participants online behind a grid."""


@dataclass(frozen=True)
class Simulated:
    """What a simulation gives: the run's outcome and the exact figures of its test patients."""

    outcome: Outcome
    figures: Mapping[str, Rows]
    participants: Mapping[str, Participant]
    personal: Mapping[str, Weights] = field(default_factory=dict)
    """By site, the model of its own that the run has left there."""
    probes: Probed | None = None
    """What the model's image embedding gives away; None if that was not asked or the model looks at no images."""

    def used_at(self, site: str) -> Weights:
        """Return the model with which a site predicts: its own, if the run has left it one."""
        return self.personal.get(site, self.outcome.weights)


@contextlib.contextmanager
def local_engine(participants: Sequence[Participant], *, workers: int | None = None) -> Iterator[LocalGrid]:
    """Run the sites in threads of this process, with one torch thread each."""
    import torch

    # Sites side by side already use every core; a second thread each would fight for it.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    by_name = {participant.name: participant for participant in participants}
    app = client_app(lambda context: by_name[str(context.node_config["site"])])
    grid = LocalGrid(app, sorted(by_name), workers=workers)
    try:
        yield grid
    finally:
        grid.close()
        torch.set_num_threads(threads)


def read_sites(folders: Sequence[Path]) -> list[Cohort]:
    """Read site folders, with the problems of all of them in one error.

    Raises:
        SiteProblems: FC101 with every problem of every folder.
        FedchemoError: FC701 if two folders name the same site.
    """
    cohorts: list[Cohort] = []
    problems: list[Problem] = []
    for folder in folders:
        try:
            cohorts.append(read_site(folder))
        except SiteProblems as error:
            problems.extend(error.problems)
    if problems:
        raise SiteProblems(problems)
    names = [cohort.site for cohort in cohorts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FedchemoError("FC701", f"several site folders have the name {', '.join(twice)}")
    return cohorts


def simulate(
    folders: Sequence[Path],
    configuration: RunConfiguration,
    folder: RunFolder,
    *,
    cache: Path,
    minimum_patients: int = 20,
    demands: Mapping[str, Any] | None = None,
    device: str = "auto",
    engine: Engine = local_engine,
    listeners: Sequence[Listener] = (),
    taken: Resumed | None = None,
    probes: bool = False,
    read: Callable[[Sequence[Path]], Sequence[Cohort]] = read_sites,
) -> Simulated:
    """Run a federation over site folders, or what is left of it, and write its run folder.

    Args:
        folders: site folders, whoever made them.
        configuration: of the run.
        folder: the run's.
        cache: folder of prepared images; reused by later runs.
        minimum_patients: sites with fewer labelled patients take part in evaluation only.
        demands: keys of a policy that every hospital sets otherwise than a virtual one does.
        device: ``auto``, ``cpu`` or ``cuda:N``.
        engine: how the sites run.
        listeners: told of every event.
        taken: the run, if it was interrupted before; its folder is ``folder``.
        probes: whether to ask what the model's image embedding says of site and vendor; takes some seconds.
        read: from site folders to cohorts; a study that runs over the same folders again and again reads them once.

    Raises:
        FedchemoError: FC101, FC310, FC401, FC402 and others of its parts.
    """
    cohorts = read(folders)
    policy = virtual_policy(minimum_patients, demands)
    chosen, reason = choose(device)
    # All that must be the same again if the run is resumed.
    folder.origin = {
        **folder.origin,
        "command": "simulate",
        "sites": [_within(path, folder.path) for path in folders],
        "minimum_patients": minimum_patients,
        "demands": dict(demands or {}),
        "device": str(chosen),
        "cache": str(cache.absolute()),
    }
    with contextlib.closing(EventLog(folder.events, *listeners)) as events:
        if taken:
            taken.announce(events, keeps_result=False)
        events.emit("device", device=str(chosen), reason=reason)
        for cohort in cohorts:
            for problem in cohort.problems:
                if problem.severity == "error":
                    events.emit("inside_site_row_set_aside", site=cohort.site, why=str(problem))

        ended = threading.Event()

        def notice_of(site: str) -> Notice:
            """A virtual hospital keeps its log in the run's events: nobody's secret is in it."""

            def notice(event: str, details: Mapping[str, object]) -> None:
                if event in LONG_WORK and ended.is_set():
                    raise FedchemoError("FC615", "the run has ended, and nobody waits for this work")
                if event in NOTED:
                    events.emit(f"inside_site_{event}", site=site, **details)

            return notice

        participants = {
            cohort.site: Participant(
                cohort,
                cache,
                policy=policy,
                device=chosen,
                notice=notice_of(cohort.site),
                # Beside the checkpoints: a run that is resumed finds both, a copied one too.
                methods=folder.path / "methods" / quote(cohort.site, safe=""),
            )
            for cohort in cohorts
        }
        figures: dict[str, Rows] = {}
        personal: dict[str, Weights] = {}
        found: Probed | None = None

        def keep(outcome: Outcome) -> None:
            nonlocal found
            personal.update(_personal(participants, configuration, outcome))
            models: dict[str, Mapping[str, Weights]] = {"model": {}}
            if configuration.strategy.at_sites.is_personal:
                models["personal"] = personal
            models["baseline"] = dict.fromkeys(participants, outcome.baseline)
            predictions = predict_test(participants, configuration, outcome, models)
            write_predictions(predictions, folder.path)
            figures.update(exact_figures(predictions))
            if probes and configuration.site.imaging.enabled:
                found = _probed(participants, configuration, outcome, folders)
            beside = {"probes": found.to_json()} if found else None
            save_result(folder, configuration, outcome, figures, exact=True, beside=beside)

        with engine(list(participants.values())) as grid:
            try:
                outcome = RoundLoop(grid, configuration, folder, events, **where(taken)).run(keep)
            finally:
                ended.set()  # what was not waited for ends with its next batch, and the engine with it
    return Simulated(outcome, figures, participants, personal, found)


def resume(
    taken: Resumed,
    *,
    cache: Path | None = None,
    engine: Engine = local_engine,
    listeners: Sequence[Listener] = (),
    probes: bool = False,
) -> Simulated:
    """Go on with a simulation that was interrupted, to the same bits as if it had not been.

    Args:
        taken: of `fedchemo.server.resume.reopen`; the caller releases its folder.
        cache: folder of prepared images, if not the one before.
        engine: how the sites run; any gives the same bits.
        listeners: told of every event.
        probes: as `simulate`.

    Raises:
        FedchemoError: FC404 if a site folder is gone, and as `simulate`.
    """
    origin, folder = taken.begun.origin, taken.folder
    sites = [folder.path / str(path) for path in origin["sites"]]
    if missing := [str(path) for path in sites if not path.is_dir()]:
        raise FedchemoError("FC404", f"site folders of the run are gone: {', '.join(missing)}")
    return simulate(
        sites,
        taken.begun.configuration,
        folder,
        cache=cache or Path(str(origin["cache"])),
        minimum_patients=int(origin["minimum_patients"]),
        demands=origin.get("demands"),
        device=str(origin["device"]),
        engine=engine,
        listeners=listeners,
        taken=taken,
        probes=probes,
    )


def _within(path: Path, folder: Path) -> str:
    """Return a path relative to a folder that holds it, so that both can be moved together, else an absolute one."""
    path, folder = path.absolute(), folder.absolute()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _personal(
    participants: Mapping[str, Participant], configuration: RunConfiguration, outcome: Outcome
) -> dict[str, Weights]:
    """Return the models of their own that the run has left sites."""
    method = configuration.strategy.at_sites
    if not method.is_personal:
        return {}
    terms = Terms(configuration.name, outcome.fingerprint, configuration.site, configuration.purpose, method)
    request = terms.request(PersonalRequest, round=outcome.best, statistics=outcome.opening.statistics)
    found = {name: site.own_model(request) for name, site in participants.items()}
    return {name: weights for name, weights in found.items() if weights is not None}


def _probed(
    participants: Mapping[str, Participant],
    configuration: RunConfiguration,
    outcome: Outcome,
    folders: Sequence[Path],
) -> Probed | None:
    # Brings scikit-learn, which only this needs.
    from fedchemo.simulations.probes.beside import probed

    return probed(
        participants.values(),
        configuration.site,
        outcome.opening.statistics,
        outcome.weights,
        whereabouts(folders),
    )
