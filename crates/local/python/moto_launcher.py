"""Runs moto's server on loopback: moto_launcher.py PORT.

`GET /_plumb/instance` answers whose it is: the gateway's URL, from the environment. A request with the header
`X-Local-Days-Ago` is answered as so many days ago, so that what it makes is as old as that.
"""

import logging
import os
import random
import string
import sys

import moto_gaps
import past
import watch
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.rds.models import DBInstance
from werkzeug.serving import run_simple


def identify_instances():
    """moto gives every RDS instance one and the same DbiResourceId, which is AWS Config's id of the instance."""
    make = DBInstance.__init__

    def make_with_id(self, *args, **kwargs):
        make(self, *args, **kwargs)
        self.dbi_resource_id = "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))

    DBInstance.__init__ = make_with_id


def with_instance(application):
    def answer(environ, start_response):
        if environ["PATH_INFO"] != "/_plumb/instance":
            return application(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [os.environ["AWS_ENDPOINT_URL"].encode()]

    return answer


def main():
    watch.end_with_parent()
    identify_instances()
    moto_gaps.teach()
    past.teach()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = past.of_requests(with_instance(DomainDispatcherApplication(create_backend_app)))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
