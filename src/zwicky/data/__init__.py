"""How are observations stored, read, split and scaled?"""
