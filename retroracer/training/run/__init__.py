"""What every training program shares: stops, locks, budgets, places to write, leftovers.

Knows no learner. ``stopping`` turns signals into an exception, ``budget`` the clock into one,
``lock`` keeps two runs apart, ``keeping`` guards the model at ``--out``, ``writable`` tries
places before a run begins, ``leftovers`` clears away what killed runs left.
"""
