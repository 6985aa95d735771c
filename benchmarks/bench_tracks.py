"""Random tracks: how many a second, how many drawn for one, and shapely's verdict on them.

Run: python benchmarks/bench_tracks.py [--count 10000] [--picture FILE.png]   prints JSON; the
picture shows one road before and after a survey.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

from retroracer.track.character import quantiles
from retroracer.track.files import load_track
from retroracer.track.generate import DEFAULT_RANGES, draw_layout, random_tracks, track_from_seed
from retroracer.track.surveyed_circuits import surveyed_circuits

REAL = [
    "monza",
    "spa",
    "silverstone",
    "suzuka",
    "interlagos",
    "zandvoort",
    "monaco",
    "red_bull_ring",
]


def picture(path: Path) -> None:
    """Draw a lap's curvature and its tightest corner, as the road is and as surveys tell it."""
    import matplotlib.pyplot as plt
    import numpy as np

    seed = 5
    road = track_from_seed(seed, replace(DEFAULT_RANGES, surveyed=0.0))
    told = track_from_seed(seed, replace(DEFAULT_RANGES, surveyed=1.0, smoothing=(7.0, 7.0)))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.0), layout="constrained")
    place = road.xy[int(np.abs(road.curvature).argmax())]
    for track, colour, name in ((road, "#9aa0a6", "the road"), (told, "#b3261e", "as surveyed")):
        near = int(np.hypot(*(track.xy - place).T).argmin())
        window = (near + np.arange(-60, 61)) % track.n
        along = np.arange(-60, 61) * track.spacing
        left.plot(along, np.abs(track.curvature[window]), color=colour, label=name)
        for line, style in ((track.xy, "--"), (track.left_edge, "-"), (track.right_edge, "-")):
            right.plot(*line[window].T, style, color=colour, lw=1.2)
    left.set(xlabel="metres along the lap", ylabel="curvature [1/m]", title="curvature")
    left.legend()
    right.set(aspect="equal", title="edges, and the centreline (dashed)", xlabel="m", ylabel="m")
    right.set(xlim=(place[0] - 45, place[0] + 45), ylim=(place[1] - 45, place[1] + 45))
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="tracks judged by shapely")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="draw this and stop")
    args = parser.parse_args()
    if args.picture:
        picture(args.picture)
        return
    track_from_seed(0)  # compile
    rates = []
    for repeat in range(5):
        start = time.thread_time()
        random_tracks(repeat, 100)
        rates.append(100.0 / (time.thread_time() - start))
    import numpy as np

    layouts = [draw_layout(np.random.default_rng([1, i])) for i in range(300)]
    from retroracer.track.validity import is_valid

    valid = sum(
        is_valid(t) for i in range(args.count // 100) for t in random_tracks(10_000 + i, 100)
    )
    print(
        json.dumps(
            {
                "tracks_per_second_one_core": round(statistics.median(rates)),
                "repeats": [round(r) for r in rates],
                "recipes_per_track": round(statistics.mean(x.recipes for x in layouts), 2),
                "orders_per_track": round(statistics.mean(x.orders for x in layouts), 1),
                "accepted_of_orders": round(len(layouts) / sum(x.orders for x in layouts), 3),
                "judged": args.count // 100 * 100,
                "valid_by_shapely": valid,
                "random": {
                    k: [round(v, 2) for v in q] for k, q in quantiles(random_tracks(0, 300)).items()
                },
                "real": {
                    k: [round(v, 2) for v in q]
                    for k, q in quantiles(load_track(n) for n in REAL).items()
                },
                "surveyed": {
                    k: [round(v, 2) for v in q]
                    for k, q in quantiles(surveyed_circuits(0, 40)).items()
                },
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
