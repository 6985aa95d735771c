"""Looking into the agent: one file an overlay, and the table of them all."""
