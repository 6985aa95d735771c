"""CarRacing-v3: the fast painter, the env, many of them, wrappers. Importing registers the id."""

from retroracer.envs import PIXEL_ENV_ID as ENV_ID

__all__ = ["ENV_ID"]
