"""``deployer-policy``: the least IAM policy with which a stack can be deployed."""
