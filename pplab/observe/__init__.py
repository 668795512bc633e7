"""What happened, seen from the side: events, cells, timings, changes made elsewhere."""
