"""What a notebook shows: static HTML and text here, one live widget a file. It reads results, and changes nothing."""
