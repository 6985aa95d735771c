"""Pictures of runs: training curves, laps against the limit, films."""
