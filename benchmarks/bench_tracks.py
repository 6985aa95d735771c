"""Random tracks: how many a second, how many drawn for one, and shapely's verdict on them.

Run: python benchmarks/bench_tracks.py [--count 10000] [--real]   prints JSON.
"""

import argparse
import json
import statistics
import time

from retroracer.track.character import quantiles
from retroracer.track.files import load_track
from retroracer.track.generate import draw_layout, random_tracks, track_from_seed

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="tracks judged by shapely")
    args = parser.parse_args()
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
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
