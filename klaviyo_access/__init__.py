"""Scoped Klaviyo API keys for every role: what services import and operators run.

Importing this package imports nothing else; each room below it says what it needs.
"""
