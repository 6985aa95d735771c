"""A race in the game, without pygame: the loop, the drivers, what is known of a track and car."""
