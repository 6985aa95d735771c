"""Every screen the player sees: menu, race, results, records, replay, keys."""
