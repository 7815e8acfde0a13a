"""Secrets, what each kind of them consists of, how it rotates, and the KMS keys that encrypt them."""
