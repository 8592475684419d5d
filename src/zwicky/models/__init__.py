"""What is learned? One file per network."""
