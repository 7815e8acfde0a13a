"""Who is told of what: the topic, the rules and alarms on it, and the patterns they look for."""
