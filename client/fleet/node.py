"""The hospital's node: joins, waits for messages, lets the installed app answer them, and never gives up.

It runs nothing but the app it was given. What the coordinator sends is data; code that a Flower coordinator
could ship is never asked for.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from flwr.app import Context, Error, Message, RecordDict

from fedchemo.client.fleet.faults import LOST, PASSING, RefusedError, not_a_coordinator
from fedchemo.client.fleet.parcel import Offer, Parcel, pack
from fedchemo.client.fleet.session import LARGEST_MESSAGE, FleetSession, UnusableError, WithdrawnError
from fedchemo.client.gate import Gate
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import Kit
from fedchemo.shared.memory import keep_freed_memory
from fedchemo.shared.wire.messages import MESSAGE_TYPES

App = Callable[[Message, Context], Message]
OnEvent = Callable[[str, Mapping[str, object]], None]
Result = TypeVar("Result")

FAILED = "FC990"
FINISH = MESSAGE_TYPES["finish"]
ERROR = 900
"""Flower error code of a site's failure; the reason beside it is a code of the catalogue."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 15.0
IDLE_S = 0.5
"""Least time between two questions for work or for a turn, for a coordinator that does not leave them open."""
ERRORS_AT_ONCE = 5
"""Requests in a row that may fail before each further one makes the node wait."""
UNWRITTEN = "FC940"
"""What cannot be written down must not leave: the node ends."""
DELIVERIES = 5
"""How often a reply is begun anew that the coordinator took only in part."""


class HospitalNode:
    """One site on the network.

    Args:
        kit: the site's kit.
        app: answers a message; it runs in the thread of `run`, one message at a time.
        on_event: told in words what happens; nothing of it leaves this process. The kinds: ``connecting``
            (address), ``connected`` (address, node, site), ``disconnected`` (code, what, retry_s), ``received``
            (type, run), ``replied`` (type, seconds, bytes, code), ``refused`` (type, code, what), ``failed`` (type,
            code, what, trace; without a type if it was no request that failed), ``queueing`` (seconds that a reply has
            waited for its turn), ``withdrawn``, ``versions`` (code, what), ``paused``, ``resumed``, ``stopped``.
        heartbeat: seconds within which the site promises a sign of life; it gives more than two in that time.
        patience: seconds to wait for the coordinator at the start; None is for ever.
        gate: looks at every reply and writes down what leaves. Without one, nothing is looked at: for tests of the
            network alone.
        proxy: see `Transport`.
        largest: see `FleetSession`.
    """

    def __init__(
        self,
        kit: Kit,
        app: App,
        *,
        on_event: OnEvent,
        heartbeat: float = 10.0,
        patience: float | None = None,
        gate: Gate | None = None,
        proxy: str | None = None,
        largest: int = LARGEST_MESSAGE,
    ) -> None:
        keep_freed_memory()
        self._kit, self._app, self._tell = kit, app, on_event
        self._heartbeat, self._patience = heartbeat, patience
        self._gate = gate
        self._session = FleetSession(kit, heartbeat=heartbeat, gate=gate, proxy=proxy, largest=largest)
        self._errors = 0
        self._stopping = threading.Event()
        self._waiting = self._paused = False
        self._lock = threading.Lock()
        self._state: tuple[int, RecordDict] = 0, RecordDict()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called; a long piece of work may look."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Let `run` return: at once if it waits for work or for its turn to reply, else when the
        reply in hand is delivered.

        May be called from the app, from another thread and from a signal handler.
        """
        # In a thread of its own, because a signal handler must not take a lock that its thread may hold.
        threading.Thread(target=self._stop, name="stop", daemon=True).start()

    def _stop(self) -> None:
        with self._lock:
            self._stopping.set()
            if self._waiting:
                self._session.interrupt()

    @property
    def paused(self) -> bool:
        """Whether `pause` was called last; a long piece of work may look."""
        return self._paused

    def pause(self) -> None:
        """Take no more work and give signs of life only, until `resume`; whoever waits for an answer waits.

        As `resume` it may be called from anywhere; neither takes a lock.
        """
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False

    def run(self) -> None:
        """Serve until stopped; whatever happens after the first connection, try again.

        Raises:
            FedchemoError: FC940 if the ledger cannot be written. Else before the first connection only: FC502 if the
                kit is out of date, FC601 or FC607 when the patience has run out, and any other code at once, since
                waiting does not mend it.
        """
        self._kit.check_dates(dt.datetime.now(dt.UTC))
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        try:
            self._tell("connecting", {"address": self._kit.address})
            self._connect()
            while not self.stopping:
                self._serve()
        finally:
            self._stopping.set()
            self._session.leave()
            self._session.close()
            self._tell("stopped", {})

    def _connect(self) -> None:
        """Join for the first time."""
        end = float("inf") if self._patience is None else time.monotonic() + self._patience
        for wait in _waits():
            try:
                self._activate()
                break
            except FedchemoError as error:
                if self.stopping:
                    break
                if error.code not in PASSING or time.monotonic() + wait > end:
                    raise
                self._pause(error, wait)

    def _serve(self) -> None:
        """Do one step; after a fault wait, longer each time, and join again if need be."""
        for wait in _waits():
            try:
                if not self._session.active:
                    self._activate()
                self._step()
                break
            except WithdrawnError:
                self._tell("withdrawn", {})
                break
            except FedchemoError as error:
                if error.code == UNWRITTEN:
                    raise
                if self.stopping:
                    break
                if isinstance(error, RefusedError) and error.status in {401, 412}:
                    self._session.forget()  # the coordinator was restarted, or does not know this site any more
                self._pause(error, wait)
            except Exception as error:  # noqa: BLE001 - no answer, however odd, may end the process
                if self.stopping:
                    break
                self._note_unforeseen(error)
                self._pause(not_a_coordinator(self._kit.address), wait)

    def _step(self) -> None:
        """Ask for work, and do it if there is some; slow down when one piece of work after the other fails."""
        failed: bool | None = True
        self._hold()
        try:
            failed = self._work()
        except WithdrawnError:
            failed = None
            raise
        except FedchemoError as error:
            if isinstance(error, RefusedError) or error.code in PASSING:
                failed = None
            raise
        finally:
            if failed is not None:
                self._slow_down(failed)

    def _work(self) -> bool | None:
        """Ask for work and do it; return whether the answer was an error, or None if there was nothing to do."""
        offer = self._look()
        if offer is None:
            return None
        kind = offer.head.metadata.message_type
        try:
            parcel, code = self._worked_on(offer)
        except UnusableError as error:
            code = error.code
            self._tell("refused", {"type": kind, "code": code, "what": error.what})
            reply = Message(Error(ERROR, code), reply_to=offer.head)
            parcel, _ = self._packed(reply, offer.head, time.monotonic())
        if any(self._insist(lambda: self._deliver(parcel)) for _ in range(DELIVERIES)):
            seconds = round(parcel.seconds, 3)
            self._tell("replied", {"type": kind, "seconds": seconds, "bytes": parcel.size, "code": code})
        # Whoever is refused may end the run that was refused: that is no sign of better times.
        return None if kind == FINISH and not code else bool(code)

    def _hold(self) -> None:
        """Wait while paused."""
        if self._paused and not self.stopping:
            self._tell("paused", {})
            while self._paused and not self._stopping.wait(IDLE_S):
                pass
            self._tell("resumed", {})

    def _slow_down(self, failed: bool) -> None:
        """Pause, longer each time, when one request after the other fails: whoever asks so need not be heard often."""
        self._errors = self._errors + 1 if failed else 0
        if self._errors > ERRORS_AT_ONCE:
            self._stopping.wait(
                min(FIRST_WAIT_S * 2 ** min(self._errors - ERRORS_AT_ONCE, 10), LONGEST_WAIT_S)
            )

    def _look(self) -> Offer | None:
        """Return what the coordinator has for this site, or None if there is nothing for now."""
        asked = time.monotonic()
        with self._interruptible():
            offer = self._session.poll() if self._waiting else None
        if offer is not None:
            return offer
        if time.monotonic() - asked < IDLE_S:
            self._stopping.wait(IDLE_S)
        return None

    def _worked_on(self, offer: Offer) -> tuple[Parcel, str]:
        """Fetch a message and answer it; a large model need not stay while its update is uploaded.

        Raises:
            UnusableError: if it cannot be put together.
            WithdrawnError: if this side is told to stop before it has begun.
        """
        with self._interruptible():
            if not self._waiting:
                raise WithdrawnError
            message = self._insist(lambda: self._session.fetch(offer))
        self._tell("received", {"type": message.metadata.message_type, "run": message.metadata.run_id})
        self._hold()
        return self._answer(message)

    def _note_unforeseen(self, error: Exception) -> None:
        """Let the hospital's own log have what no rule of this client foresaw."""
        code = not_a_coordinator(self._kit.address).code
        what = f"not foreseen: {type(error).__name__}: {error}"
        self._tell("failed", {"type": "", "code": code, "what": what, "trace": traceback.format_exc()})

    def _deliver(self, parcel: Parcel) -> bool:
        """Send a reply when it is this site's turn; return whether all of it was taken."""
        asked_first = time.monotonic()
        while True:
            began = time.monotonic()
            with self._interruptible():
                asked = self._session.announce(parcel)
            if asked is not None:
                return self._session.upload(parcel, asked)
            self._tell("queueing", {"seconds": round(time.monotonic() - asked_first, 1)})
            time.sleep(max(0.0, IDLE_S - (time.monotonic() - began)))

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let `stop` cut short what is waited for; what begins after it was called is not waiting, and goes on."""
        with self._lock:
            self._waiting = not self.stopping
        try:
            yield
        finally:
            with self._lock:
                self._waiting = False

    def _answer(self, message: Message) -> tuple[Parcel, str]:
        """Return the app's reply, or an error that says a code and nothing else."""
        started = time.monotonic()
        run_id, kind = message.metadata.run_id, message.metadata.message_type
        if self._state[0] != run_id:
            self._state = run_id, RecordDict()
        context = Context(
            run_id=run_id,
            node_id=message.metadata.dst_node_id,
            node_config={},
            state=self._state[1],
            run_config={},
        )
        code = ""
        try:
            parcel, code = self._packed(self._app(message, context), message, started)
        except Exception as error:  # noqa: BLE001 - the node outlives any request, and its reasons stay inside
            code = error.code if isinstance(error, FedchemoError) else FAILED
            trace = "" if isinstance(error, FedchemoError) else traceback.format_exc()
            self._tell("failed", {"type": kind, "code": code, "what": str(error), "trace": trace})
            parcel, _ = self._packed(Message(Error(ERROR, code), reply_to=message), message, started)
        self._state = run_id, context.state
        return parcel, code

    def _packed(self, reply: Message, message: Message, started: float) -> tuple[Parcel, str]:
        """Return a reply ready to be delivered, and the code in it if it is an error.

        Raises:
            FedchemoError: FC902 if the gate does not let it out.
        """
        scrubbed = _scrubbed(reply, message)
        account = self._gate.examine(message, scrubbed) if self._gate is not None else None
        code = str(scrubbed.error.reason) if scrubbed.has_error() else ""
        return pack(scrubbed, time.monotonic() - started, account), code

    def _insist(self, call: Callable[[], Result]) -> Result:
        """Keep the work in hand over a lost connection; a refusal does end it."""
        for wait in _waits():
            try:
                return call()
            except FedchemoError as error:
                if self.stopping or error.code not in LOST:
                    raise
                self._pause(error, wait)
        raise AssertionError  # the waits have no end

    def _activate(self) -> None:
        node = self._session.activate()
        self._tell("connected", {"address": self._kit.address, "node": node, "site": self._kit.site})
        found = self._session.difference
        if found is not None:
            self._tell("versions", {"code": found.code, "what": found.what})

    def _pause(self, error: FedchemoError, wait: float) -> None:
        self._tell("disconnected", {"code": error.code, "what": error.what, "retry_s": round(wait, 1)})
        self._stopping.wait(wait)

    def _beat(self) -> None:
        while not self._stopping.wait(0.4 * self._heartbeat):
            try:
                self._session.beat()
            except Exception:  # noqa: BLE001, S112 - the thread that works meets the same trouble, and says so
                continue


def _scrubbed(reply: Message, message: Message) -> Message:
    """Return the reply; an error in it keeps nothing but a code of the catalogue."""
    if not reply.has_error():
        return reply
    reason = reply.error.reason
    return Message(Error(ERROR, reason if reason in CATALOGUE else FAILED), reply_to=message)


def _waits() -> Iterator[float]:
    """Yield the seconds before each new attempt, growing, and scattered so that sites do not come all at once."""
    chance = random.SystemRandom()  # nothing of a round depends on it, and it must differ from site to site
    wait = FIRST_WAIT_S
    while True:
        yield wait * chance.uniform(0.8, 1.2)
        wait = min(2 * wait, LONGEST_WAIT_S)
