"""Training drivers of CarRacing from pixels: SAC, SAC with DrQ, PPO, DQN."""
