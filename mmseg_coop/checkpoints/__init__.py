"""Checkpoints: written atomically, loaded without running code."""
