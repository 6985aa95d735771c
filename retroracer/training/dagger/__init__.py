"""CarRacing from pixels, taught: an expert that knows the true state shows a network what to do."""
