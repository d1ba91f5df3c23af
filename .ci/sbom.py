"""Write a CycloneDX bill of materials of the environment that runs this: `.venv/bin/python .ci/sbom.py FILE`.

It is made when it is needed and not kept in the repository: what stands in `requirements.lock` is what holds, and
every pin of it must be in the environment, at that version, or nothing is written.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def canonical(name: str) -> str:
    """Return a package's name as the lock file has it."""
    return name.lower().replace("_", "-").replace(".", "-")


def pins() -> dict[str, str]:
    """Return what `requirements.lock` pins: name -> version."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {
        canonical(name): version for name, _, version in (line.partition("==") for line in lines) if version
    }


def bill() -> dict[str, Any]:
    """Return the bill of materials of this environment."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--pyproject",
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run(  # noqa: S603
        [*command, "--output-reproducible", "--of", "JSON", sys.executable],
        capture_output=True,
        text=True,
        check=True,
    )
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def unlike(made: dict[str, Any], pinned: dict[str, str]) -> list[str]:
    """Return the names of the pins that are not in a bill at their version."""
    found = {canonical(one["name"]): one.get("version", "").partition("+")[0] for one in made["components"]}
    return sorted(name for name, version in pinned.items() if found.get(name) != version)


if __name__ == "__main__":
    out, content = Path(sys.argv[1]), bill()
    if wrong := unlike(content, pins()):
        sys.exit(f"not as requirements.lock says: {', '.join(wrong)}; run `make install`")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(content, indent=1) + "\n")
    sys.stdout.write(f"{out}: {len(content['components'])} components\n")
