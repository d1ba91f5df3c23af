"""A networked federation and a simulated one over the same folders give the same model, to the bit."""

from __future__ import annotations

import json

import pytest

SITES = ("site01", "site02", "site03")


@pytest.mark.network
def test_three_processes_over_tls_give_the_simulated_model(commands, free_port):
    folder = commands.folder
    commands.run("split", "--dataset", "synthetic", "--patients", 330, "--sites", 3, "--out", "sites")
    names = sorted(path.name for path in (folder / "sites").iterdir())
    sites = [argument for name in names for argument in ("--site", name)]
    commands.run("provision", "--out", "fed", "--host", "127.0.0.1", "--port", free_port, *sites)
    run = ("--config", "small.toml", "--seed", 3, "--quorum", 3, "--strategy", "fedadam")
    server = commands.start(
        "server", "start", "--federation", "fed", "--out", "runs/network", *run, log="server"
    )
    clients = [
        commands.start(
            "client",
            "--kit",
            f"fed/kits/{name}.kit",
            "--site",
            f"sites/{name}",
            "--once",
            "--approve-all",
            log=name,
        )
        for name in names
    ]
    commands.run("simulate", "--sites-dir", "sites", "--out", "runs/simulated", *run)
    told = commands.end(server, log="server")
    for name, client in zip(names, clients, strict=True):
        assert "has ended: completed" in commands.end(client, log=name)

    assert "all sites" in told
    networked, simulated = (
        (folder / "runs" / run / "model.safetensors").read_bytes() for run in ("network", "simulated")
    )
    assert networked == simulated
    summaries = [
        json.loads((folder / "runs" / run / "summary.json").read_text()) for run in ("network", "simulated")
    ]
    assert [summary["exact"] for summary in summaries] == [False, True]
    # Over the network a site with fewer than five test patients of a class withholds its scores, and bins tie some.
    for model in ("model", "baseline"):
        by_histogram, exact = (summary["test"][model] for summary in summaries)
        judged = set(by_histogram) - {"all sites"}
        assert judged
        for site in judged:
            assert by_histogram[site]["patients"] == exact[site]["patients"]
            assert by_histogram[site]["log_loss"]["value"] == pytest.approx(exact[site]["log_loss"]["value"])
            assert by_histogram[site]["auc"]["value"] == pytest.approx(exact[site]["auc"]["value"], abs=0.06)
