"""One run for every learner: its loop, settings, folder, locks, stops, budget and progress.

``loop`` is the run itself and ``folder`` its files. ``stopping`` turns signals and the end of the
budget into exceptions, ``lock`` keeps two runs apart, ``keeping`` guards the model at ``--out``,
``session`` surrounds a run with all that, ``leftovers`` clears away what killed runs left.
"""
