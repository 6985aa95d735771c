"""The limit: the fastest line and lap of a track and car. Imports track and physics only."""
