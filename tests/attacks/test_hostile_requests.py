"""A malicious coordinator asks for what it must not get; the hospital answers with a number and nothing else."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord

import fedchemo.shared
from fedchemo.shared.wire.messages import EvaluateRequest, FinishRequest, LogisticRequest, TrainRequest
from tests.attacks.hostile import fields_of, model_of, site_configuration, statistics_of

pytestmark = pytest.mark.network

SIZE, FINGERPRINT = model_of(site_configuration())
ZEROS = np.zeros(SIZE, np.float32)
TRAIN, EVALUATE, LOGISTIC = "train", "evaluate", "query.logistic"


@pytest.fixture
def refused(fleet, hospital, secrets) -> Callable[..., str]:
    """Ask for something that must be refused; return the code, after a look at all that left and at the ledger."""

    def ask(*arguments: Any, **more: Any) -> str:
        seen, told = len(fleet.received), len(hospital.lines())
        reply = fleet.reply(fleet.ask(*arguments, **more), ended=lambda: not hospital.alive)
        assert reply.code.startswith("FC"), "a refusal is a number"
        outward = b"\n".join(body for _, _, body in fleet.received[seen:])
        assert len(outward) < 8192, "and nothing else"
        assert not [secret for secret in secrets if secret.encode() in outward]
        new = hospital.lines()[told:]
        assert any(line.event in {"refused", "failed"} and reply.code in line.words for line in new)
        assert {line.event for line in new} <= {"refused", "failed", "sent", "approved"}
        good = fleet.reply(fleet.ask(fields_of()))
        assert good.code == "", "the next good request is served"
        assert hospital.alive
        hospital.check_ledger()
        return reply.code

    return ask


def test_the_positive_control_a_good_request_is_served_and_written_down(fleet, hospital, secrets):
    reply = fleet.reply(fleet.ask(fields_of()))
    assert reply.code == ""
    assert b'"training"' in b"".join(reply.objects).replace(b"\\", b"")
    assert any("counts of patients" in line.words for line in hospital.lines("sent"))
    assert not [secret for secret in secrets if secret.encode() in fleet.wire()]


def configured(**changes: Any) -> dict[str, Any]:
    """Return the JSON of a configuration with settings changed by path, as ``training__learning_rate``."""
    fields = site_configuration().model_dump(mode="json")
    for path, value in changes.items():
        *groups, name = path.split("__")
        group = fields
        for one in groups:
            group = group[one]
        group[name] = value
    return fields


@pytest.mark.parametrize(
    "changes",
    [
        {"training__learning_rate": 1e30},
        {"training__learning_rate": -1.0},
        {"training__local_epochs": 10**9},
        {"training__local_steps": 10**9},
        {"training__batch_size": 0},
        {"training__batch_size": 10**9},
        {"training__clip_norm": float("inf")},
        {"training__optimizer": "__import__('os').system('id')"},
        {"imaging__grid": 100_000},
        {"imaging__grid": "48; rm -rf /"},
        {"imaging__spacing_mm": 1e-9},
        {"imaging__visit": "../../../etc"},
        {"imaging__channels": ["pre"] * 1000},
        {"model__widths": [10**9] * 4},
        {"model__blocks": [10**6] * 4},
        {"model__norm": "eval"},
        {"clinical__arms": ["\x1b]0;owned\x07"]},
        {"seed": -1},
        {"surprise": 1},
        {"imaging__folder": "/etc"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_setting_out_of_range_or_unknown_is_refused(refused, changes):
    configuration = configured(**changes)
    assert (
        refused(fields_of(TrainRequest, round=2) | {"configuration": configuration}, ZEROS, kind=TRAIN)
        == "FC304"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"run": "../../../../home/user/.ssh/authorized_keys"},
        {"run": "/etc/cron.d/owned"},
        {"run": "\x1b[2J\x1b[31mall is well"},
        {"run": "line\nbreak"},
        {"run": "a" * 10_000},
        {"run": ""},
        {"run": None},
        {"run": ["list"]},
        {"purpose": "\x1b]52;c;aGFjaw==\x07"},
        {"purpose": "\u202eevil"},
        {"purpose": "x" * 501},
        {"round": -1},
        {"round": 10**30},
        {"round": 1.5},
        {"fingerprint": "0" * 63},
        {"fingerprint": "' OR 1=1"},
        {"code": "import os"},
        {"method": {"name": "eval"}},
        {"method": {"name": "ditto", "pull": 1e9}},
        {"method": {"name": "plain", "fine_tuning_epochs": 10**6}},
        {"method": {"name": "plain", "code": "import os"}},
        {"statistics": {}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_field_that_the_schema_does_not_allow_is_refused(refused, hospital, changes):
    assert refused({**fields_of(), **changes}) == "FC304"
    assert "\x1b" not in hospital.screen
    assert "\u202e" not in hospital.screen


def test_a_run_may_not_climb_out_of_a_folder(fleet, hospital, folder):
    """A label may hold dots and slashes; nothing at the hospital makes a path of it."""
    before = {path for path in folder.rglob("*") if "fed" not in path.parts}
    assert fleet.reply(fleet.ask(fields_of(run="a/../../../escaped"))).code == ""
    assert {path for path in folder.rglob("*") if "fed" not in path.parts} == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{" * 5000,
        "[" * 200_000,
        '{"a":' * 40_000 + "1" + "}" * 1_000,
        '{"protocol": 1, "run": 1e999}',
        "cos\nsystem\n(S'id'\ntR.",
    ],
    ids=["empty", "null", "list", "braces", "brackets", "nested", "infinite", "pickle"],
)
def test_text_that_is_no_request_is_refused(refused, text):
    assert refused(text) in {"FC303", "FC304"}


def test_another_protocol_is_refused(refused):
    assert refused(fields_of(protocol=2)) == "FC303"
    assert refused(fields_of(protocol=[1])) == "FC303"


@pytest.mark.parametrize("kind", ["query.patients", "query", "train.__init__", "evaluate.exec"])
def test_an_unknown_kind_is_refused(refused, kind):
    assert refused(fields_of(), kind=kind) == "FC990"


def test_a_request_of_one_kind_under_the_name_of_another_is_refused(refused):
    assert refused(fields_of(), kind=TRAIN) == "FC304"
    assert refused(fields_of(TrainRequest)) == "FC304"


@pytest.mark.parametrize(
    "more",
    [
        {"fab": ConfigRecord({"content": b"PK\x03\x04"})},
        {"extra": ArrayRecord({"weights": Array(ZEROS)})},
        {"metrics": MetricRecord({"num-examples": 1})},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_record_beside_the_schema_is_refused(refused, more):
    assert refused(fields_of(), **more) == "FC304"


@pytest.mark.parametrize(
    "record",
    [
        ConfigRecord({"request": json.dumps(fields_of()), "run": "cmd"}),
        ConfigRecord({"request": json.dumps(fields_of()), "proximal-mu": 1e9}),
        ConfigRecord({"request": json.dumps(fields_of()), "proximal-mu": float("nan")}),
        ConfigRecord({"request": json.dumps(fields_of()), "proximal-mu": True}),
        ConfigRecord({"request": json.dumps(fields_of()).encode()}),
        ConfigRecord({"request": [json.dumps(fields_of())]}),
        ConfigRecord({}),
        MetricRecord({"request": 1}),
    ],
    ids=["key", "mu", "nan", "bool", "bytes", "list", "empty", "type"],
)
def test_a_record_of_the_wrong_type_or_with_another_key_is_refused(refused, record):
    assert refused(fields_of(), config=record) == "FC304"


def test_code_that_travels_with_a_run_is_never_looked_at(refused, hospital, folder):
    """A FAB with a module that bears our name: as an object among others, and as a record of the message."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        evil = f"open({str(folder / 'owned')!r}, 'w')".encode()
        info = tarfile.TarInfo("fedchemo/__init__.py")
        info.size = len(evil)
        tar.addfile(info, io.BytesIO(evil))
    where = fedchemo.shared.__file__
    assert refused(fields_of(), fab=ConfigRecord({"fab": archive.getvalue(), "hash": "0" * 64})) == "FC304"
    assert not (folder / "owned").exists()
    assert fedchemo.shared.__file__ == where
    assert not [route for route, _, _ in hospital_routes(hospital) if "fab" in route]


def hospital_routes(hospital: Any) -> list[tuple[str, str, str]]:
    """Return what the ledger has of objects that left, as (kind, run, words)."""
    return [(line.kind, line.run, line.words) for line in hospital.lines("sent")]


@pytest.mark.parametrize("printed", ["0" * 64, FINGERPRINT[::-1]], ids=["zeros", "reversed"])
def test_another_models_fingerprint_is_refused(refused, printed):
    assert refused(fields_of(fingerprint=printed)) == "FC302"
    assert refused(fields_of(TrainRequest, fingerprint=printed), ZEROS, kind=TRAIN) == "FC302"


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        (np.zeros(SIZE + 1), "FC305"),
        (np.zeros(SIZE - 1), "FC305"),
        (np.zeros(0), "FC305"),
        (np.full(SIZE, np.nan), "FC305"),
        (np.full(SIZE, np.inf), "FC305"),
        (np.where(np.arange(SIZE) == SIZE - 1, np.nan, 0.0), "FC305"),
        (None, "FC304"),
    ],
    ids=["long", "short", "none", "nan", "inf", "one nan", "absent"],
)
def test_weights_of_another_length_or_not_finite_are_refused(refused, weights, code):
    assert refused(fields_of(TrainRequest, round=3), weights, kind=TRAIN) == code
    assert refused(fields_of(EvaluateRequest, split="test"), weights, kind=EVALUATE) == code


@pytest.mark.parametrize(
    "record",
    [
        ArrayRecord({"weights": Array(np.zeros(SIZE, np.float64))}),
        ArrayRecord({"weights": Array(np.zeros((SIZE, 1), np.float32))}),
        ArrayRecord({"weights": Array(np.zeros(SIZE, np.int64))}),
        ArrayRecord({"weights": Array(ZEROS), "layer.extra": Array(ZEROS)}),
        ArrayRecord({"clinical.weight": Array(ZEROS)}),
        ArrayRecord({"weights": Array("float32", (SIZE,), "torch.pickle", ZEROS.tobytes())}),
        ArrayRecord({"weights": Array("float32", (SIZE,), "numpy.ndarray", b"\x80\x04cos\nsystem\n.")}),
        ArrayRecord({"weights": Array("float32", (SIZE,), "numpy.ndarray", b"")}),
    ],
    ids=["float64", "matrix", "int64", "unknown layer", "other layer", "stype", "pickle", "empty"],
)
def test_an_array_of_another_kind_is_refused(refused, record):
    assert refused(fields_of(TrainRequest), kind=TRAIN, arrays=record) == "FC305"


def test_an_array_of_objects_is_not_unpickled(refused, folder):
    """Numpy's format can hold a pickle, which runs code when it is loaded."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, (str(folder / "pickled"), "w"))

    content = io.BytesIO()
    np.save(content, np.array([Evil()], dtype=object), allow_pickle=True)
    array = Array("object", (1,), "numpy.ndarray", content.getvalue())
    assert refused(fields_of(TrainRequest), kind=TRAIN, arrays=ArrayRecord({"weights": array})) == "FC305"
    assert not (folder / "pickled").exists()
    content.seek(0)
    np.load(content, allow_pickle=True)
    assert (folder / "pickled").exists(), "the control: the pickle is a live one"


def test_statistics_that_describe_other_variables_are_refused(refused):
    described = statistics_of(site_configuration()).model_dump(mode="json")
    described["names"] = [f"patient {index}" for index, _ in enumerate(described["names"])]
    assert refused(fields_of(TrainRequest, statistics=described), ZEROS, kind=TRAIN) == "FC302"


@pytest.mark.parametrize(
    "changes",
    [{"deviations": 0.0}, {"means": float("nan")}, {"counts": -1}],
    ids=lambda changes: next(iter(changes)),
)
def test_statistics_out_of_range_are_refused(refused, changes):
    described = statistics_of(site_configuration()).model_dump(mode="json")
    for name, value in changes.items():
        described[name] = [value] * len(described["names"])
    assert refused(fields_of(TrainRequest, statistics=described), ZEROS, kind=TRAIN) == "FC304"


def test_coefficients_that_do_not_fit_are_refused(refused):
    assert refused(fields_of(LogisticRequest, coefficients=[0.0]), kind=LOGISTIC) == "FC304"
    assert refused(fields_of(LogisticRequest, coefficients=[0.0] * 5000), kind=LOGISTIC) == "FC304"


def test_the_end_of_a_run_that_never_was_is_refused(refused):
    """Each is lines in the ledger, under any policy: what is refused is slowed down."""
    never = fields_of(FinishRequest, run="never", outcome="completed", fingerprint="0" * 64)
    assert refused(never, kind="query.finish") == "FC919"


def test_a_run_that_was_served_ends_once(fleet, refused):
    assert fleet.reply(fleet.ask(fields_of(run="short"))).code == ""
    end = fields_of(FinishRequest, run="short", outcome="completed")
    assert fleet.reply(fleet.ask(end, kind="query.finish")).code == ""
    assert refused({**end, "purpose": "another"}, kind="query.finish") == "FC919"
    assert refused({**end, "outcome": "stopped"}, kind="query.finish") == "FC919"


def test_weights_that_blow_training_up_come_to_a_number(refused):
    huge = np.full(SIZE, 3e38, np.float32)
    assert refused(fields_of(TrainRequest, round=9), huge, kind=TRAIN) in {"FC320", "FC902", "FC990", "FC801"}
