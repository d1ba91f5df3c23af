"""Checkpoints are whole or not there, read back to the bit, and a damaged one is passed over with a word."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.server.checkpoint import Checkpoint
from fedchemo.server.checkpoint_files import Checkpoints
from fedchemo.server.rounds.opening import Opening
from fedchemo.server.rounds.selection import Candidate
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import StatisticsReply

RUN, OTHER = "0" * 64, "1" * 64


def made(number, *, candidates=(), size=50):
    stream = np.random.default_rng(number)
    replies = {
        site: StatisticsReply(role=role, training=30, validation=None, test=5, images=0, moments=None)
        for site, role in (("a", "train"), ("b", "evaluate"))
    }
    statistics = ClinicalStatistics(names=("hr",), means=(0.1,), deviations=(1 / 3,), counts=(30,))
    return Checkpoint(
        round=number,
        weights=stream.normal(size=size).astype(np.float32),
        strategy={"m_t/weights": stream.normal(size=size), "v_t/weights": np.zeros(size, np.float32)},
        opening=Opening({"a": "train", "b": "evaluate"}, statistics, replies),
        coefficients=(0.1 + 0.2, -1e-300, float(np.nextafter(1, 2))),
        candidates=tuple(Candidate(round=one, log_loss=1 / one, judges=("a",)) for one in candidates),
        present=("a",),
        marks=("resumed elsewhere",),
        events=7,
    )


def same(one, other):
    assert one.weights.tobytes() == other.weights.tobytes()
    assert {k: (v.dtype, v.tobytes()) for k, v in one.strategy.items()} == {
        k: (v.dtype, v.tobytes()) for k, v in other.strategy.items()
    }
    blank = {"weights": None, "strategy": None}
    assert replace(one, **blank) == replace(other, **blank)
    assert one.events == other.events


@pytest.fixture
def files(tmp_path):
    return Checkpoints(tmp_path)


def write(files, *numbers, **options):
    for number in numbers:
        files.write(made(number, **options), run=RUN)


def test_what_is_read_is_what_was_written_to_the_bit(files):
    write(files, 3)
    same(files.read(3, run=RUN), made(3))
    found = files.newest(run=RUN)
    assert found.damaged == ()
    same(found.checkpoint, made(3))


def test_the_clinical_model_is_a_checkpoint_too_and_none_is_none(files):
    assert files.newest(run=RUN).checkpoint is None
    write(files, 0)
    assert files.newest(run=RUN).checkpoint.round == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    suffix=st.sampled_from([".json", ".safetensors"]),
)
def test_a_flipped_bit_anywhere_falls_back_to_the_one_before(files, where, bit, suffix):
    write(files, 1, 2)
    path = files.folder / f"0002{suffix}"
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    path.write_bytes(content)
    found = files.newest(run=RUN)
    if found.checkpoint.round == 2:  # a bit that means nothing, such as one of the line's end
        same(found.checkpoint, made(2))
        assert suffix == ".json"
    else:
        same(found.checkpoint, made(1))
        assert len(found.damaged) == 1
        assert "0002" in found.damaged[0]


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("length", [0, 10, -1])
def test_a_file_that_was_cut_short_falls_back_too(files, suffix, length):
    write(files, 1, 2)
    path = files.folder / f"0002{suffix}"
    path.write_bytes(path.read_bytes()[: length if length >= 0 else path.stat().st_size - 2])
    found = files.newest(run=RUN)
    assert found.checkpoint.round == 1
    assert "0002" in found.damaged[0]


def test_all_damaged_begins_anew_and_says_so_of_each(files):
    write(files, 1, 2)
    for path in files.folder.glob("*.safetensors"):
        path.write_bytes(b"")
    found = files.newest(run=RUN)
    assert found.checkpoint is None
    assert len(found.damaged) == 2


def test_a_best_round_that_is_damaged_is_computed_again(files):
    write(files, 3)
    write(files, 4, 5, 6, candidates=(5,))
    write(files, 10, 11, candidates=(5,))
    (files.folder / "0005.safetensors").write_bytes(b"")
    found = files.newest(run=RUN)
    assert found.checkpoint.round == 3
    assert sum("0005" in what for what in found.damaged) == 1


def test_a_best_round_that_a_later_one_has_surpassed_may_be_gone(files):
    """Both latest checkpoints are damaged; the tenth names a best round that was removed since, for a better one."""
    write(files, 2)
    write(files, 10, candidates=(7,))
    write(files, 12)
    write(files, 14, 15, candidates=(12,))
    for number in (12, 14, 15):
        (files.folder / f"{number:04d}.safetensors").write_bytes(b"")
    found = files.newest(run=RUN)
    assert found.checkpoint.round == 10


def test_a_checkpoint_of_other_settings_is_refused(files):
    write(files, 1)
    with pytest.raises(FedchemoError, match="FC408"):
        files.newest(run=OTHER)


def test_pruning_keeps_what_is_named_and_every_kth(files):
    write(files, *range(8))
    files.prune({7, 6}, every=3)
    assert files.numbers() == [7, 6, 3]
    assert {path.name for path in files.folder.iterdir()} == {
        f"{number:04d}{suffix}" for number in (7, 6, 3) for suffix in (".json", ".safetensors")
    }


class Stopped(BaseException):
    """As if the process had ended here."""


class _Countdown:
    """Stops at the n-th operation on files in a folder; an audit hook can never be taken off."""

    left: int | None = None
    folder = "none"

    def __call__(self, event, arguments):
        if self.left is None or event not in {"open", "os.rename", "os.remove", "os.chmod"}:
            return
        if str(arguments[0]).startswith(self.folder):
            self.left -= 1
            if self.left < 0:
                raise Stopped


countdown = _Countdown()
sys.addaudithook(countdown)


def test_at_whatever_operation_writing_stops_the_old_or_the_new_one_is_there(tmp_path):
    seen, stopped_at = set(), 0
    while True:
        files = Checkpoints(tmp_path / str(stopped_at))
        files.folder.mkdir()
        write(files, 0, 1)
        countdown.folder, countdown.left = str(files.folder), stopped_at
        try:
            write(files, 2)
            files.prune({1, 2}, every=10)
        except Stopped:
            finished = False
        else:
            finished = True
        finally:
            countdown.left = None
        found = files.newest(run=RUN)
        assert found.damaged == ()
        assert found.checkpoint.round in {1, 2}
        same(found.checkpoint, made(found.checkpoint.round))
        seen.add(found.checkpoint.round)
        files.sweep()
        assert not list(files.folder.glob(".*.part"))
        if finished:
            break
        stopped_at += 1
    assert seen == {1, 2}
    assert stopped_at > 8, "the operations were seen"


def test_a_full_disk_is_a_numbered_error_and_the_one_before_is_intact(files, monkeypatch):
    import safetensors

    write(files, 1)

    def full(*_arguments, **_options):
        raise safetensors.SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(FedchemoError, match=r"FC004.*No space left"):
        write(files, 2)
    same(files.newest(run=RUN).checkpoint, made(1))
    assert not list(files.folder.glob(".*.part"))


def test_a_damaged_checkpoint_that_is_asked_for_by_name_has_its_number(files):
    write(files, 1)
    (files.folder / "0001.safetensors").write_bytes(b"")
    with pytest.raises(FedchemoError, match="FC406"):
        files.read(1, run=RUN)
