"""Training of drivers: runs, learners, evaluation, pictures of runs."""
