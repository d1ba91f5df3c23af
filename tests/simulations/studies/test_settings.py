"""A study's file: every ready study is one, and a wrong setting is refused by name."""

from __future__ import annotations

import pytest

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.studies.settings import read_study, ready_studies


def written(folder, text):
    file = folder / "study.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", ready_studies())
def test_ready_studies_are_valid_and_ask_something(name):
    study = read_study(ready_studies()[name])
    assert study.question.endswith("?")
    assert len(study.seeds) >= 3


def test_there_is_a_ready_study_for_every_usual_question():
    assert {
        "ispy2-by-site",
        "ispy2-leave-one-site-out",
        "ispy2-cross-site",
        "ispy2-vendor",
        "uneven-labels",
        "number-of-sites",
        "local-epochs",
        "missing-images",
        "ispy2-privacy",
        "ispy2-images",
        "ispy2-images-leave-one-site-out",
        "synthetic-images",
        "label-noise",
    } <= set(ready_studies())


def test_a_variant_overrules_the_run_table_by_table(tmp_path):
    study = read_study(
        written(
            tmp_path,
            """
name = "s"
[run]
rounds = 3
site = { training = { batch_size = 4 }, imaging = { enabled = false } }
[[variant]]
name = "long"
run = { site = { training = { local_epochs = 5 } } }
""",
        )
    )
    found = study.configuration(study.variant[0], study.strategy[0].strategy, 7)
    assert (found.rounds, found.site.seed) == (3, 7)
    assert (found.site.training.batch_size, found.site.training.local_epochs) == (4, 5)
    assert not found.site.imaging.enabled


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name = 's'\nmargn = 0.1", "margn"),
        ("name = 's'\n[run]\nruonds = 3", "ruonds"),
        ("name = 's'\nmargin = 0", "margin"),
        ("name = 's'\nseeds = [1, 1]", "seeds"),
        ("name = 's'\nstrategy = [{ name = 'fedavg' }, { name = 'fedavg' }]", "strategies"),
        ("name = 's'\nstrategy = [{ name = 'fedavg', label = 'pooled' }]", "pooled"),
        ("name = 's'\ncross_site = true\nreferences = ['pooled']", "cross_site"),
        ("name = 's'\n[[variant]]\nlabel_noise = 0.5", "harmed_sites"),
        ("name = 's'\n[[privacy]]\npolicy = { largest_norm = 1.0 }", "largest_norm"),
        ("name = 's'\n[[privacy]]\npolicy = { metrics = 'some' }", "metrics"),
        ("name = 's'\n[[privacy]]\n[[privacy]]", "privacy settings"),
        ("name = 's'\n[[privacy]]\nrun = { ruonds = 3 }", "ruonds"),
        ("name = s", "study.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, named):
    with pytest.raises(FedchemoError, match=named) as caught:
        read_study(written(tmp_path, text))
    assert caught.value.code == "FC301"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FedchemoError, match="FC002"):
        read_study(tmp_path / "none.toml")
