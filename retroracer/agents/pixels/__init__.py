"""Drivers from pixels: networks, replay, updates, model files; inference without torch."""
