"""Our node and a stock ``flower-superlink``: we speak real Flower, and what it ships is never run here.

The app that is started on the SuperLink carries a module named ``fedchemo``. A stock SuperNode would put it
before the installed package; ours never asks for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flwr.cli.build import build_fab_from_files
from flwr.cli.supernode.register import try_load_public_key
from flwr.common.serde import fab_to_proto
from flwr.proto.control_pb2 import RegisterNodeRequest, StartRunRequest
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.fab import Fab
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor

import fedchemo.shared
from fedchemo.shared.federation import FederationFolder
from tests.networked import SiteProcess, federation, until

pytestmark = pytest.mark.network

PROJECT = b"""
[project]
name = "trial"
version = "1.0.0"
description = "asks one site twice"
license = "Apache-2.0"
[tool.flwr.app]
publisher = "trial"
[tool.flwr.app.components]
serverapp = "trial.server:app"
clientapp = "fedchemo.client:app"
[tool.flwr.app.config]
x = 0
"""
SERVER = b"""
import json, os, pathlib, time
import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import ServerApp

app = ServerApp()

@app.main()
def main(grid, context):
    while not list(grid.get_node_ids()):
        time.sleep(0.1)
    (node,) = grid.get_node_ids()
    weights = np.arange(2_000_000, dtype=np.float32)
    arrays = ArrayRecord({"weights": Array(weights)})
    content = RecordDict({"arrays": arrays, "config": ConfigRecord({"round": 1})})
    (trained,) = grid.send_and_receive([Message(content, node, "train")], timeout=60)
    (asked,) = grid.send_and_receive([Message(RecordDict(), node, "query.modules")], timeout=60)
    sums = (trained.content["arrays"]["weights"].numpy() - weights)[[0, -1]].tolist()
    draft = pathlib.Path(os.environ["FLWR_HOME"], "draft.json")
    draft.write_text(json.dumps({"sums": sums, **dict(asked.content["config"])}))
    draft.rename(draft.with_name("result.json"))
"""
EVIL = b'raise SystemExit("code from the coordinator ran at the hospital")\n'


@contextlib.contextmanager
def superlink(folder: FederationFolder, home: Path) -> Iterator[tuple[ControlHttpClient, Path]]:
    """Run a stock SuperLink on the federation's port, with its certificate; yields its Control API and its log."""
    port, log = folder.read_settings().port, home / "superlink.log"
    home.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FLWR_HOME": str(home),
        "HOME": str(home),
    }
    command = [
        str(Path(sys.executable).parent / "flower-superlink"),
        *("--host", "127.0.0.1", "--port", str(port), "--enable-supernode-auth"),
        *("--ssl-ca-certfile", str(folder.authority_certificate)),
        *("--ssl-certfile", str(folder.server_certificate), "--ssl-keyfile", str(folder.server_key)),
        "--disable-runtime-dependency-installation",
    ]
    with log.open("w") as output:
        # A group of its own: the SuperLink starts further processes, and none of them may stay.
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    control = ControlHttpClient.from_server_address(
        server_address=f"127.0.0.1:{port}",
        insecure=False,
        root_certificates=folder.authority_certificate.read_bytes(),
        interceptors=[RuntimeVersionHttpInterceptor(component_name="flwr CLI")],
    )
    try:
        yield control, log
    finally:
        control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def start_run(control: ControlHttpClient) -> None:
    """Start a run whose app carries a module named as our package."""
    files = {
        "pyproject.toml": PROJECT,
        "trial/__init__.py": b"",
        "trial/server.py": SERVER,
        "fedchemo/__init__.py": EVIL,
        "fedchemo/client.py": EVIL,
    }
    fab, _ = build_fab_from_files(files)
    assert b"fedchemo/__init__.py" in fab, "the app really ships it"
    request = StartRunRequest(
        fab=fab_to_proto(Fab(hashlib.sha256(fab).hexdigest(), fab, {})), override_config={}, federation=""
    )
    assert control.StartRun(request).run_id


def test_a_stock_superlink_gets_its_rounds_and_ships_its_code_in_vain(tmp_path):
    folder = federation(tmp_path / "fed", sites=("A",))
    (public_key,) = folder.read_roster().members.values()
    (tmp_path / "A.pub").write_text(public_key)
    with superlink(folder, tmp_path / "home") as (control, log):

        def registered() -> bool:
            with contextlib.suppress(Exception):  # until it listens
                request = RegisterNodeRequest(public_key=try_load_public_key(tmp_path / "A.pub"), name="A")
                return bool(control.RegisterNode(request).node_id)
            return False

        until(registered, seconds=60, what="the SuperLink takes the site's key")
        site = SiteProcess(folder.kit("A"))
        try:
            until(lambda: site.events.of("connected"), what="our node is let in")
            start_run(control)
            result = tmp_path / "home" / "result.json"
            until(result.exists, seconds=120, what="the end of the run")
            assert site.terminate() == 0
        finally:
            errors = site.end()
    found = json.loads(result.read_text())
    assert found["sums"] == [65.0, 65.0], "one round of training went both ways"
    assert found["file"] == fedchemo.shared.__file__, "the site runs the package that it installed"
    assert found["path"] == str(Path(__file__).parent.parent), "and nothing was put before it"
    told = log.read_text()
    assert "Fleet.PushMessages" in told, "the log shows what a node asks for"
    assert "Fleet.GetFab" not in told, "and ours never asked for code"
    assert errors == ""
    assert [event["type"] for event in site.events.of("replied")] == ["train", "query.modules"]
    assert not list(Path(fedchemo.shared.__file__).parent.parent.rglob("trial/server.py"))


def test_the_shipped_module_would_have_done_harm(tmp_path):
    """The control: put first on the path, as a stock SuperNode does, it takes the place of the package."""
    (tmp_path / "fedchemo").mkdir()
    (tmp_path / "fedchemo" / "__init__.py").write_bytes(EVIL)
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import fedchemo.shared",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "code from the coordinator ran" in done.stderr
    shutil.rmtree(tmp_path / "fedchemo")
