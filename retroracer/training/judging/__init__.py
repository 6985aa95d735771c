"""Evaluation of drivers: laps, CarRacing episodes, comparison, choice of the best."""
