"""In which order are the rooms used to make a result?"""
