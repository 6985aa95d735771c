"""Camera and drawing: reads a race, draws on any surface, opens no window."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # our commands' output is ours
