"""What every request of a run carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from fedchemo.shared.configuration import PLAIN, SiteConfiguration, SiteMethod
from fedchemo.shared.wire.messages import Request

Asked = TypeVar("Asked", bound=Request)


@dataclass(frozen=True)
class Terms:
    """The run's name and purpose, the fingerprint of its model and tensors, the sites' configuration and method."""

    run: str
    fingerprint: str
    configuration: SiteConfiguration
    purpose: str = ""
    method: SiteMethod = PLAIN

    def request(self, kind: type[Asked], **fields: Any) -> Asked:
        """Return a request of this run."""
        return kind(
            run=self.run,
            purpose=self.purpose,
            fingerprint=self.fingerprint,
            configuration=self.configuration,
            method=self.method,
            **fields,
        )
