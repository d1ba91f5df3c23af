"""``model_card.md``: what the model of a run is, for whom, how good, and what is not known, filled from the run.

The items are those of TRIPOD+AI (Collins et al., BMJ 385:e078378, 2024) and CLAIM (Mongan, Moy & Kahn, Radiology: AI
2:e200029, 2020) that a run can speak to. Nothing is made up: what the run folder does not tell is said to be not known.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files

from fedchemo.server.account import Account
from fedchemo.server.summary import POOLED
from fedchemo.shared.atomic import write_text
from fedchemo.shared.clinical.encoding import names
from fedchemo.shared.metrics.interval import Interval

FILE = "model_card.md"
UNKNOWN = "not known"


def write_model_card(account: Account) -> None:
    """Write the card into the run folder, in place of an earlier one.

    Raises:
        FedchemoError: FC004 if the folder cannot be written, FC780 if a file of the run is damaged.
    """
    write_text(account.path / FILE, model_card(account))


def model_card(account: Account) -> str:
    """Return the card as Markdown; what other parties wrote, such as names, stays text."""
    from jinja2 import Environment, StrictUndefined

    run = account.begun.configuration
    templates = Environment(  # noqa: S701 - Markdown: `finalize` escapes what stands in it
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_as_text
    )
    template = templates.from_string(
        (files("fedchemo.server") / "model_card.md.j2").read_text(encoding="utf-8")
    )
    trained = {site: told for site, told in account.sites.items() if told.role == "train"}
    tested = (account.summary or {}).get("test", {})
    return template.render(
        account=account,
        run=run,
        site=run.site,
        began=account.times[0].date().isoformat() if account.times else UNKNOWN,
        trained=trained,
        patients=_sum([told.training for told in trained.values()]),
        validation=_sum([told.validation for told in account.sites.values()]),
        images=_sum([told.images for told in account.sites.values()]),
        scored=any(each.log_loss is not None for each in account.rounds),
        variables=names(run.site.clinical),
        rows=[
            (
                name,
                where,
                figures["patients"],
                figures["positives"],
                _cell(figures["auc"]),
                _cell(figures["log_loss"]),
            )
            for where in sorted(
                {site for rows in tested.values() for site in rows}, key=lambda at: (at != POOLED, at)
            )
            for name in ("model", "baseline")
            if (figures := tested.get(name, {}).get(where))
        ],
        exact=bool((account.summary or {}).get("exact")),
        bytes_out=_sum([passage.size for passage in account.passages]),
        unknown=UNKNOWN,
        version=version("fedchemo"),
    )


def _sum(counts: list[int | None]) -> str:
    """Return a sum; where a hospital told too few, that it is more."""
    known = sum(count or 0 for count in counts)
    if not counts:
        return UNKNOWN
    return f"at least {known}" if None in counts else str(known)


def _cell(told: dict[str, float] | None) -> str:
    if told is None:
        return "too few"
    interval = Interval(**told)
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _as_text(value: object) -> object:
    """Return a value such that Markdown, and HTML in it, shows it as it is."""
    if not isinstance(value, str):
        return value
    return re.sub(r"([\\`*_{}\[\]<>#|!&])", r"\\\1", value.replace("\n", " "))
