"""``keys …``: a file a command, and what they share: where keys stand, whom they ask, what is asked of Klaviyo."""
