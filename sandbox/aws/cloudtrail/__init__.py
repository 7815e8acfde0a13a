"""CloudTrail: the record of every call, looked up, and put on EventBridge."""
