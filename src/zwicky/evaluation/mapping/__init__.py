"""Are the mass maps right, and are their errors honest?"""
