"""Results that leave the lab and come back: export, package, replay, verification."""
