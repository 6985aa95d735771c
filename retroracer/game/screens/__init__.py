"""Every page the player sees: menu, race, results, records, keys; panels and overlays."""
