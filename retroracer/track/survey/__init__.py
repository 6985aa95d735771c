"""Reading surveyed circuits from CSV, GeoJSON and GPX files, one module per format or step.

``reading`` is the entry point. ``dialect`` and ``table`` read CSV, ``words`` and ``columns``
understand its header, ``geojson`` and ``gpx`` read lines of longitude and latitude, ``lines``
chooses one of them, ``lonlat`` projects it to metres, ``lap`` finds the first whole lap, and
``sizes`` asks about the scale. ``retroracer.track.importing`` makes a track of the points.

In all of them ``data`` is a file's bytes, ``file`` its name for messages, ``at`` its name and line,
and ``places`` where each point is in it; what is wrong with a file is a ``UserError`` that begins
with its name and line.
"""
