"""Says in each request who makes it, so that the gateway's call log can."""

import contextvars

_caller = contextvars.ContextVar("caller", default="")


def is_now(caller):
    _caller.set(caller)


def mark(client):
    """The headers are added after signing: the gateway takes them off again."""

    def name_caller(request, **_):
        if _caller.get():
            request.headers["X-Plumb-Caller"] = _caller.get()

    def name_operation(model, params, **_):
        params["headers"]["X-Plumb-Operation"] = model.name

    client.meta.events.register("before-call", name_operation)
    client.meta.events.register("before-send", name_caller)
    return client
