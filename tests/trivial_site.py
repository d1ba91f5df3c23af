"""A hospital whose app only adds numbers: ``trivial_site.py KIT``; it prints its events as JSON lines."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from fedchemo.client.fleet.node import HospitalNode
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import read_kit

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict  # isort: skip

KIT = read_kit(Path(sys.argv[1]))


def tell(kind, details):
    sys.stdout.write(json.dumps([kind, dict(details)]) + "\n")
    sys.stdout.flush()


def answer(message: Message, context: Context) -> Message:
    config = message.content.config_records.get("config", {})
    match message.metadata.message_type:
        case "query.boom":
            raise RuntimeError("patient 042 in /data/private")
        case "query.refuse":
            raise FedchemoError("FC903", "patient 042 in /data/private")
        case "query.modules":
            package = importlib.import_module("fedchemo.shared")
            found = {"file": str(package.__file__), "path": sys.path[0], "pid": os.getpid()}
            return Message(RecordDict({"config": ConfigRecord(found)}), reply_to=message)
    tell("working", {"round": config.get("round", 0)})
    if config.get("die") == KIT.site:
        os.kill(os.getpid(), signal.SIGKILL)
    if config.get("slow") == KIT.site and "--fast" not in sys.argv:
        time.sleep(float(config["seconds"]))
    weights = message.content["arrays"]["weights"].numpy() + np.float32(ord(KIT.site[-1]))
    content = {
        "arrays": ArrayRecord({"weights": Array(weights)}),
        "metrics": MetricRecord({"num-examples": 1}),
    }
    return Message(RecordDict(content), reply_to=message)


node = HospitalNode(KIT, answer, on_event=tell)
signal.signal(signal.SIGTERM, lambda *_: node.stop())
node.run()
