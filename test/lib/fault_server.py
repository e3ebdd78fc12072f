#!/usr/bin/env python3
"""An HTTP server that does what a test scripts: it stands before a real server and passes requests on unchanged, but
for the ones that shall meet a fault; or it plays a small service (instance metadata, an SSO portal).

usage: fault_server.py [--tls CERTIFICATE KEY]      (prints its port and serves until its standard input ends; with
                                                     TLS for a minute at most)

    POST /_script   {"upstream": "http://127.0.0.1:7070", "rules": [RULE...]}    a new script; the log is emptied
    GET  /_log      one line a request: "PUT /bucket/key?x=y 503"
    GET  /_connections    how many connections have been opened since the last script
    GET  /_exit     ends the server

A rule is met by requests whose "METHOD /path?query" holds `match` (and whose headers `headers_match`); `skip` of them
are let through first, then `times` meet it (-1: all). What it does, `do`:

    answer   status, headers, body: instead of the server's answer
    instead  the request is carried out, then as `answer`
    lost     the request is carried out, then the connection is reset without a byte
    reset    the connection is reset when the request's head has been read
    swallow  the connection is reset in the middle of the request's body
    cut      the request is carried out, and the connection is reset in the middle of the answer's body
    edit     the request is carried out, and `headers` replace those of the answer
    hang     `seconds` pass, then the connection is reset
"""
import http.client
import http.server
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

CONTROL = {"/_script", "/_log", "/_connections", "/_exit"}
HOP = {"connection", "transfer-encoding", "keep-alive"}


class Script:
    def __init__(self):
        self.lock = threading.Lock()
        self.set({"rules": []})

    def set(self, document):
        with self.lock:
            self.upstream = document.get("upstream")
            self.rules = document["rules"]
            for rule in self.rules:
                rule.setdefault("times", 1)
                rule.setdefault("skip", 0)
            self.log = []
            self.connections = 0

    def rule_for(self, request, headers):
        with self.lock:
            for rule in self.rules:
                wanted = rule.get("headers_match", {})
                if rule.get("match", "") not in request or rule["times"] == 0:
                    continue
                if any(headers.get(name) != value for name, value in wanted.items()):
                    continue
                if rule["skip"]:
                    rule["skip"] -= 1
                    continue
                rule["times"] -= 1
                return rule
        return None

    def note(self, line):
        with self.lock:
            self.log.append(line)

    def text(self):
        with self.lock:
            return "".join(line + "\n" for line in self.log)


SCRIPT = Script()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        with SCRIPT.lock:
            SCRIPT.connections += 1

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def note(self, what):
        """Before the client can know that its request was seen."""
        if self.path not in CONTROL:
            SCRIPT.note(f"{self.command} {self.path} {what}")

    def answer(self, status, headers, body):
        self.note(status)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers) and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def reset(self):
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())  # http.server would shut it down in good order

    def read_body(self, share=1.0):
        size = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(int(size * share))

    def forward(self, body):
        upstream = urllib.parse.urlsplit(SCRIPT.upstream)
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.getheaders(), content

    def control(self):
        if self.path == "/_script":
            SCRIPT.set(json.loads(self.read_body()))
            self.answer(200, [], b"")
        elif self.path == "/_connections":
            self.answer(200, [], str(SCRIPT.connections).encode())
        elif self.path == "/_exit":
            os._exit(0)
        else:
            self.answer(200, [("Content-Type", "text/plain")], SCRIPT.text().encode())

    def serve(self):
        if self.path in CONTROL:
            self.control()
            return
        request = f"{self.command} {self.path}"
        rule = SCRIPT.rule_for(request, self.headers) or {"do": "pass" if SCRIPT.upstream else "unknown"}
        getattr(self, "do_" + rule["do"])(rule)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

    def do_unknown(self, _):
        self.read_body()
        self.answer(404, [], b"no rule for this")

    def do_pass(self, _):
        status, headers, body = self.forward(self.read_body())
        self.answer(status, headers, body)

    def do_answer(self, rule):
        self.read_body()
        self.answer(rule.get("status", 200), list(rule.get("headers", {}).items()), rule.get("body", "").encode())

    def do_instead(self, rule):
        self.forward(self.read_body())
        self.answer(rule.get("status", 200), list(rule.get("headers", {}).items()), rule.get("body", "").encode())

    def do_lost(self, _):
        self.forward(self.read_body())
        self.note("lost")
        self.reset()

    def do_reset(self, _):
        self.note("reset")
        self.reset()

    def do_swallow(self, _):
        self.read_body(0.5)
        self.note("swallow")
        self.reset()

    def do_cut(self, _):
        status, headers, body = self.forward(self.read_body())
        self.note("cut")
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.reset()

    def do_edit(self, rule):
        status, headers, body = self.forward(self.read_body())
        names = {name.lower() for name in rule["headers"]}
        headers = [(name, value) for name, value in headers if name.lower() not in names]
        headers += [(name, value) for name, value in rule["headers"].items() if value is not None]
        self.answer(status, headers, body)

    def do_hang(self, rule):
        time.sleep(rule["seconds"])
        self.note("hang")
        self.reset()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A connection that was reset on purpose is no error."""


def start(certificate=None, key=None):
    """A server in a thread of this process; its port."""
    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


if __name__ == "__main__":
    print(start(*sys.argv[2:]), flush=True)
    if len(sys.argv) > 1:
        time.sleep(60)  # who started it has no pipe to it
    sys.stdin.read()
