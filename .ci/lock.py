"""Write requirements.lock from the environment that runs this: `.venv/bin/python .ci/lock.py`."""

from importlib.metadata import distributions
from pathlib import Path

HEAD = """\
# Every version that fedchemo is tested with. Install first (`make install`), or use as a constraint file.
# Made by .ci/lock.py. torch is pinned without a build tag: pip takes the CPU or CUDA build that it finds.
"""
NOT_LOCKED = {"fedchemo", "pip"}

pins = {
    (name := found.metadata["Name"].lower().replace("_", "-")): f"{name}=={found.version.split('+')[0]}"
    for found in distributions()
}
lines = [pin for name, pin in sorted(pins.items()) if name not in NOT_LOCKED]
Path(__file__).parent.with_name("requirements.lock").write_text(HEAD + "\n".join(lines) + "\n")
