"""Errors FC3xx: configuration, model and wire."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC301": Entry(
        "Configuration not valid",
        "A setting is unknown, of the wrong type, or out of its range.",
        "Correct the settings named in the message; ranges stand in shared/configuration.py.",
    ),
    "FC302": Entry(
        "Fingerprints differ",
        "The coordinator and this site would build different models, image tensors or clinical encodings.",
        "Install the same fedchemo release on both sides, or use the model with the configuration it was trained with.",
    ),
    "FC303": Entry(
        "Protocol versions differ",
        "The coordinator and this site run releases of fedchemo that do not speak the same protocol.",
        "Upgrade the older side; the message names both versions.",
    ),
    "FC304": Entry(
        "Message not understood",
        "A message carries an unknown key, a value out of range, or lacks a key.",
        "Check that both sides run the same release; if they do, treat the sender as faulty.",
    ),
    "FC305": Entry(
        "Weights not usable",
        "The weights have the wrong length or type, or hold a value that is not finite.",
        "Lower the learning rate if training diverged; otherwise treat the sender as faulty.",
    ),
    "FC306": Entry(
        "Model file not usable",
        "The file is damaged, incomplete, or was written by another version.",
        "Name a run folder that holds model.safetensors and model.json, or copy them anew.",
    ),
    "FC310": Entry(
        "Device not available",
        "The device asked for is not on this machine or its driver does not work.",
        "Use --device auto or cpu, or fix the driver; the message holds the reason.",
    ),
    "FC320": Entry(
        "Training diverged",
        "A loss or gradient is not finite: the learning rate is too high, or a value is far out of range.",
        "Lower training.learning_rate or training.clip_norm; the site has sent nothing for this round.",
    ),
    "FC321": Entry(
        "Device out of memory",
        "The device cannot hold a batch, or other programs take its memory.",
        "Lower training.batch_size, imaging.grid or model.widths, free the device, or use --device cpu.",
    ),
}
