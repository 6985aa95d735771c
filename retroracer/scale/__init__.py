"""Past one machine, on Ray: a learner with many actors, and a search over settings.

Owns the ways on which rows, weights and trials travel; all that learns is ``training``'s. Needs
``pip install 'retroracer[scale]'``; nothing else imports it.
"""
