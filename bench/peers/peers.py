"""Who is measured: how each server is built and started, and how the load generator talks to it (`out/loadgen --help` explains the templates)."""
import os, pathlib, shutil, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = pathlib.Path(os.environ.get("BENCH_OUT", HERE.parent / "out")).resolve()


def say(*words):
    print(*words, file=sys.stderr, flush=True)


HUB = ["--sub-frame", '{"type":"subscribe","channel":"c{CH4}"}', "--sub-wait", "subscribed", "--pub-frame", '{"type":"publish","channel":"c{CH4}","data":{DATA}}']
SIO = ["--path", "/socket.io/?EIO=4&transport=websocket", "--sub-wait", '"pingInterval"', "--sub-frame", "40", "--sub-wait", '40{"sid"', "--sub-frame", '42["subscribe","c{CH4}"]', "--sub-wait", "subscribed",
       "--reply", "2=3", "--pub-reply", "2=3", "--pub-wait", '"pingInterval"', "--pub-send", "40", "--pub-wait", '40{"sid"', "--pub-frame", '42["publish","c{CH4}",{DATA}]']
SIGNALR = ["--path", "/hub", "--sub-frame", '{"protocol":"json","version":1}\\x1e', "--sub-wait", "{}", "--sub-frame", '{"type":1,"target":"Subscribe","arguments":["c{CH4}"]}\\x1e', "--sub-wait", "subscribed",
           "--pub-send", '{"protocol":"json","version":1}\\x1e', "--pub-wait", "{}", "--pub-frame", '{"type":1,"target":"Publish","arguments":["c{CH4}",{DATA}]}\\x1e']
HELLO = 'CONNECT {"verbose":false,"pedantic":false,"lang":"loadgen","version":"1","protocol":1}\\r\\n'
NATS = ["--binary", "--stream", "--sub-wait", "INFO ", "--sub-frame", HELLO + "SUB c{CH4} 1\\r\\nPING\\r\\n", "--sub-wait", "PONG", "--reply", "PING\\r\\n=PONG\\r\\n", "--pub-reply", "PING\\r\\n=PONG\\r\\n",
        "--pub-wait", "INFO ", "--pub-send", HELLO + "PING\\r\\n", "--pub-wait", "PONG", "--pub-frame", "PUB c{CH4} {LEN}\\r\\n{DATA}\\r\\n"]
NCHAN = ["--path", "/sub?id=c{CH4}", "--publish-via", "http", "--pub-path", "/pub?id=c{CH4}", "--pub-frame", "{DATA}", "--pub-conns", "1"]
# The id is an idempotency key: {RUN} keeps a second run from being a repeat of the first.
OURS = ["--path", "/relay", "--subprotocol", "relay.v1", "--sub-frame", '{"type":"subscribe","channel":"topics/c{CH4}","id":"s"}', "--sub-wait", '"success":true',
        "--pub-frame", '{"type":"publish","channel":"topics/c{CH4}","event":"task.updated","data":{DATA},"id":"{RUN}-{SEQ}"}']
USER = ["--path", "/?user_id=u{CH4}", "--sub-wait", "connected"]

NODE = OUT / "node"
BUN = str(NODE / "node_modules/bun/bin/bun.exe")
# {PORT} and {REDIS} are chosen at start. Only the main listener: the others would want ports of their own.
RELAY = ["dotnet", str(OUT / "relay/Relay.Node.dll"), "--Relay:Listeners:main:Url=http://127.0.0.1:{PORT}", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=", "--Relay:Limits:FramesPerSecond=0", "--Relay:Limits:BytesPerSecond=0", "--Relay:Limits:QueueDelay=0"]

# name: (command, templates)
PEERS = {
    "limit-coalesce": ([str(OUT / "limit"), "{PORT}", "coalesce"], HUB),
    "limit-permsg": ([str(OUT / "limit"), "{PORT}", "permsg"], HUB),
    "bun": ([BUN, str(HERE / "node/bun-hub.js"), "{PORT}"], HUB),
    "go": ([str(OUT / "go-hub"), "-addr", "127.0.0.1:{PORT}", "-variant", "plain"], HUB),
    "go-batch": ([str(OUT / "go-hub"), "-addr", "127.0.0.1:{PORT}", "-variant", "batch"], HUB),
    "node-ws": (["node", str(NODE / "ws-hub.js"), "{PORT}"], HUB),
    "socketio": (["node", str(NODE / "sio-hub.js"), "{PORT}"], SIO),
    "python": (["/usr/bin/python3", str(HERE / "python/hub.py"), "{PORT}"], HUB),
    "signalr": (["dotnet", str(OUT / "signalr/signalr.dll"), "{PORT}"], SIGNALR),
    "kestrel-ws": (["dotnet", str(OUT / "kestrel-ws/kestrel-ws.dll"), "{PORT}"], HUB),
    "nchan": (["nginx", "-c", str(OUT / "nchan/nginx.conf")], NCHAN),
    "nats": (["nats-server", "-c", str(HERE / "nats/nats.conf")], NATS),
    "ours": (RELAY, OURS),
}
REDIS_PEERS = {
    "go": ([str(OUT / "go-redis-hub"), "-addr", "127.0.0.1:{PORT}", "-redis", "127.0.0.1:{REDIS}"], USER),
    "node-ws": (["node", str(NODE / "redis-ws.js"), "{PORT}", "{REDIS}"], USER),
    "bun": ([BUN, str(NODE / "redis-bun.js"), "{PORT}", "{REDIS}"], USER),
    "ours": ([*RELAY, "--Relay:Redis:Endpoints=127.0.0.1:{REDIS}"], ["--path", "/ws?userId=u{CH4}"]),
}
# Those that compress, told to; ours every message, so that the figures show from which size on it pays.
DEFLATE_PEERS = {
    "bun": ([*PEERS["bun"][0], "deflate"], HUB),
    "ours": ([*RELAY, "--Relay:Compression:Threshold=0"], OURS),
}
FIXED_PORTS = {"nchan": 9109, "nats": 9110}     # they stand in configuration files

NGINX = """load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
worker_processes 1; daemon off; pid {o}/nginx.pid; error_log {o}/nginx.err warn; worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600; nchan_shared_memory_size 512M;
  server {{ listen 127.0.0.1:9109 backlog=4096;
    location = /sub {{ nchan_subscriber websocket; nchan_channel_id $arg_id; nchan_subscriber_first_message newest; }}
    location = /pub {{ nchan_publisher http; nchan_channel_id $arg_id; nchan_message_buffer_length 10; nchan_message_timeout 1m; }} }} }}
"""


def attempt(what, *cmd, quiet=False, **kw):
    """Runs a build step; a peer that cannot be built is left out, with the reason."""
    say("building", what)
    try:
        done = subprocess.run([str(c) for c in cmd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
        if done.returncode == 0:
            return True
        if not quiet:
            say(f"  {what} is left out:", *done.stdout.strip().splitlines()[-3:], sep="\n    ")
    except FileNotFoundError as missing:
        say(f"  {what} is left out: {missing.filename} is not installed")
    return False


def newer(target, *sources):
    return target.exists() and all(target.stat().st_mtime >= s.stat().st_mtime for s in sources)


def install():
    packages = ["golang-go", "golang-github-gorilla-websocket-dev", "golang-github-gomodule-redigo-dev", "python3-websockets", "nginx", "libnginx-mod-nchan", "nats-server", "redis-server", "nodejs", "npm", "g++", "zlib1g-dev"]
    subprocess.run(["apt-get", "update", "-q"], check=True, stdout=sys.stderr)
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], check=True, stdout=sys.stderr)


def build_tools():
    """The load generator and the limit, which everything is compared with."""
    compiler = ["g++", "-O2", "-std=c++20", "-o"]
    source = HERE / "loadgen.cpp"
    if not newer(OUT / "loadgen", source) and not attempt("loadgen", *compiler, OUT / "loadgen", source, "-lz", quiet=True):
        say("  without zlib (zlib1g-dev): 'deflate' cannot be measured")
        if not attempt("loadgen", *compiler, OUT / "loadgen", "-DNO_DEFLATE", source):
            sys.exit("loadgen is needed: install g++")
    if not newer(OUT / "limit", HERE / "limit.cpp") and not attempt("limit", *compiler, OUT / "limit", HERE / "limit.cpp"):
        sys.exit("limit is needed: install g++")


def build(names):
    """Builds the load generator, our node and the named peers, as far as their sources are newer than what is there."""
    OUT.mkdir(parents=True, exist_ok=True)
    build_tools()
    if "ours" in names and not attempt("our node", "dotnet", "publish", ROOT / "src/Relay.Node", "-c", "Release", "-o", OUT / "relay", "--artifacts-path", OUT / "artifacts", "-nodeReuse:false", "-v", "quiet"):
        sys.exit("our node does not build")
    if {"go", "go-batch"} & names:
        for hub in ("go-hub", "go-redis-hub"):
            source = HERE / hub / "main.go"
            if not newer(OUT / hub, source):
                attempt(hub, "go", "build", "-o", OUT / hub, source, env={**os.environ, "GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOCACHE": str(OUT / ".gocache")})
    if {"bun", "node-ws", "socketio"} & names:
        shutil.copytree(HERE / "node", NODE, dirs_exist_ok=True)
        if not newer(NODE / "node_modules/.package-lock.json", HERE / "node/package.json"):
            attempt("the JavaScript peers", "npm", "install", "--silent", "--no-audit", "--no-fund", cwd=NODE)
    for p in ("signalr", "kestrel-ws"):
        if p in names and not newer(OUT / p / f"{p}.dll", HERE / p / "Program.cs"):
            source = OUT / (p + "-src")
            shutil.copytree(HERE / p, source, dirs_exist_ok=True)
            for props in ("Directory.Build.props", "Directory.Packages.props"):
                shutil.copy(HERE / props, source)
            attempt(p, "dotnet", "publish", "-c", "Release", "-o", OUT / p, "-nodeReuse:false", "-v", "quiet", cwd=source)
    if "nchan" in names:
        (OUT / "nchan").mkdir(exist_ok=True)
        (OUT / "nchan/nginx.conf").write_text(NGINX.format(o=OUT / "nchan"))


def runnable(command):
    return all(pathlib.Path(c).exists() if c.startswith("/") else i > 0 or shutil.which(c) for i, c in enumerate(command))
