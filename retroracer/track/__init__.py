"""Tracks: geometry, files and their errors, import and export, random tracks, packed banks."""
