"""What does a telescope do to a map?"""
