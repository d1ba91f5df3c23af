"""All probes of a model: site and vendor, from its image embedding and, to compare, from what went into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import JsonValue

from fedchemo.client.participant import Participant
from fedchemo.shared.clinical.encoding import names
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fusion import GATE_GAIN
from fedchemo.shared.model.packing import Weights, unpack
from fedchemo.simulations.probes.intensities import intensities
from fedchemo.simulations.probes.probe import SHUFFLES, SMALLEST, Probe, probe

if TYPE_CHECKING:
    from rich.table import Table

SOURCES = EMBEDDING, BRIGHTNESS, CLINICAL = "image embedding", "image brightness", "clinical variables"
TARGETS = ("site", "vendor")


@dataclass(frozen=True)
class Probed:
    """What a model's view of its images gives away.

    Attributes:
        rows: probes that could be asked.
        gate: the factor before the image's residual; at 0 the model looks at no image, whatever its embedding holds.
    """

    rows: tuple[Probe, ...]
    gate: float

    def to_json(self) -> dict[str, JsonValue]:
        """Return plain values."""
        return {"gate": self.gate, "rows": [dict(row) for row in self.table_rows()]}

    def table_rows(self) -> list[dict[str, JsonValue]]:
        """Return a row a probe, flat, for a table."""
        return [
            {
                "target": row.target,
                "source": row.source,
                "groups": len(row.groups),
                "n": row.balanced_accuracy.n,
                "left_out": row.left_out,
                "balanced_accuracy": row.balanced_accuracy.value,
                "low": row.balanced_accuracy.low,
                "high": row.balanced_accuracy.high,
                "chance": row.chance,
                "shuffled": row.shuffled,
                "shuffled_most": row.shuffled_most,
                "p": row.p,
                "auc": row.auc.value if row.auc else None,
                "auc_low": row.auc.low if row.auc else None,
                "auc_high": row.auc.high if row.auc else None,
                "found": row.found,
                "how": row.balanced_accuracy.method,
            }
            for row in self.rows
        ]

    def sentences(self) -> list[str]:
        """Return the probes of the embedding in words, and what was not asked."""
        told = [row.sentence() for row in self.rows if row.source == EMBEDDING]
        asked = {row.target for row in self.rows}
        told += [
            f"{target} was not probed: fewer than two {target}s have {SMALLEST} patients with an image"
            for target in TARGETS
            if target not in asked
        ]
        if self.gate == 0:
            told.append("the model's gate is closed: it looks at no image, whatever the embedding gives away")
        return told


def probed(
    participants: Iterable[Participant],
    configuration: SiteConfiguration,
    statistics: ClinicalStatistics,
    weights: Weights,
    where: pd.DataFrame,
) -> Probed | None:
    """Ask every probe of one model.

    Args:
        participants: the sites.
        configuration: of the run; its seed draws folds and shuffles.
        statistics: the run's.
        weights: the model.
        where: ``site`` and ``vendor``, indexed by patient; who is not in it counts at its participant's site.

    Returns:
        None if the model looks at no images.
    """
    if not configuration.imaging.enabled:
        return None
    parts: dict[str, list[npt.NDArray[np.float32]]] = {source: [] for source in SOURCES}
    treated: dict[str, str] = {}
    for participant in participants:
        patients, embedding, clinical = participant.embeddings(configuration, statistics, weights)
        if patients:
            bright = intensities(participant.prepared(configuration.imaging), patients)
            for source, values in zip(SOURCES, (embedding, bright, clinical), strict=True):
                parts[source].append(values)
            treated |= dict.fromkeys(patients, participant.name)
    if not treated:
        return Probed((), _gate(configuration, weights))
    order = np.argsort(list(treated))
    index = pd.Index(list(treated))[order]
    labels = {
        "site": where["site"].reindex(index).fillna(pd.Series(treated)).to_numpy(dtype=object),
        "vendor": where["vendor"].reindex(index).fillna("").to_numpy(dtype=object),
    }
    rows = [
        probe(
            np.concatenate(parts[source])[order],
            labels[target],
            target=target,
            source=source,
            seed=configuration.seed,
            shuffles=SHUFFLES if source == EMBEDDING else 0,
        )
        for target in TARGETS
        for source in SOURCES
    ]
    return Probed(tuple(row for row in rows if row is not None), _gate(configuration, weights))


def table(found: Probed) -> Table:
    """Return the probes for a terminal."""
    from rich.table import Table

    shown = Table(
        title="what gives site and vendor away",
        title_justify="left",
        caption="balanced accuracy of a cross-validated logistic regression, 95 % intervals over patients",
        caption_justify="left",
    )
    shown.add_column("asked for")
    shown.add_column("from")
    for heading in ("n", "balanced accuracy", "chance", "shuffled (most)", "AUC"):
        shown.add_column(heading, justify="right")
    for row in found.rows:
        value, area = row.balanced_accuracy, row.auc
        shown.add_row(
            f"{row.target} ({len(row.groups)})",
            row.source,
            str(value.n),
            f"{value.value:.3f} [{value.low:.2f}, {value.high:.2f}]",
            f"{row.chance:.3f}",
            "" if row.shuffled is None else f"{row.shuffled:.3f} ({row.shuffled_most:.2f})",
            f"{area.value:.3f} [{area.low:.2f}, {area.high:.2f}]" if area else "",
        )
    return shown


def _gate(configuration: SiteConfiguration, weights: Weights) -> float:
    model = build(configuration.model, configuration.imaging, len(names(configuration.clinical)))
    unpack(model, weights)
    return 0.0 if model.gate is None else GATE_GAIN * float(model.gate.item())
