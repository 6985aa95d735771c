"""Laps that are kept: tapes, ghosts, records, films."""
