"""What does a realistic cluster look like? An analytic cluster in three dimensions, painted along any line of sight."""
