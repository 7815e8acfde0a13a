"""What KMS does beside ministack: policies of keys, grants, deletion."""
