"""`tote serve` in the background, and folders served as files, on ports that are free."""
import functools
import http.server
import socket
import threading
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Serving:
    """A running `tote serve`; stopped as a user would, by Ctrl-C."""

    def __init__(self, tote, *arguments, port=None):
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self.running = tote.start("serve", "--listen", f"127.0.0.1:{self.port}", *arguments)

    def __enter__(self):
        limit = time.monotonic() + 30
        while not self.answers():
            if self.running.process.poll() is not None or time.monotonic() > limit:
                self.running.kill()
                raise AssertionError(f"tote serve did not come up: {self.running.wait()}")
            time.sleep(0.05)
        return self

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.address}healthz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self):
        """Ends it, and fails if a sanitizer had something to say."""
        if self.running:
            running, self.running = self.running, None
            running.interrupt()
            return running.wait()
        return None

    def __exit__(self, *_):
        self.stop()


class Files:
    """A folder behind a plain file server, as a bucket behind a CDN would be."""

    def __init__(self, folder):
        handler = functools.partial(QuietHandler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
