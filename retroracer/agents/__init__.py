"""Networks and updates (SAC, PPO, DrQ), replay memories, model files; inference without torch."""
