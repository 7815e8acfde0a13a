"""What CloudWatch and its logs do beside ministack: filters, metrics, alarms, log groups."""
