"""The keyboard, read without keeping anybody waiting."""

from __future__ import annotations

import io
import os

import pytest

from fedchemo.client.approvals.terminal import Terminal


@pytest.fixture
def keyboard(monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "w", buffering=1) as keys:
        monkeypatch.setattr("sys.stdin", source)
        yield keys


def test_answers_come_one_by_one(keyboard):
    terminal = Terminal()
    terminal.clear()
    assert terminal.answer(seconds=0.01) is None
    for typed, expected in (
        ("yes", "yes"),
        (" Y ", "yes"),
        ("n", "no"),
        ("perhaps", "unclear"),
        ("", "unclear"),
    ):
        keyboard.write(f"{typed}\n")
        assert terminal.answer(seconds=10) == expected


def test_what_was_typed_before_the_question_is_no_answer(keyboard):
    terminal = Terminal()
    terminal.clear()
    keyboard.write("yes\n")
    terminal._lines.put(terminal._lines.get(timeout=10))  # it has arrived
    terminal.clear()
    assert terminal.answer(seconds=0.01) is None


def test_a_pipe_is_no_person(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert not Terminal.is_there()
    monkeypatch.setattr("sys.stdin", None)
    assert not Terminal.is_there()
