"""Past one machine, on Ray: a learner with many actors, and a search over settings.

Owns the transport of rows and weights between processes, and the scheduling of a search's trials.
The learners are those of ``training``. Needs ``pip install 'retroracer[scale]'``; no other package
imports this one.
"""
