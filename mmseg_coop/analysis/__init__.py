"""Look into a cooperative model: its graph, and what connections do."""
