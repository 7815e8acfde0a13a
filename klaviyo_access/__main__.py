"""``python -m klaviyo_access`` is ``klaviyo-access``."""

from klaviyo_access.cli.main import run

run()
