#!/usr/bin/env python3
"""moto, with the path of a request as it was sent: moto itself checks signatures over the decoded one, and so refuses
even botocore's for every key or prefix with '/', '=' or 'é' in a place it does not expect.

usage: moto_server.py PORT
"""
import sys

import flask
from moto.iam import access_control
from moto.server import main

created = access_control.IAMRequestBase._create_aws_request


def as_sent(self):
    request = created(self)
    if self._service == "s3" and flask.has_request_context():
        request.url = flask.request.environ["REQUEST_URI"]
    return request


access_control.IAMRequestBase._create_aws_request = as_sent

if __name__ == "__main__":
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
