"""Split, join, publish and export trained models."""
