"""Webhooks' secrets, which Klaviyo lets change by API: `rotator` is the entry, `change` the four steps."""
