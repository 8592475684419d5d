"""How is a cluster drawn? From a seed and an index to its anatomy, in one dimension."""
