"""Drawing: camera, track, cars, pictures. Reads the simulator, never changes it."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # commands print their own words only
