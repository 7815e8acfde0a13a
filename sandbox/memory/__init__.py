"""What the sandbox remembers when its process ends, and what a kill can lose.

The state of every service is plain dictionaries; a file keeps a row for each of their entries. Before an answer leaves,
whatever entries differ from their rows are written in one transaction: a caller never hears of what a kill then loses,
SIGKILL included. What a kill can lose:

- A call that was not answered: it has happened or not. A call of several steps may have happened in part where another
  call's answer came between its steps (CreateTrail's tags, a function's second retry): repeat it, as with AWS.
- What the services do by themselves, up to ``SECONDS_BETWEEN_SAVES`` ago, where nobody was told: a rule's timer.
- Rate limits, the log of webhooks' deliveries, and processes of functions: they start anew.

A rotation, an asynchronous invocation or a webhook's delivery under way begins again, as AWS and Klaviyo try again.
A power cut may lose the last answers, and leaves the file whole. The file holds secrets in clear, as the services that
it stands for do inside: it is its user's alone, in a folder that is.
"""

from sandbox.memory.file import MemoryFile, UnusableMemoryError
from sandbox.memory.memory import SECONDS_BETWEEN_SAVES, Memory
from sandbox.memory.sources import Records, Source, Tables, Values

__all__ = [
    "SECONDS_BETWEEN_SAVES",
    "Memory",
    "MemoryFile",
    "Records",
    "Source",
    "Tables",
    "UnusableMemoryError",
    "Values",
]
