"""Are masses from microwave skies right, where they were taught, between, beyond, and without a cluster?"""
