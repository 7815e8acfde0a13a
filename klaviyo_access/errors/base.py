"""What every error of the library is."""

from typing import Any


class KlaviyoAccessError(Exception):
    """What the library could not do; the message says why and what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process boundaries (process pools, task queues), and the constructors below differ.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[KlaviyoAccessError], args: tuple[Any, ...], state: dict[str, Any]) -> KlaviyoAccessError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error
