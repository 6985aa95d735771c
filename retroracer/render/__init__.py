"""Camera and drawing: reads a race, draws on any surface, opens no window."""
