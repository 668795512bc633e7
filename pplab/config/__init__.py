"""What a user configures: the configuration itself, named endpoints, and which address may be sent a key."""
