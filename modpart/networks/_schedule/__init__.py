"""Schedules: nets as chains of parts, phases that train some of them, and who runs the phases."""
