"""In which order mass maps are made, judged and given to a user."""
