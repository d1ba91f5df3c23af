"""What MONAI takes in unasked stays out, and can be imported afterwards as if nothing had been."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fedchemo.shared.model.lean_import import FOR_MONAI, without


def test_a_hidden_package_cannot_be_imported_and_then_it_can(tmp_path, monkeypatch):
    (tmp_path / "shy_package.py").write_text("HERE = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    with without("shy_package"), pytest.raises(ImportError):
        import shy_package  # noqa: F401
    import shy_package as seen

    assert seen.HERE
    with without("shy_package"):
        import shy_package as still

        assert still is seen, "one that is loaded stays"


def test_it_can_be_imported_again_after_a_failure():
    with pytest.raises(ZeroDivisionError), without("email.mime.audio"):
        raise ZeroDivisionError
    import email.mime.audio

    assert email.mime.audio


def test_the_model_takes_none_of_them_in():
    program = (
        "import sys, fedchemo.shared.model.build\n"
        f"found = [name for name in {FOR_MONAI!r} if name in sys.modules]\n"
        "import matplotlib.pyplot, scipy.signal\n"
        "print(found)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
