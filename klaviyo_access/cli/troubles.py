"""What goes wrong in one place while others have their turn: kept, and said together at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.cli.console import note
from klaviyo_access.cli.errors import CommandError, StoppedError, explain


class Troubles:
    """The errors of a command that goes on after each of them."""

    def __init__(self) -> None:
        self._errors: list[Exception] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep an error of AWS or of a command; one who stops the command hears of those before, and it ends."""
        try:
            yield
        except StoppedError:
            for error in self._errors:
                note(explain(error).cause)
            raise
        except (CommandError, ClientError, BotoCoreError) as error:
            self._errors.append(error)

    def end(self) -> None:
        """Raise what was kept, if anything was.

        Raises:
            CommandError: each cause and each cure, once.
        """
        told = [explain(error) for error in self._errors]
        if told:
            raise CommandError(
                " ".join(dict.fromkeys(one.cause for one in told)),
                cure=" ".join(dict.fromkeys(one.cure for one in told)),
                exit_code=max(one.exit_code for one in told),
            )
