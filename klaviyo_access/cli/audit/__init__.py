"""``audit …``: services' audit entries, verified, and what counts as suspicious in them."""
