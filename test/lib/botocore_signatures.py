#!/usr/bin/env python3
"""Random requests with the signatures that botocore makes of them, one JSON document a line.

usage: botocore_signatures.py COUNT SEED
"""
import datetime
import hashlib
import json
import random
import sys
import urllib.parse

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGIONS = ["eu-west-2", "us-east-1", "cn-north-1", "ap-southeast-4"]
ALPHABETS = ["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~", " !\"#$%&'()*+,:;<=>?@[\\]^`{|}",
             "äßçé€語😀", "%2F%20", "\x01\x7f"]


def text(chance, least, most):
    alphabet = "".join(chance.sample(ALPHABETS[:4], chance.randint(1, 3)))
    return "".join(chance.choice(alphabet) for _ in range(chance.randint(least, most)))


def quote(value):
    return urllib.parse.quote(value, safe="-_.~")


def header_value(chance):
    words = [text(chance, 1, 8).replace("\x7f", "") for _ in range(chance.randint(1, 4))]
    value = "".join(word + chance.choice([" ", "  ", "   "]) for word in words)
    value = "".join(c for c in value if c.isascii() and c.isprintable())
    return chance.choice(["", " "]) + value if value.strip() else "x"


def request_of(chance, service):
    path = "/"
    if service == "s3":
        path += "/".join(text(chance, 1, 12) for _ in range(chance.randint(1, 4)))
        path = chance.choice([path, path.replace("a", "//"), path + "/../x", path + "/."])
    query = {text(chance, 1, 6): text(chance, 0, 10) for _ in range(chance.randint(0, 4))}
    headers = {f"x-amz-meta-{chance.randint(0, 99)}": header_value(chance) for _ in range(chance.randint(0, 4))}
    if chance.random() < 0.3:
        headers["Content-Type"] = "application/xml"
    return path, list(query.items()), list(headers.items())


def host_of(chance):
    return chance.choice(["bucket.s3.eu-west-2.amazonaws.com", "127.0.0.1:9000", "example.com:8443", "s3.example.com"])


def signature(chance, now):
    service = chance.choice(["s3", "s3", "sts", "secretsmanager", "rds-db"])
    presign = service == "rds-db" or chance.random() < 0.2
    path, query, headers = request_of(chance, service)
    if presign:
        headers = []
    host = host_of(chance)
    body = b"" if presign else text(chance, 0, 40).encode()
    token = text(chance, 5, 60) if chance.random() < 0.5 else None
    if token:
        token = "".join(c for c in token if c.isascii() and c.isprintable() and c != " ") or "token"
    credentials = Credentials("AKID" + str(chance.randint(0, 10**9)), text(chance, 8, 40), token)
    region = chance.choice(REGIONS)
    url = f"http://{host}{urllib.parse.quote(path, safe='/-_.~')}"
    if query:
        url += "?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
    method = "GET" if presign else chance.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    expires = chance.randint(1, 3600)
    auth = {
        ("s3", False): lambda: botocore.auth.S3SigV4Auth(credentials, service, region),
        ("s3", True): lambda: botocore.auth.S3SigV4QueryAuth(credentials, service, region, expires),
        ("other", False): lambda: botocore.auth.SigV4Auth(credentials, service, region),
        ("other", True): lambda: botocore.auth.SigV4QueryAuth(credentials, service, region, expires),
    }[("s3" if service == "s3" else "other", presign)]()
    botocore.auth.get_current_datetime = lambda *_, **__: now
    auth.add_auth(request)
    if presign:
        wanted = urllib.parse.parse_qs(urllib.parse.urlsplit(request.url).query)["X-Amz-Signature"][0]
    else:
        wanted = request.headers["Authorization"]
    hashed = hashlib.sha256(body).hexdigest()
    return {"method": method, "host": host, "path": path, "query": query, "headers": headers, "region": region,
            "service": service, "id": credentials.access_key, "secret": credentials.secret_key, "token": token,
            "sha256": "UNSIGNED-PAYLOAD" if presign and service == "s3" else hashed,
            "now_s": int(now.timestamp()), "expires": expires if presign else 0, "wanted": wanted}


def main(count, seed):
    chance = random.Random(seed)
    for _ in range(count):
        now = datetime.datetime.fromtimestamp(chance.randint(10**9, 4 * 10**9), datetime.timezone.utc)
        print(json.dumps(signature(chance, now)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
