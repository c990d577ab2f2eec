"""Checks, parameters, seeds, parallel work, progress and optional imports. Nothing here imports torch."""
