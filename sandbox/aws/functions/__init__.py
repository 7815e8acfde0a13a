"""Lambda: functions as deployed, their processes, their logs, and who invokes them."""
