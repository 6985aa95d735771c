"""The game: a race on a fixed step, its drivers, the window."""
