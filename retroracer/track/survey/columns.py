"""What each column of a table means: from its header if there is one, else by position.

If there is a header, it must name x and y (or longitude and latitude, or the two edges of the
road); otherwise the file is refused. Columns that have names are never read by position.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from retroracer.errors import UserError
from retroracer.reading import shown
from retroracer.track.survey.words import Meaning, meaning

_ROLE = {
    "x": "x", "y": "y", "lon": "longitude", "lat": "latitude",
    "right": "width to the right", "left": "width to the left",
    "width": "full width", "half": "half width",
}  # fmt: skip
_BY_POSITION = {2: ("x", "y"), 3: ("x", "y", "width"), 4: ("x", "y", "right", "left")}
REMEDY = (
    "name the columns in their order, for example x_m,y_m,w_tr_right_m,w_tr_left_m;"
    " the known words are x/y, east/north, longitude/latitude, width left/right,"
    " left_x/left_y/right_x/right_y"
)

Pair = tuple[int, int]


@dataclass
class Columns:
    """Which column holds what.

    Attributes:
        roles: "x", "y" ("lon", "lat"), "right", "left", "width" or "half" -> column index.
        edges: "left", "right" ("inner", "outer") -> column indices of that edge's x and y.
        factors: column index -> factor to metres east or north, or to degrees.
        on_earth: whether positions are longitude and latitude.
        understood: how the columns were understood, in sentences for the user.
        unknown: names that were not understood.
    """

    roles: dict[str, int]
    edges: dict[str, Pair] = field(default_factory=dict)
    factors: dict[int, float] = field(default_factory=dict)
    on_earth: bool = False
    understood: str = ""
    unknown: tuple[str, ...] = ()


def by_position(count: int) -> Columns:
    """Columns of a file without names: x, y, right, left, or fewer."""
    roles = _BY_POSITION[min(count, 4)]
    said = ", ".join(_ROLE[role] for role in roles)
    return Columns(
        {r: k for k, r in enumerate(roles)}, understood=f"no names; columns read as {said}"
    )


def by_name(names: list[str], at: str) -> Columns:
    """Columns by their names, in order.

    Raises:
        UserError: if the names do not say where the positions are, or say it twice.
    """
    return _Header(names, at).columns()


class _Header:
    """The names of a file and what they mean."""

    def __init__(self, names: list[str], at: str) -> None:
        self.names, self.at = names, at
        self.found = [meaning(name) for name in names]
        kinds = [m.kind for m in self.found]
        self.unknown = [k for k, kind in enumerate(kinds) if kind == "unknown" and names[k]]
        self.known = [k for k, kind in enumerate(kinds) if kind != "unknown"]

    def columns(self) -> Columns:
        """Choose the columns of the centreline, of the edges and of the widths."""
        edges = self.edges()
        middle = self.middle()
        if middle is None and not edges:
            self.refuse("the names do not say which columns are x and y")
        used = middle or next(iter(edges.values()))
        on_earth = self.found[used[0]].axis == "lon"
        edges = {s: p for s, p in edges.items() if (self.found[p[0]].axis == "lon") == on_earth}
        out = Columns({}, {}, on_earth=on_earth)
        if middle is not None:
            x, y = ("lon", "lat") if on_earth else ("x", "y")
            out.roles = {x: middle[0], y: middle[1]}
        widths = self.widths()
        if widths and middle is not None:
            out.roles |= widths
        else:
            out.edges = edges
        out.factors = {k: m.factor for k, m in enumerate(self.found)}
        out.unknown = tuple(shown(self.names[k], 24) for k in self.unknown)
        out.understood = self.understood(out)
        return out

    def middle(self) -> Pair | None:
        """Columns of the centreline, else of an unnamed or a racing line; metres before degrees."""
        groups: dict[tuple[int, bool], dict[str, list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for k, m in enumerate(self.found):
            if m.kind == "position" and not m.side:
                rank = {"centre": 0, "plain": 1, "race": 2}[m.family]
                rank += 3 if m.axis in ("lon", "lat") else 0
                groups[rank, m.compass][m.axis].append(k)
        for rank in range(6):
            here = [g for (r, _), g in groups.items() if r == rank and len(g) == 2]
            # Where x and y exist, columns "E" and "N" may mean something else.
            sure = [g for g in here if not all(self.found[k].letter for c in g.values() for k in c)]
            here = sure or here
            pairs = [tuple(g.values()) for g in here]
            if len(pairs) > 1 or any(len(columns) > 1 for pair in pairs for columns in pair):
                several = sorted(k for pair in pairs for columns in pair for k in columns)
                self.refuse(f"{self.quoted(several)} all name positions; keep one pair")
            if pairs:
                return self.in_order([columns[0] for columns in pairs[0]])
        # "x_ref, y": one of each, of whatever family.
        for compass in (False, True):
            axes: dict[str, list[int]] = defaultdict(list)
            for (rank, named), group in groups.items():
                if named == compass and rank < 3:
                    for axis, columns in group.items():
                        axes[axis] += columns
            if len(axes) == 2 and all(len(columns) == 1 for columns in axes.values()):
                return self.in_order([columns[0] for columns in axes.values()])
        return None

    def edges(self) -> dict[str, Pair]:
        """Columns of both edges of the road, if each edge has both coordinates."""
        out: dict[str, Pair] = {}
        for sides in (("left", "right"), ("inner", "outer")):
            for side in sides:
                mine = [
                    k for k, m in enumerate(self.found) if m.kind == "position" and m.side == side
                ]
                local = [k for k in mine if self.found[k].axis in ("x", "y")] or mine
                if len(local) == 2 and len({self.found[k].axis for k in local}) == 2:
                    out[side] = self.in_order(local)
                elif len(local) > 2:
                    self.refuse(f"{self.quoted(local)} all name the {side} edge; keep one pair")
            if all(side in out for side in sides):
                return {side: out[side] for side in sides}
            for side in sides:
                out.pop(side, None)
        return {}

    def widths(self) -> dict[str, int]:
        """Columns of the widths: right and left, or one for the full or half width."""
        by_role: dict[str, list[int]] = defaultdict(list)
        for k, m in enumerate(self.found):
            if m.kind == "width":
                by_role[m.side or ("half" if m.half else "width")].append(k)
        right, left = by_role["right"], by_role["left"]
        if bool(right) != bool(left):
            one, other = ("right", "left") if right else ("left", "right")
            self.refuse(
                f"{self.quoted(right or left)} gives a width to the {one}, but none to the {other}"
            )
        wanted = ("right", "left") if right else ("half",) if by_role["half"] else ("width",)
        if right or by_role["half"] or by_role["width"]:
            for role in wanted:
                if len(by_role[role]) > 1:
                    same = self.quoted(by_role[role])
                    raise UserError(f"{self.at}: {same} all give the {_ROLE[role]}; keep one")
            return {role: by_role[role][0] for role in wanted}
        return {}

    def in_order(self, pair: list[int]) -> Pair:
        """The pair with x first, or longitude."""
        first, second = sorted(pair, key=lambda k: self.found[k].axis not in ("x", "lon"))
        return first, second

    def understood(self, out: Columns) -> str:
        """One sentence that says how every column was understood."""
        said = [f"{_ROLE[role]} from {self.from_(k)}" for role, k in out.roles.items()]
        for side, (x, y) in out.edges.items():
            said.append(f"{side} edge from {self.from_(x)} and {self.from_(y)}")
        used = {*out.roles.values(), *(k for pair in out.edges.values() for k in pair)}
        known = [k for k in self.known if k not in used]
        rest = f"; left out: {self.quoted(known)}" if known else ""
        strange = f"; not understood: {self.quoted(self.unknown)}" if self.unknown else ""
        return f"columns: {', '.join(said)}{rest}{strange}"

    def from_(self, k: int) -> str:
        """A column's name, with its unit and sign where its numbers are converted."""
        m = self.found[k]
        how = f" in {m.unit}" if m.unit and abs(m.factor) != 1.0 else ""
        return f"'{shown(self.names[k], 24)}'{how}" + (", negated" if m.factor < 0.0 else "")

    def quoted(self, columns: list[int]) -> str:
        """Names of columns, in quotes."""
        more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
        return ", ".join(f"'{shown(self.names[k], 24)}'" for k in columns[:8]) + more

    def refuse(self, why: str) -> None:
        """Refuse the file, listing which columns were understood and which were not.

        Raises:
            UserError: always.
        """
        parts = [f"{self.at}: {why}"]
        if self.unknown:
            parts.append(f"not understood: {self.quoted(self.unknown)}")
        if self.known:
            said = [f"'{shown(self.names[k], 24)}' ({_said(self.found[k])})" for k in self.known]
            parts.append(f"understood: {', '.join(said[:8])}")
        raise UserError("; ".join([*parts, REMEDY]))


def _said(m: Meaning) -> str:
    if m.kind == "position":
        return f"{_ROLE[m.axis]} of the {m.side} edge" if m.side else _ROLE[m.axis]
    if m.kind == "width":
        return _ROLE[m.side or ("half" if m.half else "width")]
    return "not needed"
