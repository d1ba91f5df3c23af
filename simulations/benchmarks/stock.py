"""Stock Flower as a user would run it: ``flower-superlink`` and ``flower-supernode`` over TLS with node keys."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.kit import read_kit
from fedchemo.shared.quiet import QUIET
from fedchemo.simulations.benchmarks.processes import free_port, started, until
from fedchemo.simulations.benchmarks.workload import SIZES

BIN = Path(sys.executable).parent
PROJECT = """\
[project]
name = "stockbench"
version = "1.0.0"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "benchmark"

[tool.flwr.app.components]
serverapp = "stock_app:server"
clientapp = "stock_app:client"

[tool.flwr.app.config]
values = 1
sites = 1
rounds = 1
lanes = 1
out = ""
"""


@dataclass(frozen=True)
class Stock:
    """A running stock federation."""

    folder: Path
    sites: int
    environment: Mapping[str, str]

    def overheads(self, size: str, *, rounds: int, lanes: int) -> list[float]:
        """Return for each round its seconds beyond the sites' own computing; a first one is left out.

        Raises:
            FedchemoError: FC765 if the run does not end in time.
        """
        out = self.folder / f"{SIZES[size]}.json"
        settings = {"values": SIZES[size], "sites": self.sites, "rounds": rounds, "lanes": lanes}
        asked = " ".join(f"{name}={value}" for name, value in settings.items())
        self.command("run", str(self.folder / "app"), "bench", "--run-config", f'{asked} out="{out}"')
        until(out.exists, seconds=60 + 60 * (rounds + 1), what=f"stock Flower's rounds of {size}")
        return [float(seconds) for seconds in json.loads(out.read_text())]

    def command(self, *arguments: str) -> None:
        """Run Flower's command.

        Raises:
            FedchemoError: FC765 if it fails.
        """
        done = subprocess.run(
            [BIN / "flwr", *arguments],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise FedchemoError("FC765", f"flwr {arguments[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")


@contextlib.contextmanager
def stock_federation(federation: FederationFolder, sites: list[str], folder: Path) -> Iterator[Stock]:
    """Run a SuperLink and a SuperNode for each site while the context lasts; logs lie in ``folder``."""
    import os

    port, home = free_port(), folder / "flwr"
    environment = {**os.environ, **QUIET, "FLWR_HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment.get('PATH', '')}"
    authority = federation.authority_certificate.resolve()
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "pyproject.toml").write_text(PROJECT)
    shutil.copy(Path(__file__).with_name("stock_app.py"), folder / "app")
    home.mkdir()
    connection = f'[superlink.bench]\naddress = "127.0.0.1:{port}"\nroot-certificates = "{authority}"\n'
    (home / "config.toml").write_text(connection)
    stock = Stock(folder, len(sites), environment)
    link = [str(BIN / "flower-superlink"), "--port", str(port), "--enable-supernode-auth"]
    link += [
        "--ssl-certfile",
        str(federation.server_certificate),
        "--ssl-keyfile",
        str(federation.server_key),
    ]
    link += ["--ssl-ca-certfile", str(authority)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(started(link, log=folder / "superlink.log", environment=environment))
        until(lambda: _listens(port), seconds=60, what="the SuperLink listens")
        for number, site in enumerate(sites):
            kit = read_kit(federation.kit(site))
            key, public = folder / site, folder / f"{site}.pub"
            key.write_text(kit.private_key)
            key.chmod(0o600)
            public.write_text(kit.public_key)
            stock.command("supernode", "register", str(public), "bench")
            node = [str(BIN / "flower-supernode"), "--superlink", f"127.0.0.1:{port}"]
            node += ["--root-certificates", str(authority), "--auth-supernode-private-key", str(key)]
            node += ["--port", str(free_port()), "--node-config", f"partition-id={number}"]
            # SuperNodes would share what lies in one FLWR_HOME.
            own = {**environment, "FLWR_HOME": str(folder / f"home-{site}")}
            stack.enter_context(started(node, log=folder / f"{site}.log", environment=own))
        yield stock


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
