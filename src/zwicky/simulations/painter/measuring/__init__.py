"""What would an observer or a halo finder measure of it? The slow reference in three dimensions."""
