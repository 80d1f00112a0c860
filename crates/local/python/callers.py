"""Says in each request who makes it, so that the gateway's call log can."""

import contextvars

_caller = contextvars.ContextVar("caller", default="")
_days_ago = contextvars.ContextVar("days_ago", default=0)


def is_now(caller, days_ago=0):
    _caller.set(caller)
    _days_ago.set(days_ago)


def mark(client):
    """The headers are added after signing: the gateway takes them off again."""

    def name_caller(request, **_):
        if _caller.get():
            request.headers["X-Plumb-Caller"] = _caller.get()
        if _days_ago.get():
            # Not `X-Plumb-…`: this one is for moto, so the gateway is to pass it on.
            request.headers["X-Local-Days-Ago"] = str(_days_ago.get())

    def name_operation(model, params, **_):
        params["headers"]["X-Plumb-Operation"] = model.name

    client.meta.events.register("before-call", name_operation)
    client.meta.events.register("before-send", name_caller)
    return client
