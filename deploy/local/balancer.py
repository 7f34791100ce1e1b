"""A TCP balancer for a handful of nodes: each connection goes to the ready node with the fewest."""

import asyncio

CHECK_INTERVAL = 0.5
CHECK_TIMEOUT = 2
PIECE = 64 * 1024


class Target:
    """One node, as the balancer sees it."""

    def __init__(self, name, host, port):
        self.name, self.host, self.port = name, host, port
        self.ready = False
        self.connections = 0


class Balancer:
    def __init__(self, say):
        self.targets = []
        self._say = say
        self._server = None
        self._checks = {}

    async def listen(self, host, port):
        self._server = await asyncio.start_server(self._serve, host, port)

    def add(self, target):
        self.targets.append(target)
        self._checks[target] = asyncio.create_task(self._check(target))

    def remove(self, target):
        self.targets.remove(target)
        self._checks.pop(target).cancel()

    def close(self):
        for check in self._checks.values():
            check.cancel()
        if self._server:
            self._server.close()

    async def _check(self, target):
        """Asks /ready, as Kubernetes does; whoever is not ready gets no new connections and keeps those it has."""
        while True:
            ready = await self._is_ready(target)
            if ready != target.ready:
                target.ready = ready
                self._say(f"{target.name} is {'ready' if ready else 'not ready'}")
            await asyncio.sleep(CHECK_INTERVAL)

    @staticmethod
    async def _is_ready(target):
        try:
            return await asyncio.wait_for(Balancer._ask(target), CHECK_TIMEOUT)
        except (OSError, asyncio.TimeoutError):
            return False

    @staticmethod
    async def _ask(target):
        reader, writer = await asyncio.open_connection(target.host, target.port)
        try:
            writer.write(f"GET /ready HTTP/1.1\r\nHost: {target.host}:{target.port}\r\nConnection: close\r\n\r\n".encode())
            return (await reader.readline()).startswith(b"HTTP/1.1 200")
        finally:
            writer.close()

    async def _serve(self, reader, writer):
        try:
            for target in sorted((t for t in self.targets if t.ready), key=lambda t: t.connections):
                try:
                    upstream = await asyncio.open_connection(target.host, target.port)
                except OSError:
                    continue
                await self._join(target, (reader, writer), upstream)
                return
        except asyncio.CancelledError:
            # The program ends.
            pass
        finally:
            writer.close()

    @staticmethod
    async def _join(target, client, upstream):
        target.connections += 1
        try:
            await asyncio.gather(Balancer._copy(client[0], upstream[1]), Balancer._copy(upstream[0], client[1]))
        finally:
            target.connections -= 1
            upstream[1].close()

    @staticmethod
    async def _copy(reader, writer):
        try:
            while piece := await reader.read(PIECE):
                writer.write(piece)
                await writer.drain()
            # The other direction may still have something to say.
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            writer.close()
