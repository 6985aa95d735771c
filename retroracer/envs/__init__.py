"""The task, the batch of cars, and its Gymnasium Env and VectorEnv. Importing registers the ids."""

import gymnasium

ENV_ID = "retroracer/RetroRacer-v0"
LIDAR_ENV_ID = "retroracer/RetroRacer-Lidar-v0"
PIXEL_ENV_ID = "retroracer/CarRacing-v3"
RACE_ENV_ID = "retroracer/RetroRacer-Race-v0"

if ENV_ID not in gymnasium.registry:
    gymnasium.register(
        id=ENV_ID,
        entry_point="retroracer.envs.racing:RacingEnv",
        vector_entry_point="retroracer.envs.vector:RacingVectorEnv",
    )

if LIDAR_ENV_ID not in gymnasium.registry:
    gymnasium.register(
        id=LIDAR_ENV_ID,
        entry_point="retroracer.envs.lidar_env:LidarEnv",
        vector_entry_point="retroracer.envs.lidar_env:LidarVectorEnv",
    )

if RACE_ENV_ID not in gymnasium.registry:
    gymnasium.register(id=RACE_ENV_ID, entry_point="retroracer.agents.race_drivers:make_race_env")

if PIXEL_ENV_ID not in gymnasium.registry:
    gymnasium.register(
        id=PIXEL_ENV_ID,
        entry_point="retroracer.carracing.env:FastCarRacing",
        vector_entry_point="retroracer.carracing.vector:CarRacingVectorEnv",
        max_episode_steps=1000,
        reward_threshold=900,
    )
