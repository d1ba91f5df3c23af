"""One fp16 array a patient on this machine's disk, named by a hash of all that it was made from."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedchemo.client.cache.hashes import ContentHashes, stamp
from fedchemo.client.cache.twins import equal_files
from fedchemo.shared.atomic import replacing
from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.tensor import recipe, to_tensor

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

# A process that was killed leaves its unfinished file; nobody writes one for this long.
_ABANDONED_S = 86_400.0


class ImageCache:
    """The prepared images of a site's patients.

    A file is named by the SHA-256 of the phases' bytes, the mask's bytes, the settings and the version of the
    imaging code: whatever changes the tensor changes the name, so a file once written is never stale, two
    processes that fill at once write the same bits under the same name, and no patient's name is in it. Files
    appear whole or not at all; the folder has mode 0700, files 0600.

    Args:
        directory: a folder of its own on this machine, made if it is not there.
        settings: how tensors are made.

    Raises:
        FedchemoError: FC004 if the folder cannot be made.
    """

    def __init__(self, directory: Path, settings: ImagingSettings) -> None:
        self._directory = directory
        self._settings = settings
        self._shape = (len(settings.channels), *(settings.grid,) * 3)
        self._files: dict[str, Path] = {}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)
        except OSError as error:
            raise FedchemoError("FC004", f"{directory}: {error.strerror}") from error

    def fill(
        self,
        folders: Mapping[str, Path],
        *,
        progress: Callable[[int, int], None] | None = None,
        workers: int = 1,
    ) -> dict[str, FedchemoError]:
        """Prepare the images of the patients named, as far as they are not there already.

        Args:
            folders: patient to the folder of a visit (see `shared.imaging.volume.load_phases`).
            progress: told, in this thread, how many patients of how many are done.
            workers: patients prepared at a time, in threads. Unpacking, hashing and most of the arithmetic let
                other threads run, and a process that speaks gRPC and has used torch must not be forked. Each
                holds one patient's volumes: some 250 MB for 256 x 256 x 80.

        Returns:
            Patient to the reason why the image is set aside (FC201 to FC209, FC161 to FC163; FC165 where two
            patients have one image; FC099 for what was not foreseen). One bad case never stops a site.

        Raises:
            FedchemoError: FC004 if the cache itself cannot be written.
        """
        self._sweep()
        hashes = ContentHashes(self._directory / "index.json")
        refused: dict[str, FedchemoError] = {}
        pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="images")
        try:
            patients = {
                pool.submit(self._prepare, folder, hashes): patient for patient, folder in folders.items()
            }
            for done, future in enumerate(as_completed(patients), 1):
                patient = patients[future]
                try:
                    self._files[patient] = future.result()
                except FedchemoError as error:
                    if error.code == "FC004":
                        raise
                    refused[patient] = error
                except Exception as error:  # noqa: BLE001 - one case, however odd, must not stop a site
                    what = f"{folders[patient]}: {type(error).__name__}: {error}"
                    refused[patient] = FedchemoError("FC099", what)
                if patient in refused:
                    self._files.pop(patient, None)
                if progress is not None:
                    progress(done, len(patients))
            refused |= self._twins(patients.values())
        finally:
            pool.shutdown(cancel_futures=True)
            hashes.save()
        return dict(sorted(refused.items()))

    def __contains__(self, patient: object) -> bool:
        """Tell whether ``patient`` was filled and has a usable image."""
        return patient in self._files

    def read(self, patient: str) -> NDArray[np.float16]:
        """Return a patient's tensor: a read-only float16 memory map (C, G, G, G).

        Raises:
            FedchemoError: FC210 if it was never filled, or was removed or damaged since.
        """
        if patient not in self._files:
            raise FedchemoError("FC210", f"{patient}: no image was prepared")
        try:
            return _open(self._files[patient], self._shape)
        except (OSError, ValueError, EOFError) as error:
            raise FedchemoError("FC210", f"{patient}: {self._files[patient]}: {error}") from error

    def batch(self, patients: Sequence[str]) -> torch.Tensor:
        """Return the tensors of ``patients``, float32 (n, C, G, G, G); zeros where there is no image.

        Raises:
            FedchemoError: FC210 as in `read`.
        """
        import torch

        rows = torch.zeros((len(patients), *self._shape), dtype=torch.float32)
        for row, patient in zip(rows, patients, strict=True):
            if patient in self:
                # Torch widens fp16 five times faster than NumPy, and takes no read-only map: one copy between.
                row.copy_(torch.from_numpy(np.array(self.read(patient))))
        return rows

    def remove(self, *, spared: Iterable[ImageCache] = ()) -> None:
        """Forget every image and remove its file, but for those that other caches of this folder use as well."""
        used = {path for cache in spared for path in cache._files.values()}
        for path in set(self._files.values()) - used:
            path.unlink(missing_ok=True)
        self._files.clear()

    def _prepare(self, folder: Path, hashes: ContentHashes) -> Path:
        from fedchemo.shared.imaging.quality import faults
        from fedchemo.shared.imaging.volume import load_phases, phase_files

        try:
            files = phase_files(folder)
            stamps = [stamp(file) for file in files]
            path = self._directory / f"{self._key(files, hashes)}.npy"
            if self._is_whole(path):
                return path
            phases = load_phases(folder)
            if [stamp(file) for file in phase_files(folder)] != stamps:
                raise FedchemoError("FC202", f"{folder}: the files changed while they were read")
        except OSError as error:
            raise FedchemoError("FC202", f"{folder}: {error.strerror}") from error
        for fault in faults(phases):
            raise fault
        largest = np.finfo(np.float16).max
        tensor = to_tensor(phases, self._settings).clip(-largest, largest).astype(np.float16)
        with replacing(path, mode=0o600) as part, part.open("wb") as file:
            np.save(file, tensor)
        return path

    def _twins(self, patients: Iterable[str]) -> dict[str, FedchemoError]:
        """Forget the images that several patients have alike, and say why: whose each is cannot be told."""
        named = [patient for patient in patients if patient in self._files]
        refused = {}
        for twins in equal_files({patient: self._files[patient] for patient in named}):
            for patient in twins:
                others = ", ".join(other for other in twins if other != patient)
                refused[patient] = FedchemoError("FC165", f"{patient}: the image is that of {others} as well")
                del self._files[patient]
        return refused

    def _key(self, files: Sequence[Path], hashes: ContentHashes) -> str:
        key = hashlib.sha256(recipe(self._settings).encode())
        for file in files:
            key.update(f"\n{file.name} {hashes.of(file)}".encode())
        return key.hexdigest()

    def _is_whole(self, path: Path) -> bool:
        try:
            _open(path, self._shape)
        except (OSError, ValueError, EOFError):
            return False
        return True

    def _sweep(self) -> None:
        for part in self._directory.glob(".*.part"):
            try:
                if time.time() - part.stat().st_mtime > _ABANDONED_S:
                    part.unlink()
            except FileNotFoundError:
                continue  # another process finished or swept it


def _open(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16]:
    array: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != shape or array.dtype != np.float16:
        msg = f"holds {array.dtype} {array.shape}, not float16 {shape}"
        raise ValueError(msg)
    return array
