"""Checkpoints: written completely or not at all, loaded without running code."""
