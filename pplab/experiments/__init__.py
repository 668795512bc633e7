"""What was asked for, planned, run and answered."""
