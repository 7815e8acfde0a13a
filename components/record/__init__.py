"""The record: the trail of who read which key, its bucket, and the services' own audit entries."""
