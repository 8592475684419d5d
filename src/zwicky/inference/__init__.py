"""What do we now believe about this cluster?"""
