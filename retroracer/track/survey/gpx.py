"""Reads all tracks and routes of a GPX file; ``lines`` chooses among them.

The file is read as a stream of tags. A document type declaration is refused: no GPX file needs
one, and it is the only part of XML that can define entities, which expand or fetch other files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np

from retroracer.errors import UserError
from retroracer.reading import shown
from retroracer.track.survey.lines import Line

_DEEPEST = 60
_MOST_POINTS = 400_000
_MOST_LINES = 2000
_MOST_TAGS = 2_000_000
_CHUNK = 1_000_000  # bytes; longer tags are refused


@dataclass
class _Found:
    name: str = ""
    points: list[tuple[float, float]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_gpx(data: bytes, file: str) -> list[Line]:
    """All tracks and routes of a file; the segments of a track follow each other.

    Raises:
        UserError: if it is not GPX or a point has no position.
    """
    reader = _Reader(file)
    try:
        reader.read(data)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "wrong")
        raise UserError(f"{file}:{error.lineno}: not valid XML: {reason}") from None
    except (ValueError, LookupError) as error:
        raise UserError(f"{file}: not valid XML: {shown(str(error), 80)}") from None
    if not reader.found and reader.waypoints:
        raise UserError(
            f"{file}: holds {reader.waypoints} waypoints but no track and no route;"
            " a circuit is a <trk> or a <rte>"
        )
    return [
        Line(found.name or f"track {k}", np.array(found.points), tuple(found.lines))
        for k, found in enumerate(reader.found, 1)
        if len(found.points) > 1
    ]


class _Reader:
    """Collects tracks and routes from the events of the XML parser."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[_Found] = []
        self.waypoints, self.count, self.tags = 0, 0, 0
        self.path: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text, self.parser.buffer_size = True, 65_536
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.doctype

    def read(self, data: bytes) -> None:
        for begin in range(0, len(data), _CHUNK):
            self.parser.Parse(data[begin : begin + _CHUNK], False)
            if begin - self.parser.CurrentByteIndex > _CHUNK:
                raise UserError(f"{self.at}: a tag of over {_CHUNK / 1e6:g} MB")
        self.parser.Parse(b"", True)

    @property
    def at(self) -> str:
        return f"{self.file}:{self.parser.CurrentLineNumber}"

    def doctype(self, *_: object) -> None:
        raise UserError(f"{self.at}: a document type declaration; GPX has none, remove it")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self.tags += 1
        if self.tags > _MOST_TAGS:
            raise UserError(f"{self.at}: more than {_MOST_TAGS} tags")
        if not self.path and tag != "gpx":
            raise UserError(
                f"{self.at}: <{shown(tag, 30)}> is not GPX; save the line as GPX, GeoJSON or CSV"
            )
        self.path.append(tag)
        if len(self.path) > _DEEPEST:
            raise UserError(f"{self.at}: tags are nested too deep for GPX")
        if tag in ("trk", "rte"):
            if len(self.found) == _MOST_LINES:
                raise UserError(f"{self.at}: more than {_MOST_LINES} tracks")
            self.found.append(_Found())
        elif tag in ("trkpt", "rtept") and self.found:
            self.point(tag, attributes)
        elif tag == "wpt":
            self.waypoints += 1

    def point(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > _MOST_POINTS:
            raise UserError(f"{self.at}: more than {_MOST_POINTS} points")
        pair = []
        for key, most in (("lon", 360.0), ("lat", 90.0)):
            text = attributes.get(key, "")
            try:
                value = float(text)
            except ValueError:
                value = float("nan")
            if not -most <= value <= most:
                raise UserError(
                    f'{self.at}: <{tag}> has {key}="{shown(text, 30)}"; degrees from'
                    f" {-most:g} to {most:g} are needed"
                )
            pair.append(value)
        self.found[-1].points.append((pair[0], pair[1]))
        self.found[-1].lines.append(self.parser.CurrentLineNumber)

    def end(self, _: str) -> None:
        self.path.pop()

    def text(self, text: str) -> None:
        inside = self.path[-2:] in (["trk", "name"], ["rte", "name"])
        if inside and len(self.found[-1].name) < 60:
            self.found[-1].name = shown((self.found[-1].name + text).strip(), 60)
