"""Local AWS on a bad day: what goes wrong, at which call, and what was called."""

import json
from urllib.parse import urlencode
from urllib.request import Request, urlopen


def fault(then, call="*", about="", by="function/*", skip=0, times=1, share=1.0, seed=0):
    """`times=None` strikes every time."""
    return {
        "by": by,
        "call": call,
        "about": about,
        "skip": skip,
        "share": share,
        "seed": seed,
        "then": then,
        **({} if times is None else {"times": times}),
    }


def error(code, status=400, **members):
    return {"error": {"code": code, "status": status, "members": members}}


def late(when, seconds):
    return {"delay": {"milliseconds": int(seconds * 1000), "when": when}}


def killed(when):
    return {"kill": when}


CUT_SHORT = "cut-short"


class Faults:
    def __init__(self, account):
        self._endpoint = account.endpoint

    def set(self, *faults):
        self._ask("/_plumb/faults", {"faults": list(faults)})

    def clear(self):
        self.set()

    def struck(self):
        """How often each fault has struck, in the order in which they were set."""
        return [counted["struck"] for counted in self._ask("/_plumb/faults")["faults"]]

    def calls(self, **which):
        """The call log: `execution=ID`, `function=NAME`, `mutating="true"`."""
        return self._ask(f"/_plumb/calls?{urlencode(which)}")["calls"]

    def operations(self, function):
        """What a function has called since the start: `dynamodb:GetItem`, `dynamodb:TransactWriteItems/Put`."""
        return set(self._ask(f"/_plumb/operations?{urlencode({'function': function})}")["operations"])

    def _ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._endpoint + path, data=data, method="GET" if body is None else "PUT")
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)
