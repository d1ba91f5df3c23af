"""Flower's own simulation engine, opened as a context: its Grid is lent to the thread that runs the rounds."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.quiet import QUIET, silence_flower

silence_flower()

from flwr.app import Context  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.serverapp import Grid, ServerApp  # noqa: E402

if TYPE_CHECKING:
    from flwr.app import ConfigRecordValues
    from flwr.server.superlink.fleet.vce.backend.backend import BackendConfig

START_S = 600.0
"""Longest wait for Ray to start and to hold every site; a cluster may have to start machines first."""
END_S = 120.0
"""Longest wait for its end."""
LOOK_S = 0.01
"""Pause between two looks for replies or nodes; Flower's own grid pauses 0.1 s."""


@contextlib.contextmanager
def running(
    app: ClientApp, nodes: int, *, workers: int | None = None, gpu: bool = False
) -> Iterator[tuple[Grid, Future[None]]]:
    """Run an app on Flower's engine; yield Flower's Grid to it, and the engine's future.

    Raises:
        FedchemoError: FC761 if the engine does not start.
    """
    opened: Future[Grid] = Future()
    engine: Future[None] = Future()
    finished = threading.Event()
    server = ServerApp()

    @server.main()
    def lend_grid(grid: Grid, _context: Context) -> None:
        """Hand the Grid to the thread that runs the rounds, and wait for it."""
        opened.set_result(grid)
        finished.wait()

    with _environment():
        from flwr.simulation import run_simulation

        def run() -> None:
            try:
                run_simulation(server, app, nodes, "ray", _backend(workers, gpu=gpu))
                engine.set_result(None)
            except BaseException as error:  # noqa: BLE001 - told to whoever asks for the grid
                engine.set_exception(error)

        engine.add_done_callback(lambda _: opened.cancel())
        # A thread that does not keep the process, should Ray neither start nor end.
        thread = threading.Thread(target=run, name="ray", daemon=True)
        thread.start()
        try:
            try:
                grid = opened.result(timeout=START_S)
            except TimeoutError:
                raise FedchemoError("FC761", f"it has not started after {START_S:.0f} s") from None
            except BaseException as error:
                if isinstance(error, Exception):
                    raise FedchemoError("FC761", str(engine.exception())) from error
                raise
            # Flower starts the ServerApp before it has registered the nodes.
            end = time.monotonic() + START_S
            while (found := len(list(grid.get_node_ids()))) < nodes:
                if engine.done():
                    raise FedchemoError("FC761", str(engine.exception()))
                if time.monotonic() > end:
                    raise FedchemoError("FC761", f"{found} of {nodes} sites after {START_S:.0f} s")
                time.sleep(LOOK_S)
            yield grid, engine
        finally:
            finished.set()
            thread.join(timeout=END_S)


def _backend(workers: int | None, *, gpu: bool) -> BackendConfig:
    """Return Flower's description of the engine."""
    import torch

    gpus = torch.cuda.device_count() if gpu else 0
    count = workers or gpus or os.cpu_count() or 1
    initial: dict[str, ConfigRecordValues] = {"log_to_driver": False, "logging_level": "ERROR"}
    if "RAY_ADDRESS" not in os.environ:  # a cluster that runs already knows what it has
        initial["num_cpus"] = count
    return {
        "init_args": initial,
        "client_resources": {"num_cpus": 1, "num_gpus": gpus / count},
        "actor": {"tensorflow": 0},
    }


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Set what the actors inherit, and take back afterwards what flwr and Ray change in this process."""
    before = dict(os.environ)
    os.environ.update(QUIET, OMP_NUM_THREADS="1", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
