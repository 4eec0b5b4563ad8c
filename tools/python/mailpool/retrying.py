"""Trying again what may be tried again."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from .errors import PoolError

T = TypeVar("T")


def retry(job: Callable[[], T], *, attempts: int = 5, first_wait: float = 0.5, longest_wait: float = 15.0,
          sleep: Callable[[float], object] = time.sleep) -> T:
    """Runs `job` until it succeeds, at most `attempts` times, and returns what it returns.

    Only failures that may pass, and before which nothing was done, lead to another attempt: no manager, nothing free in time, a
    server that cannot be reached (PoolError.may_be_retried). A wrong password, a connection that is lost in the middle of a
    command, and whatever else `job` raises, end it at once. Waits double, and are up to a quarter shorter at random.
    """
    for wait in attempts_of(attempts, first_wait, longest_wait):
        try:
            return job()
        except PoolError as trouble:
            if not trouble.may_be_retried:
                raise
        sleep(wait)
    return job()


def attempts_of(attempts: int, first_wait: float, longest_wait: float) -> Iterator[float]:
    """The wait after each attempt but the last."""
    if attempts < 1:
        raise ValueError(f"attempts: 1 or more, not {attempts}")
    for number in range(attempts - 1):
        yield min(first_wait * 2**number, longest_wait) * random.uniform(0.75, 1.0)
