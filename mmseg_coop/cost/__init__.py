"""Measure what models cost: parameters, FLOPs, latency and memory."""
