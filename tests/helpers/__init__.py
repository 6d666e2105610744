"""Small models, data and processes that several tests share."""
