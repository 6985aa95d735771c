"""A Ray cluster of two nodes on loopback, until a polite kill: prints its address."""

from __future__ import annotations

import signal

from ray._private import ray_constants
from ray.cluster_utils import Cluster

if __name__ == "__main__":
    ray_constants.ENABLE_RAY_CLUSTER = False  # listen on 127.0.0.1 alone
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    cluster = Cluster()
    for _ in range(2):  # a core each: of two actors, one runs on the node that is not the learner's
        cluster.add_node(num_cpus=1, include_dashboard=False, node_ip_address="127.0.0.1")
    print(f"two nodes at {cluster.address}", flush=True)
    signal.sigwait({signal.SIGTERM})
    cluster.shutdown()
