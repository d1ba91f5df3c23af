"""The cache holds what `to_tensor` gives, whole or not at all, and never something stale."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from fedchemo.client.cache import ImageCache
from fedchemo.client.cache import images as module
from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging import tensor as tensor_module
from fedchemo.shared.imaging.tensor import to_tensor
from fedchemo.shared.imaging.volume import load_phases
from tests.shared.imaging.made import examination, write

SETTINGS = ImagingSettings(grid=16, spacing_mm=2.0)


@pytest.fixture
def folders(tmp_path):
    return {
        f"P{k}": write(tmp_path / "images" / f"P{k}" / "T0", examination(shape=(30, 28, 10), seed=k))
        for k in range(4)
    }


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "state" / "cache"


def filled(directory, folders, settings=SETTINGS, **options):
    cache = ImageCache(directory, settings)
    assert cache.fill(folders, **options) == {}
    return cache


def arrays(directory):
    return {path.name: path.read_bytes() for path in directory.glob("*.npy")}


def test_reads_are_the_tensors_in_half_precision(directory, folders):
    cache = filled(directory, folders)
    for patient, folder in folders.items():
        found = cache.read(patient)
        assert isinstance(found, np.memmap)
        assert found.dtype == np.float16
        assert found.flags.c_contiguous
        assert not found.flags.writeable
        assert np.array_equal(found, to_tensor(load_phases(folder), SETTINGS).astype(np.float16))


def test_a_batch_is_float32_with_zeros_where_there_is_no_image(directory, folders):
    cache = filled(directory, folders)
    batch = cache.batch(["P2", "nobody", "P0", "P2"])
    assert batch.dtype == torch.float32
    assert batch.shape == (4, 3, 16, 16, 16)
    assert not batch[1].any()
    assert torch.equal(batch[0], batch[3])
    for row, patient in ((0, "P2"), (2, "P0")):
        assert np.array_equal(batch[row].numpy(), cache.read(patient).astype(np.float32))
    assert cache.batch([]).shape == (0, 3, 16, 16, 16)


def test_values_beyond_half_precision_are_clipped(directory, tmp_path):
    made = examination(shape=(30, 28, 10))
    made = {name: values.astype(np.float64) for name, values in made.items()}
    made["early"] = made["early"] + 1e9 * made["lesion"]
    cache = filled(directory, {"P": write(tmp_path / "P", made)})
    values = cache.read("P").astype(np.float32)
    assert np.isfinite(values).all()
    assert values.max() == 65504
    assert values.min() == -65504


def test_modes_keep_others_out(directory, folders):
    directory.mkdir(parents=True, mode=0o755)
    filled(directory, folders)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_no_patient_is_named_by_a_file(directory, folders):
    filled(directory, folders)
    assert not any("P" in path.name for path in directory.iterdir())


def test_one_bad_case_never_stops_a_site(directory, folders):
    (folders["P1"] / "late.nii.gz").write_bytes(b"broken")
    (folders["P3"] / "pre.nii.gz").unlink()
    cache = ImageCache(directory, SETTINGS)
    refused = cache.fill(folders | {"P9": folders["P0"].parent / "nowhere"})
    assert {patient: error.code for patient, error in refused.items()} == {
        "P1": "FC202",
        "P3": "FC201",
        "P9": "FC201",
    }
    for patient, error in refused.items():
        assert patient in error.what or patient == "P9"
    assert [patient for patient in (*folders, "P9") if patient in cache] == ["P0", "P2"]
    assert not cache.batch(["P1"]).any()


def test_what_nobody_foresaw_sets_one_case_aside(directory, folders, monkeypatch):
    def odd(phases, settings):
        if "P2" in phases.source:
            raise MemoryError
        return to_tensor(phases, settings)

    monkeypatch.setattr(module, "to_tensor", odd)
    cache = ImageCache(directory, SETTINGS)
    refused = cache.fill(folders)
    assert {patient: error.code for patient, error in refused.items()} == {"P2": "FC099"}
    assert "P2" in refused["P2"].what


def test_a_full_disk_is_no_fault_of_a_patient(directory, folders, monkeypatch):
    def full(*_args, **_options):
        raise FedchemoError("FC004", "No space left on device")

    monkeypatch.setattr(module, "replacing", full)
    with pytest.raises(FedchemoError) as caught:
        ImageCache(directory, SETTINGS).fill(folders)
    assert caught.value.code == "FC004"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FedchemoError) as caught:
        ImageCache(tmp_path / "file" / "cache", SETTINGS)
    assert caught.value.code == "FC004"


def test_a_second_fill_prepares_nothing(directory, folders, monkeypatch):
    before = filled(directory, folders)
    monkeypatch.setattr(module, "to_tensor", None)
    again = filled(directory, folders)
    assert np.array_equal(before.read("P1"), again.read("P1"))


@pytest.mark.parametrize(
    "other",
    [
        {"grid": 12},
        {"spacing_mm": 1.0},
        {"channels": ("pre", "early")},
        {"channels": ("wash_in", "pre", "wash_out")},
    ],
)
def test_other_settings_are_other_files(directory, folders, other):
    one = filled(directory, folders)
    settings = ImagingSettings(**{"grid": 16, "spacing_mm": 2.0, **other})
    two = filled(directory, folders, settings)
    assert len(arrays(directory)) == 8
    assert np.array_equal(two.read("P0"), to_tensor(load_phases(folders["P0"]), settings).astype(np.float16))
    assert one.read("P0").shape == (3, 16, 16, 16)


def test_settings_that_do_not_touch_the_tensor_share_it(directory, folders):
    filled(directory, folders)
    filled(directory, folders, ImagingSettings(grid=16, spacing_mm=2.0, augment=False, visit="T1"))
    assert len(arrays(directory)) == 4


def test_a_new_version_of_the_code_makes_new_files(directory, folders, monkeypatch):
    filled(directory, folders)
    monkeypatch.setattr(tensor_module, "IMAGING_VERSION", tensor_module.IMAGING_VERSION + 1)
    filled(directory, folders)
    assert len(arrays(directory)) == 8


@pytest.mark.parametrize("name", ["pre", "early", "late", "lesion"])
def test_changed_content_is_prepared_anew(directory, folders, name):
    before = filled(directory, folders).read("P0").copy()
    other = examination(shape=(30, 28, 10), seed=99, lesion_mm=(20, 20, 20))
    write(folders["P0"], {name: other[name]})
    assert not np.array_equal(filled(directory, folders).read("P0"), before)


def test_a_mask_taken_away_changes_the_name(directory, folders):
    filled(directory, folders)
    (folders["P0"] / "lesion.nii.gz").unlink()
    filled(directory, folders)
    assert len(arrays(directory)) == 5


def test_a_folder_that_moved_is_not_prepared_again(directory, folders, tmp_path):
    filled(directory, folders)
    moved = tmp_path / "elsewhere"
    shutil.move(folders["P0"], moved)
    filled(directory, {"another name": moved})
    assert len(arrays(directory)) == 4


@pytest.mark.parametrize(
    "damage", [lambda file: b"", lambda file: file[:1000], lambda file: b"x" * len(file)]
)
def test_a_damaged_file_is_refused_when_read_and_rebuilt_when_filled(directory, folders, damage):
    cache = filled(directory, folders)
    whole = arrays(directory)
    for name, content in whole.items():
        (directory / name).write_bytes(damage(content))
    with pytest.raises(FedchemoError) as caught:
        cache.read("P0")
    assert caught.value.code == "FC210"
    filled(directory, folders)
    assert arrays(directory) == whole


def test_reading_a_patient_never_filled(directory):
    with pytest.raises(FedchemoError) as caught:
        ImageCache(directory, SETTINGS).read("P0")
    assert caught.value.code == "FC210"


def test_files_that_change_while_they_are_read(directory, folders, monkeypatch):
    from fedchemo.shared.imaging import volume

    def slow(folder):
        phases = load_phases(folder)
        write(folder, {"late": examination(shape=(30, 28, 10), seed=50)["late"]})
        os.utime(folder / "late.nii.gz", ns=(1, 1))
        return phases

    monkeypatch.setattr(volume, "load_phases", slow)
    refused = ImageCache(directory, SETTINGS).fill({"P0": folders["P0"]})
    assert refused["P0"].code == "FC202"
    assert "changed" in refused["P0"].what
    assert arrays(directory) == {}


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_no_bit_and_progress_counts(directory, folders, workers, tmp_path):
    filled(tmp_path / "reference", folders)
    told = []
    filled(directory, folders, workers=workers, progress=lambda done, total: told.append((done, total)))
    assert arrays(directory) == arrays(tmp_path / "reference")
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_interrupted_fill_leaves_only_whole_files(directory, folders, tmp_path):
    filled(tmp_path / "reference", folders)

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ImageCache(directory, SETTINGS).fill(folders, progress=interrupt)
    found = arrays(directory)
    assert found.items() <= arrays(tmp_path / "reference").items()
    assert len(found) >= 2
    filled(directory, folders)
    assert arrays(directory) == arrays(tmp_path / "reference")


def test_a_write_that_fails_midway_leaves_nothing(directory, folders, monkeypatch):
    def torn(file, array):
        file.write(b"\x93NUMPY half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "save", torn)
    with pytest.raises(FedchemoError) as caught:
        ImageCache(directory, SETTINGS).fill(folders)
    assert caught.value.code == "FC004"
    assert [path for path in directory.iterdir() if path.suffix in {".npy", ".part"}] == []


# A process of its own: says that it is ready, waits for a line, fills.
FILL = """
import json, sys
from pathlib import Path
from fedchemo.client.cache import ImageCache, images
from fedchemo.shared.configuration import ImagingSettings

directory, folders, save = json.loads(sys.argv[1])

def half(file, array):
    file.write(bytes(100))
    file.flush()
    print("half", flush=True)
    sys.stdin.readline()

if save == "half":
    images.np.save = half
print("ready", flush=True)
sys.stdin.readline()
cache = ImageCache(Path(directory), ImagingSettings(grid=16, spacing_mm=2.0))
assert cache.fill({name: Path(path) for name, path in folders.items()}) == {}
"""


def process(directory, folders, save="whole"):
    arguments = json.dumps([str(directory), {name: str(path) for name, path in folders.items()}, save])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = subprocess.Popen([sys.executable, "-c", FILL, arguments], **pipes)
    assert started.stdout.readline() == "ready\n"
    return started


def test_two_processes_fill_at_once(directory, folders, tmp_path):
    filled(tmp_path / "reference", folders)
    both = [process(directory, folders) for _ in range(2)]
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in both:
        one.communicate(timeout=120)
    assert [one.returncode for one in both] == [0, 0]
    assert arrays(directory) == arrays(tmp_path / "reference")
    assert not list(directory.glob(".*"))


def test_a_process_killed_while_it_writes_leaves_no_half_file(directory, folders, tmp_path):
    killed = process(directory, folders, save="half")
    killed.stdin.write("go\n")
    killed.stdin.flush()
    assert killed.stdout.readline() == "half\n"
    killed.kill()
    killed.communicate(timeout=60)
    assert len(list(directory.glob(".*.part"))) == 1
    assert arrays(directory) == {}
    filled(directory, folders)
    filled(tmp_path / "reference", folders)
    assert arrays(directory) == arrays(tmp_path / "reference")


def test_unfinished_files_of_killed_processes_go_and_those_of_living_ones_stay(directory, folders):
    directory.mkdir(parents=True)
    old, new = directory / ".a.npy.x.part", directory / ".b.npy.y.part"
    for part in (old, new):
        part.write_bytes(b"")
    yesterday = time.time() - 2 * 86_400
    os.utime(old, (yesterday, yesterday))
    filled(directory, folders)
    assert not old.exists()
    assert new.exists()


def test_a_read_only_site_folder_is_enough(directory, folders):
    for folder in folders.values():
        folder.chmod(0o500)
    try:
        before = {path for folder in folders.values() for path in folder.iterdir()}
        filled(directory, folders)
        assert {path for folder in folders.values() for path in folder.iterdir()} == before
    finally:
        for folder in folders.values():
            folder.chmod(0o700)


def test_the_cache_imports_neither_torch_nor_flwr():
    code = (
        "import sys, fedchemo.client.cache; print({'torch', 'flwr', 'monai', 'nibabel'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("FEDCHEMO_REALDATA"), reason="FEDCHEMO_REALDATA is not set")
def test_every_real_image_is_prepared(tmp_path):
    folders = {}
    for source in sorted((Path(os.environ["FEDCHEMO_REALDATA"]) / "ispy2/mama-mia/images").iterdir()):
        folders[source.name] = tmp_path / "images" / source.name / "T0"
        folders[source.name].mkdir(parents=True)
        for number, name in enumerate(("pre", "early", "late")):
            file = source / f"{source.name.lower()}_{number:04d}.nii.gz"
            (folders[source.name] / f"{name}.nii.gz").symlink_to(file)
    cache = filled(tmp_path / "cache", folders, ImagingSettings())
    batch = cache.batch(sorted(folders))
    assert batch.shape == (155, 3, 48, 48, 48)
    assert torch.isfinite(batch).all()
    # The lesion is in the cube: the middle enhances more than the rest of it, in nearly every patient.
    middle = batch[:, 1, 20:28, 20:28, 20:28].mean((1, 2, 3))
    assert (middle > batch[:, 1].mean((1, 2, 3))).float().mean() > 0.95
