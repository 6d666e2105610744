"""Analyse a cooperative model: its graph, and the effect of its connections."""
