#!/usr/bin/env python3
"""A bad network between network namespaces, for kernels with and without netem: a hub of TUN devices that delays, loses, repeats and reorders IPv4 packets.

    tunhub.py CONTROL.sock ADDRESS/BITS[@NAMESPACE] ...

Each address gets a device of its own, in a namespace that exists already or, without a name, here. Says "ready" when all are up; the devices go with the process. Needs root,
/dev/net/tun and iproute2.

Control: one JSON object over the Unix socket sets what happens to every packet from then on, in either direction; what it does not name is 0. The answer is one line of JSON with what
was done so far.

    {"delay": 25, "jitter": 5, "loss": 0.01, "repeat": 0.01, "reorder": 0.05}       milliseconds, milliseconds, shares of the packets
    {"forwarded": 1200, "lost": 11, "repeated": 12, "reordered": 61}
"""
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
MTU = 1500
AT_ONCE = 64


def open_device(number, place):
    """The device's descriptor, and the address of its end."""
    address, _, namespace = place.partition("@")
    name = f"rt{os.getpid()}n{number}"
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    there = ["-n", namespace] if namespace else []
    if namespace:
        subprocess.run(["ip", "link", "set", name, "netns", namespace], check=True)
    subprocess.run(["ip", *there, "address", "add", address, "dev", name], check=True)
    subprocess.run(["ip", *there, "link", "set", name, "mtu", str(MTU), "txqueuelen", "2000", "up"], check=True)
    return device, socket.inet_aton(address.split("/")[0])


class Hub:
    def __init__(self, places):
        self.addresses = dict(open_device(number, place) for number, place in enumerate(places))
        self.devices = {address: device for device, address in self.addresses.items()}
        self.rules, self.counts = {}, dict(forwarded=0, lost=0, repeated=0, reordered=0)
        self.waiting, self.number, self.last = [], 0, {}

    def take(self, device):
        """Reads what has come to a device."""
        for _ in range(AT_ONCE):
            try:
                packet = os.read(device, MTU + 100)
            except BlockingIOError:
                return
            out = self.devices.get(packet[16:20]) if len(packet) >= 20 and packet[0] >> 4 == 4 else None
            if out is not None:
                self.plan((device, out), packet)

    def plan(self, way, packet):
        """Decides what happens to a packet, and when."""
        rule = lambda name: self.rules.get(name, 0)
        if random.random() < rule("loss"):
            self.counts["lost"] += 1
            return
        at = time.monotonic()
        if random.random() < rule("reorder"):
            self.counts["reordered"] += 1  # Overtakes all that wait.
        else:
            at = max(at + max(0, rule("delay") + random.uniform(-1, 1) * rule("jitter")) / 1000, self.last.get(way, 0))
            self.last[way] = at
        self.counts["forwarded"] += 1
        copies = 1
        if random.random() < rule("repeat"):
            self.counts["repeated"] += 1
            copies = 2
        for _ in range(copies):
            self.number += 1
            heapq.heappush(self.waiting, (at, self.number, way[1], packet))

    def give(self):
        """Writes what is due; seconds until the next."""
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(self.waiting)
            try:
                os.write(device, packet)
            except OSError:
                pass  # A device that is full or going down loses packets, as others do.
        return max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else 1

    def answer(self, control):
        caller, _ = control.accept()
        with caller:
            caller.settimeout(5)
            self.rules = json.loads(caller.recv(4096))
            caller.sendall(json.dumps(self.counts).encode() + b"\n")


def main(path, *places):
    hub = Hub(places)
    with socket.socket(socket.AF_UNIX) as control, select.epoll() as ready:
        control.bind(path)
        control.listen()
        for descriptor in [*hub.addresses, control.fileno()]:
            ready.register(descriptor, select.EPOLLIN)
        print("ready", flush=True)
        while True:
            for descriptor, _ in ready.poll(hub.give()):
                if descriptor == control.fileno():
                    hub.answer(control)
                else:
                    hub.take(descriptor)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
