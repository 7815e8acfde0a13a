"""`make up` and `make down`: a tour through all that an environment does."""
