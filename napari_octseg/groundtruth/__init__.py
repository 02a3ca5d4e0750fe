"""Ground truth on disk: the data set, its versions, and the formats of others."""
