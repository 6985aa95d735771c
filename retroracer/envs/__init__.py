"""The task, the batch, and Gymnasium's Env and VectorEnv over it. Importing registers the ids."""

import gymnasium

ENV_ID = "retroracer/RetroRacer-v0"

if ENV_ID not in gymnasium.registry:
    gymnasium.register(
        id=ENV_ID,
        entry_point="retroracer.envs.racing:RacingEnv",
        vector_entry_point="retroracer.envs.vector:RacingVectorEnv",
    )
