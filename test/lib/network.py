"""A way to a server on this machine that can die as networks do: nothing is closed, nothing is answered any more."""
import selectors
import socket
import threading


class Network:
    """Use as a context manager; `port` leads to the server's port until die()."""

    def __init__(self, port):
        self.server_port = port
        self.dead = threading.Event()
        self.sockets = []

    def __enter__(self):
        self.door = self.keep(socket.socket())
        self.door.bind(("127.0.0.1", 0))
        self.door.listen(0)
        self.port = self.door.getsockname()[1]
        self.ways = selectors.DefaultSelector()
        self.ways.register(self.door, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.dead.set()
        self.thread.join(10)
        for end in self.sockets:
            end.close()
        self.ways.close()

    def keep(self, end):
        self.sockets.append(end)
        return end

    def carry(self):
        while not self.dead.is_set():
            for ready, _ in self.ways.select(0.05):
                if ready.fileobj is self.door:
                    client = self.keep(self.door.accept()[0])
                    server = self.keep(socket.create_connection(("127.0.0.1", self.server_port)))
                    self.ways.register(client, selectors.EVENT_READ, server)
                    self.ways.register(server, selectors.EVENT_READ, client)
                    continue
                data = ready.fileobj.recv(1 << 16)
                if data:
                    ready.data.sendall(data)
                else:
                    ready.data.shutdown(socket.SHUT_WR)
                    self.ways.unregister(ready.fileobj)

    def die(self):
        """Open connections fall silent, and who makes a new one gets no answer at all: the queue of those that wait at the
        door is full, so the kernel drops what else comes, as a firewall would."""
        self.dead.set()
        self.thread.join(10)
        for _ in range(4):
            end = self.keep(socket.socket())
            end.setblocking(False)
            end.connect_ex(("127.0.0.1", self.port))
