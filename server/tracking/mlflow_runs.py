"""A run in MLflow: on a tracking server, in a data base, or in a folder.

MLflow's own client adds the user, the script and its git commit to a run; this one logs what it is told and nothing
else, and MLflow's telemetry is off before the package is imported.
"""

from __future__ import annotations

import os
from pathlib import Path

from fedchemo.server.tracking.measures import Measured
from fedchemo.shared.errors import FedchemoError

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
# MLflow would try for minutes, and refuses folders (its `mlflow ui` as well) unless it is told that they are meant.
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
STATUS = {"completed": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class MlflowRuns:
    """Logs one run after the other under an experiment.

    Args:
        where: a URI such as ``https://...`` or ``sqlite:///...``, or a folder.
        experiment: made if it is not there.
        name: of the run.

    Raises:
        FedchemoError: FC790 if MLflow is not installed, FC791 if it cannot log there.
    """

    def __init__(self, where: str, *, experiment: str, name: str) -> None:
        os.environ.update(QUIET)
        for variable, value in DEFAULTS.items():
            os.environ.setdefault(variable, value)
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            raise FedchemoError("FC790", f"--mlflow: {error}") from error
        self._name = name
        self._run = ""
        uri = where if "://" in where else Path(where).absolute().as_uri()
        try:
            self._client = MlflowClient(tracking_uri=uri)
            found = self._client.get_experiment_by_name(experiment)
            self._experiment = found.experiment_id if found else self._client.create_experiment(experiment)
        except (MlflowException, OSError, ImportError) as error:
            raise FedchemoError("FC791", f"--mlflow {where}: {error}") from error

    def begin(self, about: dict[str, str]) -> None:
        """Begin a run; its settings are parameters."""
        self._run = self._client.create_run(self._experiment, run_name=self._name).info.run_id
        for name, value in about.items():
            self._client.log_param(self._run, name, value)

    def measure(self, found: Measured) -> None:
        """Log numbers at their round and time."""
        from mlflow.entities import Metric

        time_ms = round(found.time * 1000)
        metrics = [Metric(name, value, time_ms, found.round) for name, value in found.values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def end(self, how: str) -> None:
        """End the run."""
        self._client.set_terminated(self._run, STATUS[how])
