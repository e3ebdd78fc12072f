"""A running `tote serve`, and what one asks it."""
import http.client
import json
import re
import signal
import socket
import threading
import time
import urllib.parse


class Answer:
    """What came back."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)}\n{self.body[:2000]!r}"


class Dashboard:
    """Use as a context manager: the server is ended by SIGTERM, and must then have ended well."""

    def __init__(self, tote, *arguments, listen="127.0.0.1:0", env=None):
        self.running = tote.start("serve", "--listen", listen, *arguments, env=env)
        self.talk = []
        self.port = None
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self.read_talk, daemon=True)
        self.reader.start()

    def read_talk(self):
        for line in self.running.process.stderr:
            self.talk.append(line)
            found = re.search(r"dashboard is at https?://.*:(\d+)/", line)
            if found:
                self.port = int(found.group(1))
                self.ready.set()
        self.ready.set()

    def __enter__(self):
        if not self.ready.wait(60) or not self.port:
            self.end()
            raise AssertionError("".join(self.talk))
        return self

    def __exit__(self, kind, *_):
        self.end()
        if kind is None:
            assert self.status == 0, "".join(self.talk)

    def end(self):
        self.running.process.send_signal(signal.SIGTERM)
        self.status = self.running.process.wait(60)
        self.reader.join(10)
        for pipe in (self.running.process.stdout, self.running.process.stderr):
            pipe.close()
        self.running.tote.result([], self.status, "", "".join(self.talk))

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, path, method="GET", timeout=60, **headers):
        """One request; header names are given as Python names (If_None_Match)."""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def ok(self, path, **filters):
        """The JSON document at a path, which must be there; `filters` become its query."""
        query = urllib.parse.urlencode({name.rstrip("_"): value for name, value in filters.items()})
        answer = self.ask(f"{path}?{query}" if query else path)
        assert answer.status == 200, answer
        return answer.json

    def raw(self, data, timeout=10):
        """Bytes as they are, and everything that comes back until the server closes or `timeout` is over."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            received = b""
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server has answered and closed already
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except (TimeoutError, ConnectionError):
                pass
            return received

    def events(self, seconds=30):
        """Yields (name, data) of api/events until `seconds` are over."""
        end = time.monotonic() + seconds
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            text = b""
            while time.monotonic() < end:
                connection.settimeout(max(end - time.monotonic(), 0.01))
                try:
                    chunk = connection.recv(65536)
                except TimeoutError:
                    return
                if not chunk:
                    return
                text += chunk
                while (found := re.search(rb"event: (\w+)\ndata: (.*)\n\n", text)):
                    text = text[found.end():]
                    yield found.group(1).decode(), json.loads(found.group(2))
