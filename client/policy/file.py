"""``policy.toml`` in the hospital's state folder: made with commented defaults, read with every problem at once."""

from __future__ import annotations

import difflib
import stat
import textwrap
import tomllib
from pathlib import Path

import tomli_w
from pydantic import ValidationError

from fedchemo.client.policy.keys import KEYS, SECTIONS
from fedchemo.client.policy.settings import Policy
from fedchemo.shared.atomic import write_text
from fedchemo.shared.errors import FedchemoError

TITLE = """\
# What this hospital allows, whatever a coordinator asks. The client reads this file when it starts.
# Change a value, then run `fedchemo client policy check`. A key that is left out has the value written here at
# first; a key that is not known, or a value out of range, keeps the client from starting.
"""
LARGEST = 64 * 1024


def default_text() -> str:
    """Return the file as it is made: every key with its default and what it means."""
    defaults = Policy().model_dump(mode="json")
    parts = [TITLE]
    for section, keys in SECTIONS.items():
        parts.append(f"\n# ---- {section} ----\n")
        for key in keys:
            words = textwrap.wrap(f"{key.meaning} Allowed: {key.allowed}.", 108)
            parts.extend(f"# {line}\n" for line in words)
            parts.append(tomli_w.dumps({key.name: defaults[key.name]}) + "\n")
    return "".join(parts)


def ensure(path: Path) -> bool:
    """Make the file if it is not there; return whether it was made.

    Raises:
        FedchemoError: FC004 if it cannot be written.
    """
    if path.exists():
        return False
    write_text(path, default_text(), mode=0o600)
    return True


def read(path: Path) -> Policy:
    """Return the policy in a file.

    Raises:
        FedchemoError: FC002 if there is none, FC920 naming everything that is wrong with it, FC921 if others than
            its owner may change it.
    """
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, IsADirectoryError):
        raise FedchemoError("FC002", f"no policy at {path}") from None
    except OSError as error:
        raise FedchemoError("FC920", f"{path}: {error.strerror}") from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise FedchemoError("FC921", f"{path} has mode {stat.S_IMODE(mode):04o}")
    if len(content) > LARGEST:
        raise FedchemoError("FC920", f"{path} is far too long for a policy")
    try:
        fields = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FedchemoError("FC920", f"{path} is not TOML: {error}") from None
    try:
        return Policy.model_validate(fields)
    except ValidationError as error:
        wrong = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors())
        lines = [f"  {_problem(name, fields[name])}" for name in sorted(wrong, key=list(fields).index)]
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise FedchemoError("FC920", "\n".join([f"{path}: {count}", *lines])) from None


def _problem(name: str, value: object) -> str:
    if name in KEYS:
        return f"{name} = {value!r:.60}: must be {KEYS[name].allowed}"
    near = difflib.get_close_matches(name, KEYS, n=1)
    meant = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(KEYS)}"
    return f"{name:.60}: no such key{meant}"
