"""How is an observation made? Simulation plus instrument."""
