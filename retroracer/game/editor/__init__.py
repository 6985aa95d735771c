"""The track editor: its page of YAML, its view, and reloading while one drives."""
