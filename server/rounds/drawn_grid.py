"""A view of the grid that shows a strategy only the sites that were drawn for the round."""

from __future__ import annotations

from typing import cast

from flwr.serverapp import Grid


class DrawnSites:
    """All that a Flower strategy asks of a Grid when it configures a round; sending stays with the round loop."""

    def __init__(self, nodes: list[int]) -> None:
        self._nodes = nodes

    def get_node_ids(self) -> list[int]:
        """Return the Flower node ids of the drawn sites."""
        return list(self._nodes)


def drawn_grid(nodes: list[int]) -> Grid:
    """Return a grid of these nodes for ``Strategy.configure_train``."""
    return cast("Grid", DrawnSites(nodes))
