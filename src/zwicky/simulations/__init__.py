"""Where do clusters come from?"""
