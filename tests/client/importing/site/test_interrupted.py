"""An import that is killed leaves no site folder, and the next one ends where an undisturbed one would have."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.client.importing.site.made import content, write_hospital

PROGRAM = """
import sys
from pathlib import Path
from tests.client.importing.site.made import READERS, write_hospital
from fedchemo.client.importing.site import ImportRequest, import_site
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    import_site(
        ImportRequest(
            out=folder / "NORTH", tables=(folder / "table.csv",), images=(folder / "images",), state=folder / "state",
            workers=int(sys.argv[2]),
        ),
        readers=READERS,
        watch=lambda stage, done, total: print(stage, done, flush=True),
    )
"""


@pytest.fixture
def started(tmp_path):
    """Start an import in a process of its own; whatever happens it is gone at the end."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    processes = []

    def start(workers=2):
        process = subprocess.Popen(
            [sys.executable, str(program), str(tmp_path), str(workers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_killed_in_the_middle_the_next_import_gives_the_same_bytes(tmp_path, started):
    write_hospital(tmp_path, patients=8, imaged=6)
    assert started().wait(120) == 0
    whole = content(tmp_path / "NORTH")
    shutil.rmtree(tmp_path / "NORTH")
    (tmp_path / "state" / "import" / "manifest.jsonl").unlink()
    _kill(started(), "writing images 3")
    assert not (tmp_path / "NORTH").exists()
    again = started()
    out, _ = again.communicate(timeout=120)
    assert again.returncode == 0
    # What was whole when the process died is not written again.
    assert "writing images 2\n" not in out
    assert content(tmp_path / "NORTH") == whole
    assert not list(tmp_path.glob(".*"))


def test_killed_while_a_site_folder_is_renewed_it_stays_one(tmp_path, started):
    from fedchemo.client.cohort import read_site

    write_hospital(tmp_path, patients=8, imaged=3)
    assert started().wait(120) == 0
    write_hospital(tmp_path, patients=8, imaged=6)
    before = {name: whole for name, whole in content(tmp_path / "NORTH").items() if not name.startswith(".")}
    _kill(started(), "writing images 4")
    now = {name: whole for name, whole in content(tmp_path / "NORTH").items() if not name.startswith(".")}
    assert now == before
    assert read_site(tmp_path / "NORTH").problems == ()
    assert started().wait(120) == 0
    assert len(read_site(tmp_path / "NORTH").images) == 6
    assert not list((tmp_path / "NORTH").glob(".*"))


def test_interrupted_by_hand_it_ends_at_once_and_leaves_no_process(tmp_path, started):
    write_hospital(tmp_path, patients=8, imaged=6)
    process = started()
    _read_until(process, "writing images 1")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (tmp_path / "NORTH").exists()


def _kill(process, line):
    _read_until(process, line)
    children = _children(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while any(_runs(child) for child in children):
        assert time.monotonic() < deadline, "a worker outlives the import"
        time.sleep(0.02)


def _read_until(process, line):
    for found in process.stdout:
        if found.strip() == line:
            return
    pytest.fail(process.stderr.read())


def _children(pid):
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry), *_children(int(entry))]
    return found


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
