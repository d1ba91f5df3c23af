"""Weights in memory that two processes see."""

from __future__ import annotations

import multiprocessing
import os
import sys

import numpy as np
import pytest

from fedchemo.client.worker.vectors import SharedVectors


@pytest.fixture
def vectors():
    made = SharedVectors()
    yield made
    made.close()


def test_what_is_put_is_seen_as_it_was_at_any_size(vectors):
    for sizes in ((3,), (10, 10), (1_000_000,), (5,), ()):
        put = [np.random.default_rng(size).random(size, dtype=np.float32) for size in sizes]
        assert vectors.put(put) == sizes
        for seen, sent in zip(vectors.views(sizes), put, strict=True):
            np.testing.assert_array_equal(seen, sent)


def test_a_copy_does_not_change_with_the_memory(vectors):
    vectors.put([np.ones(4, np.float32)])
    copy, (view,) = vectors.copy(4), vectors.views([4])
    view[:] = 7
    assert copy.tolist() == [1, 1, 1, 1]


def _double(vectors, connection):
    while length := connection.recv():
        (view,) = vectors.views([length])
        vectors.put([np.tile(view, 2) * 2])
        connection.send(2 * length)


@pytest.mark.usefixtures("own_modules")
def test_another_process_sees_them_and_may_make_them_longer(vectors):
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=_double, args=(vectors, theirs), daemon=True)
    process.start()
    for length in (10, 100_000, 10):
        sent = np.random.default_rng(length).random(length, dtype=np.float32)
        ours.send(vectors.put([sent])[0])
        assert ours.poll(60)
        np.testing.assert_array_equal(vectors.copy(ours.recv()), np.tile(sent, 2) * 2)
    ours.send(0)
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a seal")
def test_nobody_can_take_the_memory_from_under_the_other(vectors):
    vectors.put([np.ones(10_000, np.float32)])
    with pytest.raises(PermissionError):
        os.ftruncate(vectors._handle, 10)
