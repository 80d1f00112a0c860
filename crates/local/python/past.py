"""A past for moto's account: a request may be answered as if it had been made days ago.

Everything in moto that has a date has it from `moto.core.utils.utcnow`. Other modules have taken the function over by name,
so it is not replaced but given another body.
"""

import contextvars
import datetime

import moto.core.utils

HEADER = "HTTP_X_LOCAL_DAYS_AGO"

_days_ago = contextvars.ContextVar("days_ago", default=0)


def now():
    """The time of the request that is being answered: naive, in UTC, as moto wants it."""
    moment = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return moment - datetime.timedelta(days=_days_ago.get())


def teach():
    def utcnow():
        import past

        return past.now()

    moto.core.utils.utcnow.__code__ = utcnow.__code__


def of_requests(application):
    def answer(environ, start_response):
        given = environ.get(HEADER, "")
        token = _days_ago.set(int(given) if given.isdigit() else 0)
        try:
            return application(environ, start_response)
        finally:
            _days_ago.reset(token)

    return answer
