// What stompjs sees, in all three versions: messages, receipts, each way to acknowledge, transactions; then its
// connection is cut and it comes again by itself.
const { Client, Versions } = require('@stomp/stompjs');
const net = require('net');
const [host, port] = process.argv.slice(-2);
const say = (...words) => console.log(...words);
const cut = () => new Promise((done) => {
  const order = net.connect(process.env.ORDERS, () => order.write(process.env.CUT + '\n'));
  order.on('data', () => {}).on('end', done).on('close', done);
});

// What stompjs takes for a WebSocket, over TCP.
class Tcp {
  constructor() {
    this.readyState = 0;
    this.socket = net.connect(+port, host);
    this.socket.on('connect', () => { this.readyState = 1; this.onopen({}); });
    this.socket.on('data', (data) => this.onmessage({ data }));
    this.socket.on('error', () => {});
    this.socket.on('close', () => { this.readyState = 3; this.onclose({ code: 1006, reason: '', wasClean: false }); });
  }
  send(data) { this.socket.write(typeof data === 'string' ? data : Buffer.from(data)); }
  close() { this.readyState = 2; this.socket.end(); }
  terminate() { this.socket.destroy(); }
}

// One that hears what comes to a queue, also after it has come again.
class Guest {
  constructor(versions, queue) {
    this.come = []; this.wanted = []; this.entered = []; this.heard = 0;
    this.client = new Client({
      webSocketFactory: () => new Tcp(),
      stompVersions: new Versions(versions),
      connectHeaders: { login: 'guest', passcode: 'guest' },
      reconnectDelay: 50, heartbeatIncoming: 10000, heartbeatOutgoing: 10000,
      onConnect: (frame) => {
        this.client.subscribe(queue, (m) => this.wanted.length ? this.wanted.shift()(m) : this.come.push(m),
          { id: 's', ack: 'client-individual' });
        this.entered.shift()(frame.headers);
      },
      onStompError: (frame) => this.failed(frame.headers.message),
    });
    this.in = new Promise((done) => this.entered.push(done));
    this.client.activate();
  }
  async take() {
    const m = await new Promise((done) => this.come.length ? done(this.come.shift()) : this.wanted.push(done));
    say(m.body, m.headers.redelivered);
    return m;
  }
  receipt(act) {
    return new Promise((done) => {
      const receipt = 'r' + this.heard++;
      this.client.watchForReceipt(receipt, done);
      act({ receipt });
    });
  }
  send(destination, body, more = {}) {
    return this.receipt((headers) => this.client.publish({ destination, body, headers: { ...headers, ...more } }));
  }
  async back() {
    const entered = new Promise((done) => this.entered.push(done));
    await cut();
    say('back', (await entered).version);
  }
}

(async () => {
  for (const version of ['1.0', '1.1', '1.2']) {
    const queue = '/queue/js' + version;
    const guest = new Guest([version], queue);
    say((await guest.in).version);
    // It escapes in 1.2 alone.
    await guest.send(queue, 'hello: \u00e9', { kind: version === '1.2' ? 'a:b\n\r' : 'a b' });
    let m = await guest.take();
    say(JSON.stringify(m.headers.kind), m.headers['content-length']);
    await guest.receipt((headers) => m.ack(headers));
    await guest.send(queue, 'again');
    (await guest.take()).nack();
    m = await guest.take();
    await guest.receipt((headers) => m.ack(headers));
    let t = guest.client.begin();
    await guest.send(queue, 'rolled back', { transaction: t.id });
    t.abort();
    t = guest.client.begin();
    await guest.send(queue, 'committed', { transaction: t.id });
    t.commit();
    m = await guest.take();
    await guest.receipt((headers) => m.ack(headers));
    // Cut while a message and a transaction are open.
    await guest.send(queue, 'not acknowledged');
    await guest.take();
    t = guest.client.begin();
    await guest.send(queue, 'not committed', { transaction: t.id });
    await guest.back();
    m = await guest.take();
    await guest.receipt((headers) => m.ack(headers));
    await guest.send(queue, 'confirmed');
    await guest.take();
    await guest.back();
    m = await guest.take();
    await guest.receipt((headers) => m.ack(headers));
    await guest.client.deactivate();
  }
  // Bytes, and a name that nobody has.
  const guest = new Guest(['1.2'], '/queue/bytes');
  await guest.in;
  const binaryBody = new Uint8Array([0, 1, 255, 0]);
  guest.client.publish({ destination: '/queue/bytes', binaryBody, headers: { 'content-type': 'application/octet-stream' } });
  const m = await new Promise((done) => guest.come.length ? done(guest.come.shift()) : guest.wanted.push(done));
  say(Array.from(m.binaryBody), m.headers['content-type']);
  m.ack();
  const failed = new Promise((done) => { guest.failed = done; });
  guest.client.reconnectDelay = 0;
  guest.client.publish({ destination: '/nowhere/x', body: 'x' });
  say(await failed);
  await guest.client.deactivate();
})().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
