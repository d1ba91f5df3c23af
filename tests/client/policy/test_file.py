"""`policy.toml`: safe when it is made, and every mistake in it told at once."""

from __future__ import annotations

import tomllib

import pytest

from fedchemo.client.policy import Policy
from fedchemo.client.policy.file import default_text, ensure, read
from fedchemo.client.policy.keys import KEYS
from fedchemo.shared.errors import FedchemoError


def written(folder, text):
    path = folder / "policy.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_file_is_made_private_with_the_defaults_and_never_touched_again(tmp_path):
    path = tmp_path / "policy.toml"
    assert ensure(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(path) == Policy()
    path.write_text('approvals = "never"\n')
    assert not ensure(path)
    assert read(path).approvals == "never"


def test_every_key_stands_in_the_file_with_what_it_may_be():
    assert list(tomllib.loads(default_text())) == list(KEYS)
    assert set(KEYS) == set(Policy.model_fields)
    for line in default_text().splitlines():
        assert not line or line.startswith("#") or line.split(" = ")[0] in KEYS


def test_the_defaults_are_those_of_the_design():
    policy = Policy()
    assert policy.approvals == "ask", "no run goes on that nobody has looked at"
    assert policy.training_patients == 20
    assert policy.patients_behind_a_statistic == policy.patients_of_each_class_behind_a_metric == 5
    assert not policy.arm
    assert not policy.race


def test_every_problem_is_told_at_once_and_a_misspelled_key_is_guessed(tmp_path):
    path = written(
        tmp_path,
        'approvals = "sometimes"\ntraining_patients = 0\nimages = "yes"\nlargest_update_nrom = 3\n'
        'hours = ["25:00-26:00"]\nmetrics = ["loss"]\npatients = 2.5\n',
    )
    with pytest.raises(FedchemoError, match="FC920") as caught:
        read(path)
    told = caught.value.what
    assert "7 problems" in told
    assert 'approvals = \'sometimes\': must be "never", "ask", "once" or "always"' in told
    assert "did you mean largest_update_norm?" in told
    for key in ("training_patients", "images", "hours", "metrics", "patients"):
        assert f"  {key} = " in told


@pytest.mark.parametrize("text", ["approvals = ", "\x00\xff", "x = 1\n" * 20_000])
def test_what_is_no_policy_is_refused(tmp_path, text):
    with pytest.raises(FedchemoError, match="FC920"):
        read(written(tmp_path, text))


def test_a_policy_that_others_may_change_is_refused(tmp_path):
    path = written(tmp_path, "")
    path.chmod(0o664)
    with pytest.raises(FedchemoError, match="FC921"):
        read(path)
    path.chmod(0o644)  # readable by others, as one that an officer owns and the client only reads
    assert read(path) == Policy()


def test_no_policy_at_all(tmp_path):
    with pytest.raises(FedchemoError, match="FC002"):
        read(tmp_path / "policy.toml")


@pytest.mark.parametrize(
    ("text", "metric", "allowed"),
    [
        ('metrics = "all"', "test", True),
        ('metrics = "none"', "test", False),
        ('metrics = ["validation"]', "validation", True),
        ('metrics = ["validation"]', "test", False),
        ("metrics = []", "training_loss", False),
    ],
)
def test_which_metrics_may_leave(tmp_path, text, metric, allowed):
    assert read(written(tmp_path, text)).may_leave(metric) is allowed


def test_no_bound_is_an_infinite_one(tmp_path):
    assert read(written(tmp_path, 'largest_update_norm = "none"')).update_norm == float("inf")
    assert read(written(tmp_path, "largest_update_norm = 2")).update_norm == 2.0
