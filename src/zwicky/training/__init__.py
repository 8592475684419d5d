"""How is it learned? One loop, its checkpoints and its averages."""
