"""Events are whole lines, a full disk is told once, and what a resumed run did twice counts once."""

from __future__ import annotations

import json
import os
import threading

import pytest

from fedchemo.server.events import EventLog
from fedchemo.server.history import counted_events, every_event
from fedchemo.shared.errors import FedchemoError


def test_an_event_is_in_the_file_when_it_has_been_told(tmp_path):
    sizes = []
    log = EventLog(tmp_path / "events", lambda _event: sizes.append((tmp_path / "events").stat().st_size))
    log.emit("one", site="Zürich")
    log.emit("two")
    assert sizes[1] == (tmp_path / "events").stat().st_size
    assert [event["event"] for event in every_event(tmp_path / "events")] == ["one", "two"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_full_disk_is_a_numbered_error_and_the_listeners_still_hear(tmp_path):
    heard = []
    (tmp_path / "events").symlink_to("/dev/full")
    log = EventLog(tmp_path / "events", lambda event: heard.append(event["event"]))
    with pytest.raises(FedchemoError, match=r"FC004.*No space left"):
        log.emit("one")
    log.emit("run_failed")
    log.close()
    assert heard == ["run_failed"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_disk_that_is_full_for_the_listener_of_the_network_ends_the_run_and_not_the_listener(tmp_path):
    heard, ended = [], []
    (tmp_path / "events").symlink_to("/dev/full")
    log = EventLog(tmp_path / "events", lambda event: heard.append(event["event"]))

    def listener() -> None:
        log.emit("site_online")
        log.emit("site_refused")
        ended.append("well")

    thread = threading.Thread(target=listener)
    thread.start()
    thread.join()
    assert ended == ["well"]
    with pytest.raises(FedchemoError, match=r"FC004.*No space left"):
        log.emit("round_started")
    log.emit("run_failed")
    assert heard == ["site_online", "site_refused", "run_failed"]


def test_a_file_that_cannot_be_opened_is_a_numbered_error(tmp_path):
    with pytest.raises(FedchemoError, match="FC004"):
        EventLog(tmp_path / "nowhere" / "events")


def test_a_missing_file_has_no_events_and_a_cut_line_none(tmp_path):
    assert list(every_event(tmp_path / "events")) == []
    (tmp_path / "events").write_text('{"event": "one"}\n{"event": "t')
    assert [event["event"] for event in every_event(tmp_path / "events")] == ["one"]


def test_what_followed_the_checkpoint_does_not_count(tmp_path):
    path = tmp_path / "events"
    names, places = [], {}

    def write(name, **more):
        with path.open("ab") as file:
            places[name] = file.tell()
            file.write(json.dumps({"event": name, **more}).encode() + b"\n")
        names.append(name)

    write("a")
    write("b")
    write("c")
    write("resumed", void_from=places["b"], void_to=path.stat().st_size)
    write("d")
    write("e")
    # Again, from an older checkpoint: what the first resumption did is void as well.
    write("resumed", void_from=places["b"], void_to=path.stat().st_size)
    write("f")
    assert [event["event"] for event in every_event(path)] == names
    assert [event["event"] for event in counted_events(path)] == ["a", "resumed", "f"]
