import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The network between client and relay: an address that stays, whatever happens behind it. */
export class Proxy {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isStalled = false;
  #isOpen = true;
  #opened = 0;

  /** Requests for a WebSocket are hung up on. */
  refusesUpgrades = false;
  private constructor(
    private readonly server: Server,
    public target: number,
  ) {}

  static async to(target: number): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server, target);
    server.on('connection', socket => proxy.#accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Connections so far. */
  get opened(): number {
    return this.#opened;
  }

  /** Tears every connection. */
  cut(): void {
    for (const pair of [...this.#pairs]) for (const socket of pair) socket.destroy();
  }

  /** New connections are hung up on, until `open`. */
  shut(): void {
    this.#isOpen = false;
    this.cut();
  }

  open(): void {
    this.#isOpen = true;
  }

  /** Takes nothing more of what the relay sends: a client that does not read. */
  stall(): void {
    this.#isStalled = true;
    for (const [, relay] of this.#pairs) relay.pause();
  }

  flow(): void {
    this.#isStalled = false;
    for (const [, relay] of this.#pairs) relay.resume();
  }

  /** Loses what both sides send on the connections that stand, without ending them: a cable that was pulled. */
  mute(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.removeAllListeners('data').resume();
  }

  /** What the relay sends is lost, what the client sends arrives, on the connections that stand. */
  muteRelay(): void {
    for (const [, relay] of this.#pairs) relay.removeAllListeners('data').resume();
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  #accept(client: Socket): void {
    if (!this.#isOpen) {
      client.destroy();
      return;
    }
    this.#opened++;
    const relay = connect(this.target, '127.0.0.1');
    const pair = [client, relay] as const;
    this.#pairs.add(pair);
    for (const [one, other] of [[client, relay], [relay, client]] as const) {
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    client.on('data', data => {
      if (this.refusesUpgrades && /^upgrade: *websocket/im.test(data.toString('latin1'))) {
        client.destroy();
        return;
      }
      relay.write(data);
    });
    relay.on('data', data => client.write(data));
    if (this.#isStalled) relay.pause();
  }
}
