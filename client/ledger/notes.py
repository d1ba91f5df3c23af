"""Which of the client's events are written to the ledger, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedchemo.client.ledger.writer import Ledger


class Notes:
    """Writes events of the participant, the approvals and the node to the ledger; other events are for the screen.

    Args:
        ledger: where to write.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, event: str, details: Mapping[str, object]) -> None:
        """Take one event.

        Raises:
            FedchemoError: FC940 if the ledger cannot be written.
        """
        found = _line(event, details)
        if found:
            name, words = found
            run, number = details.get("run"), details.get("round")
            self._ledger.append(
                name,
                run=run if isinstance(run, str) else "",
                round=number if isinstance(number, int) else None,
                kind=str(details.get("type", ""))[:40],
                words=words[:1000],
            )


def _line(event: str, details: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the event as the ledger calls it, and the words, or None if it is not written down."""
    match event:
        case "connected":
            return "joined", f"let in by the coordinator at {details['address']}"
        case "asked":
            return (
                "asked",
                f"run {details['number']}, purpose: {details['purpose'] or 'none stated'}; {details['settings']}",
            )
        case "approved" | "denied":
            model = f"fingerprint {str(details['fingerprint'])[:16]}…"
            return event, f"{details['how']}; run {details['number']}, {model}, purpose: {details['purpose']}"
        case "refused":
            return "refused", f"{details['code']}: {details['what']}"
        case "failed":
            return "failed", f"{details.get('code', 'FC990')}: {details['what']}"
        case "clipped":
            return (
                "clipped",
                f"the update had norm {details['norm']:.4g} and was cut to {details['largest']:.4g}",
            )
        case "suppressed":
            return "suppressed", str(details["what"])
        case "run_finished":
            return "run_ended", f"the coordinator says: {details['outcome']}"
    return None
