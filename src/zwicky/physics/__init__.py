"""What does matter look like? Pure functions: profiles, the SZ effect, scaling relations."""
