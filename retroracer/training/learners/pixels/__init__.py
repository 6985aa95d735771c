"""CarRacing from pixels: its task, and the learners that train its drivers."""
