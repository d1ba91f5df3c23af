"""A hospital's client from kit and site folder to a node that serves runs, saying in words what it does."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.client.approvals import Approver, Record
from fedchemo.client.approvals.terminal import Terminal
from fedchemo.client.diary import Diary
from fedchemo.client.key_ring import usable
from fedchemo.client.ledger import Ledger
from fedchemo.client.ledger.notes import Notes
from fedchemo.client.policy import Policy
from fedchemo.client.policy import file as policy_file
from fedchemo.client.policy.permission import allowed_part
from fedchemo.client.signals import obeying_signals
from fedchemo.client.state_folder import StateFolder
from fedchemo.client.worker.process import WorkerProcess
from fedchemo.client.worker.serving import Setup
from fedchemo.client.worker.site import WorkerSite
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import Kit, read_kit
from fedchemo.shared.service import in_service

if TYPE_CHECKING:
    from rich.console import Console

    from fedchemo.client.cohort import Cohort

HANG_S = 600.0
"""A step of the largest model on a slow processor takes a minute, a patient's images from a slow share as long."""


def join_federation(
    kit_file: Path,
    site_folder: Path,
    *,
    state: Path | None,
    device: str,
    once: bool,
    patience_s: float | None,
    approve_all: bool,
    console: Console,
    passphrase_file: Path | None = None,
    proxy: str | None = None,
    hang_s: float = HANG_S,
) -> None:
    """Take part in a federation's runs until stopped, or until one has ended.

    Args:
        kit_file: the kit.
        site_folder: this hospital's patients.
        state: the state folder, if not the default.
        device: ``auto``, ``cpu`` or ``cuda:N``.
        once: return when one run has ended.
        patience_s: how long to look for a coordinator that cannot be reached; None is for ever.
        approve_all: take part in every run that the policy allows, without asking.
        console: where to say what happens.
        passphrase_file: holds the passphrase of the hospital's own key, if it has one.
        proxy: URL of an HTTP proxy; None for the environment's, if it names one.
        hang_s: seconds without progress after which a training process is given up; 0 is never.

    Raises:
        FedchemoError: of the kit (FC5xx), the site folder (FC1xx), the network (FC6xx), the policy (FC92x), the
            ledger (FC94x), the training process (FC63x), FC310, FC910, FC911.
    """
    # What can be wrong on this machine is told before torch is loaded and before anything is sent.
    kit = read_kit(kit_file)
    kept_at = state or StateFolder.default(kit.federation, kit.site)
    kit = usable(kit, kept_at, passphrase_file=passphrase_file)
    named = f" --state {state}" if state else f" --kit {kit_file}"
    diary = Diary(console, kit, answering=f"fedchemo client approve{named}")
    for warning in kit.warnings(dt.datetime.now(dt.UTC)):
        diary.say(f"warning: {warning}")
    diary.say(f"kit of {kit.site} for the federation {kit.federation}, coordinator {kit.address}")

    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(contextlib.closing(StateFolder(kept_at)))
        policy = _policy(kept, diary, approve_all=approve_all)
        cohort = allowed_part(_cohort(site_folder, kit, diary), policy)
        ledger = stack.enter_context(contextlib.closing(Ledger(kept.ledger, kept.ledger_head)))
        ledger.append("started", words=_start_in_words(kept, policy, approve_all=approve_all))
        stack.callback(_note_stop, ledger)
        _serve(
            kit,
            kept,
            cohort,
            policy,
            ledger,
            diary,
            device=device,
            once=once,
            patience_s=patience_s,
            proxy=proxy,
            hang_s=hang_s,
        )
    diary.say("left the federation")


def _policy(kept: StateFolder, diary: Diary, *, approve_all: bool) -> Policy:
    """Return the policy of the state folder, made with safe defaults if there is none."""
    if policy_file.ensure(kept.policy):
        diary.say(f"made {kept.policy} with safe defaults: look at it, it says what may leave")
    policy = policy_file.read(kept.policy)
    # The option spares the question and nothing else: a policy of "never" stays one.
    if approve_all and policy.approvals != "never":
        policy = policy.model_copy(update={"approvals": "always"})
    diary.say(f'policy {kept.policy}: approvals = "{policy.approvals}"')
    return policy


def _cohort(site_folder: Path, kit: Kit, diary: Diary) -> Cohort:
    """Return the patients, and say how many there are."""
    from fedchemo.client.cohort import read_site
    from fedchemo.client.validation import require_fit

    cohort = read_site(site_folder)
    if cohort.site != kit.site:
        raise FedchemoError(
            "FC911", f"{site_folder} is the folder of {cohort.site}, the kit is that of {kit.site}"
        )
    require_fit(cohort)
    counts = ", ".join(f"{len(cohort.patients(split))} {split}" for split in ("train", "validation", "test"))
    diary.say(f"{len(cohort.clinical)} patients ({counts}), {len(cohort.images)} with images")
    for problem in cohort.problems:
        diary.say(problem.told)
    return cohort


def _serve(
    kit: Kit,
    kept: StateFolder,
    cohort: Cohort,
    policy: Policy,
    ledger: Ledger,
    diary: Diary,
    *,
    device: str,
    once: bool,
    patience_s: float | None,
    proxy: str | None,
    hang_s: float,
) -> None:
    """Answer the coordinator until stopped; every event is said and, if it matters, written down."""
    notes = Notes(ledger)

    def notice(event: str, details: Mapping[str, object]) -> None:
        notes(event, details)
        diary.notice(event, details)

    setup = Setup(cohort, kept.images, kept.methods, policy, device)
    worker = WorkerProcess(
        setup,
        notice=notice,
        hang_s=hang_s,
        stopping=lambda: node.stopping,
        paused=lambda: node.paused,
    )
    with contextlib.closing(worker):
        worker.start()  # it imports torch while this process imports Flower
        from fedchemo.client.app import client_app
        from fedchemo.client.fleet.node import HospitalNode
        from fedchemo.client.fleet.parcel import largest_message
        from fedchemo.client.gate import Gate
        from fedchemo.client.runs import Runs

        approver = Approver(
            Record(kept.approvals),
            mode="ask" if policy.approvals == "never" else policy.approvals,
            wait_s=60 * policy.approval_wait_minutes,
            notice=notice,
            terminal=Terminal() if Terminal.is_there() else None,
            stopping=lambda: node.stopping,
        )
        site = WorkerSite(cohort.site, policy, worker, notice, approver)
        node = HospitalNode(
            kit,
            client_app(lambda _: site, Runs()),
            on_event=notice,
            patience=patience_s,
            gate=Gate(ledger),
            proxy=proxy,
            largest=largest_message(policy.largest_model_parameters),
        )
        if once:
            diary.ended = node.stop
        with obeying_signals(node), in_service():
            worker.ready()  # a device that does not work is told before anything is sent
            node.run()


def _start_in_words(kept: StateFolder, policy: Policy, *, approve_all: bool) -> str:
    """Return what the ledger keeps of a start: with it, somebody can tell which rules were in force."""
    digest = hashlib.sha256(kept.policy.read_bytes()).hexdigest()
    option = ", by the option --approve-all" if approve_all else ""
    return f'fedchemo {version("fedchemo")}; policy.toml has SHA-256 {digest}; approvals = "{policy.approvals}"{option}'


def _note_stop(ledger: Ledger) -> None:
    with contextlib.suppress(
        FedchemoError
    ):  # a ledger that cannot be written is the error that is told already
        ledger.append("stopped")
