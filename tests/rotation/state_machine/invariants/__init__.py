"""What holds after whatever happened: each invariant says what is wrong, in a sentence, or nothing.

What is live is judged by the values that services can read, never by the labels that say so.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tests.rotation.state_machine.change import Change
from tests.rotation.state_machine.invariants import condemned, ending, holding, serving

INVARIANTS: Final[tuple[Callable[[Change], Iterator[str]], ...]] = (
    *condemned.INVARIANTS,
    *holding.INVARIANTS,
    *ending.INVARIANTS,
    *serving.INVARIANTS,
)
