"""Waiting for what happens in its own time."""

import time

PATIENCE = 60.0
PAUSE = 0.5


def eventually(check, timeout=PATIENCE):
    """Calls `check` until it asserts nothing any more, and returns what it returns; its last complaint if it never does."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(PAUSE)
