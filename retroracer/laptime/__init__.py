"""The limit: the minimum-time line and lap of a track and car, and a driver that follows lines."""
