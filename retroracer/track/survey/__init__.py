"""Circuits from elsewhere: reading files of points, one module a format or a step.

``table`` reads CSV dialects, ``words`` and ``columns`` understand headers, ``geojson`` and ``gpx``
read lines of longitude and latitude, ``lines`` chooses among them, ``lonlat`` projects, ``lap``
finds the first whole lap, ``sizes`` asks about scale, ``reading`` puts them together. What
becomes of the points is ``importing``'s.
"""
