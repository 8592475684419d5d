"""How is it painted? From an anatomy and a line of sight to maps."""
