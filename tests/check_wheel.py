"""Build the wheel, install it outside the checkout, and import every module from there: `make wheel`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("shared", "client", "server", "deploy", "simulations")

# Runs in the installed copy: the editable install's finder must not answer for it.
IMPORT_ALL = """
import importlib, sys
target, *modules = sys.argv[1:]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path.insert(0, target)
for name in modules:
    module = importlib.import_module(name)
    assert module.__file__.startswith(target), (name, module.__file__)
print(f"{len(modules)} modules import from the wheel")
"""


def main() -> None:
    """Fail with the output of whatever fails."""
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    modules = sorted(_module(path) for path in files if path.suffix == ".py" and path.stem != "__main__")
    # What an earlier build left behind would be packed again, deleted modules included.
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, str(ROOT)], check=True)
        (wheel,) = Path(folder).glob("fedchemo-*.whl")
        target = Path(folder) / "installed"
        subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
        for room in ROOMS:
            assert (target / "fedchemo" / room / "py.typed").exists(), room
        script = [sys.executable, "-c", IMPORT_ALL, str(target), *modules]
        subprocess.run(script, check=True, cwd=folder)


def _module(path: Path) -> str:
    parts = ("fedchemo", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    main()
