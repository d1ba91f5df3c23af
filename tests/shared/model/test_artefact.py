"""A saved model comes back to the bit, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import ImagingSettings, ModelSettings, SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model import artefact
from fedchemo.shared.model.artefact import DESCRIPTION, WEIGHTS, load, save
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise
from fedchemo.shared.model.packing import manifest, pack

CONFIGURATION = SiteConfiguration(
    imaging=ImagingSettings(grid=8),
    model=ModelSettings(widths=(4, 4, 4, 4), norm_groups=2, film_bottleneck=2),
)


def write(folder: Path, *, seed: int = 0, configuration: SiteConfiguration = CONFIGURATION, **changes):
    """Save a model of random parameters with an open gate; return its module."""
    features = names(configuration.clinical)
    module = build(configuration.model, configuration.imaging, len(features))
    initialise(module, seed)
    with torch.no_grad():
        module.clinical.weight.copy_(torch.linspace(-1, 1, len(features)))
        for name, parameter in module.named_parameters():
            if "gate" in name:
                parameter.fill_(0.05)
    known = variables(configuration.clinical)
    content = {
        "vector": pack(module),
        "configuration": configuration,
        "statistics": ClinicalStatistics(
            names=known, means=(0.1,) * len(known), deviations=(1.5,) * len(known), counts=(99,) * len(known)
        ),
        "manifest": manifest(module),
        "fingerprint": fingerprint(configuration, manifest(module), features),
        "details": {"run": "test", "round": 3},
    }
    save(folder, **(content | changes))
    return module.eval()


def refused(folder: Path, code: str, match: str):
    with pytest.raises(FedchemoError, match=match) as caught:
        load(folder)
    assert caught.value.code == code


def edit(folder: Path, *, sealed: bool, **changes) -> None:
    """Change the description; ``sealed`` gives it a fitting hash, as another writer would."""
    path = folder / DESCRIPTION
    content = json.loads(path.read_text())
    seal = content.pop("sha256")
    content |= changes
    path.write_text(json.dumps(content | {"sha256": artefact._seal(content) if sealed else seal}))


@pytest.mark.parametrize(
    "configuration",
    [
        CONFIGURATION,
        CONFIGURATION.model_copy(update={"imaging": ImagingSettings(enabled=False)}),
        SiteConfiguration(
            imaging=ImagingSettings(grid=33), model=ModelSettings(widths=(4, 4, 4, 4), norm="batch")
        ),
    ],
    ids=["fusion", "clinical only", "batch norm"],
)
def test_comes_back_to_the_bit(tmp_path, configuration):
    module = write(tmp_path, configuration=configuration)
    found = load(tmp_path)
    assert (found.configuration, found.details) == (configuration, {"run": "test", "round": 3})
    assert found.statistics.counts[0] == 99
    assert not found.module.training
    assert np.array_equal(pack(found.module), pack(module))

    generator = torch.Generator().manual_seed(1)
    grid = configuration.imaging.grid
    images = torch.randn(3, 3, grid, grid, grid, generator=generator)
    clinical = torch.randn(3, len(names(configuration.clinical)), generator=generator)
    has_image = torch.tensor([True, False, True])
    with torch.no_grad():
        logits = module(images, has_image, clinical)
    assert np.array_equal(
        found.probabilities(images, has_image, clinical), torch.sigmoid(logits.double()).numpy()
    )


def test_the_weights_alone_decide_the_bytes_of_their_file(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", details={"run": "another"})
    write(tmp_path / "c", seed=1)
    first, second, third = ((tmp_path / name / WEIGHTS).read_bytes() for name in "abc")
    assert first == second != third


def test_only_whole_files_are_left(tmp_path):
    write(tmp_path)
    write(tmp_path, seed=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DESCRIPTION, WEIGHTS]


def test_a_missing_folder(tmp_path):
    refused(tmp_path / "nowhere", "FC002", "nowhere")


def test_a_folder_without_a_model(tmp_path):
    refused(tmp_path, "FC306", r"model\.json")


def test_a_run_that_has_not_ended(tmp_path):
    (tmp_path / "rounds").mkdir()
    refused(tmp_path, "FC306", "has not ended")


def test_missing_weights(tmp_path):
    write(tmp_path)
    (tmp_path / WEIGHTS).unlink()
    refused(tmp_path, "FC306", r"model\.safetensors")


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION])
@pytest.mark.parametrize("damage", ["bit", "cut", "empty"])
def test_damage_is_found_wherever_it_is(tmp_path, name, damage):
    write(tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    for position in range(len(whole) // 16, len(whole) - 2, len(whole) // 8):
        match damage:
            case "bit":
                path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            case "cut":
                path.write_bytes(whole[:position])
            case "empty":
                path.write_bytes(b"")
        if name == DESCRIPTION and damage == "bit" and same_meaning(path.read_bytes(), whole):
            continue
        with pytest.raises(FedchemoError) as caught:
            load(tmp_path)
        assert caught.value.code == "FC306"
    path.write_bytes(whole)
    load(tmp_path)


def same_meaning(damaged: bytes, whole: bytes) -> bool:
    try:
        return json.loads(damaged) == json.loads(whole)
    except ValueError:
        return False


def test_the_weights_of_another_model_are_refused(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", seed=1)
    (tmp_path / "a" / WEIGHTS).write_bytes((tmp_path / "b" / WEIGHTS).read_bytes())
    refused(tmp_path / "a", "FC306", "of another model")


def test_a_description_edited_by_hand_is_refused(tmp_path):
    write(tmp_path)
    edit(tmp_path, sealed=False, details={"run": "better"})
    refused(tmp_path, "FC306", "damaged")


@pytest.mark.parametrize("content", ["[]", "1", "null", "{}", '{"format": 99}', "{", "\x00", '"\udc80"'])
def test_what_is_no_description_is_refused(tmp_path, content):
    write(tmp_path)
    (tmp_path / DESCRIPTION).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(FedchemoError) as caught:
        load(tmp_path)
    assert caught.value.code == "FC306"


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"weights": "elsewhere"},
        {"fingerprint": "0"},
        {"configuration": {"seed": -1}},
        {"manifest": {"entries": []}},
        {"statistics": {}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_description_of_another_version_is_refused_though_its_hash_fits(tmp_path, changes):
    write(tmp_path)
    edit(tmp_path, sealed=True, **changes)
    with pytest.raises(FedchemoError) as caught:
        load(tmp_path)
    assert caught.value.code == "FC306"


def test_another_fingerprint_is_refused(tmp_path):
    write(tmp_path, fingerprint="0" * 64)
    refused(tmp_path, "FC302", "fingerprint")


def test_a_configuration_that_builds_another_model_is_refused(tmp_path):
    write(tmp_path)
    other = CONFIGURATION.model_copy(update={"model": ModelSettings(widths=(8, 4, 4, 4), norm_groups=2)})
    edit(tmp_path, sealed=True, configuration=other.model_dump(mode="json"))
    refused(tmp_path, "FC302", "fingerprint")


def test_statistics_of_other_variables_are_refused(tmp_path):
    write(tmp_path, statistics=ClinicalStatistics(names=("hr",), means=(0,), deviations=(1,), counts=(9,)))
    refused(tmp_path, "FC302", "other clinical variables")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    module = build(CONFIGURATION.model, CONFIGURATION.imaging, len(names(CONFIGURATION.clinical)))
    initialise(module, 0)
    vector = pack(module)
    vector[5] = np.nan
    write(tmp_path, vector=vector)
    refused(tmp_path, "FC305", "not finite")


@pytest.mark.parametrize("change", [lambda v: v[:-1], lambda v: v.astype(np.float64), lambda v: v[None]])
def test_a_vector_that_does_not_fit_is_not_written(tmp_path, change):
    module = build(CONFIGURATION.model, CONFIGURATION.imaging, len(names(CONFIGURATION.clinical)))
    initialise(module, 0)
    with pytest.raises(FedchemoError) as caught:
        write(tmp_path, vector=change(pack(module)))
    assert caught.value.code == "FC305"
    assert not list(tmp_path.iterdir())


def test_tensors_that_the_manifest_does_not_name_are_refused(tmp_path):
    write(tmp_path)
    tensors = safetensors.numpy.load_file(tmp_path / WEIGHTS)
    content = safetensors.numpy.save(tensors | {"extra": np.zeros(1, dtype=np.float32)})
    (tmp_path / WEIGHTS).write_bytes(content)
    edit(tmp_path, sealed=True, weights_sha256=artefact.hashlib.sha256(content).hexdigest())
    refused(tmp_path, "FC306", "other tensors")


def test_an_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FedchemoError) as caught:
        write(tmp_path / "file")
    assert caught.value.code == "FC004"
