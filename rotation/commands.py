"""Commands of the operators in what the functions say, as they are typed for the environment of the function."""

import os


def command(words: str) -> str:
    """``words`` of the command line, with the stack that the function was deployed for.

    Args:
        words: what follows the program's name, as in ``keys stage viewer``.
    """
    environment = os.environ.get("ENVIRONMENT", "")
    return f"'klaviyo-access {words}{f' --stack {environment}' if environment else ''}'"
