"""Reading surveyed circuits from CSV, GeoJSON and GPX files, one module per format or step.

``reading`` is the entry point. ``dialect`` and ``table`` read CSV, ``words`` and ``columns``
understand its header, ``geojson`` and ``gpx`` read lines of longitude and latitude, ``lines``
chooses one of them, ``lonlat`` projects it to metres, ``lap`` finds the first whole lap, and
``sizes`` asks about the scale. ``retroracer.track.importing`` makes a track of the points.
"""
