// Comes again by itself, in both versions, with a session that outlives its connections.
const mqtt = require('mqtt');
const net = require('net');
const [host, port] = process.argv.slice(-2);
const say = (...words) => console.log(...words);
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
const cut = () => new Promise((done) => {
  const order = net.connect(process.env.ORDERS, () => order.write(process.env.CUT + '\n'));
  order.on('data', () => {}).on('end', done).on('close', done);
});

async function main() {
  for (const protocolVersion of [4, 5]) {
    const topic = `again/${protocolVersion}`;
    const properties = protocolVersion === 5 ? { sessionExpiryInterval: 100 } : undefined;
    const client = mqtt.connect(`mqtt://${host}:${port}`,
      { protocolVersion, clientId: 'again' + protocolVersion, clean: false, reconnectPeriod: 100, properties });
    client.on('error', () => {});
    const back = async () => {
      const entered = once(client, 'connect');
      await cut();
      say('back', (await entered)[0].sessionPresent);
    };
    // It hears nothing else while a message is not acknowledged, so another one sends.
    const sender = mqtt.connect(`mqtt://${host}:${port}`, { protocolVersion, clientId: 'sender' + protocolVersion, reconnectPeriod: 100 });
    sender.on('error', () => {});
    // Acknowledged when the one who takes it says so.
    const come = [], wanted = [];
    client.handleMessage = (packet, acknowledge) => {
      const m = { packet, acknowledge };
      if (packet.qos === 0) acknowledge();
      else if (wanted.length) wanted.shift()(m);
      else come.push(m);
    };
    const take = async () => {
      const m = await new Promise((done) => come.length ? done(come.shift()) : wanted.push(done));
      say(m.packet.payload.toString(), m.packet.qos, m.packet.dup);
      return m;
    };
    // An answer says that all before it is done; it asks for what it does not have.
    let asked = 0;
    const acknowledge = async (m) => { m.acknowledge(); await client.subscribeAsync('nothing/' + asked++); };
    say('new', (await once(client, 'connect'))[0].sessionPresent);
    await client.subscribeAsync(topic, { qos: 2 });
    await sender.publishAsync(topic, 'not acknowledged', { qos: 1 });
    await take();
    await back();
    await acknowledge(await take());
    await sender.publishAsync(topic, 'confirmed', { qos: 1 });
    await acknowledge(await take());
    const entered = once(client, 'connect');
    await cut();
    const published = sender.publishAsync(topic, 'sent while away', { qos: 1 });
    say('back', (await entered)[0].sessionPresent);
    await published;
    await acknowledge(await take());
    await client.endAsync();
    await sender.endAsync();
  }
}
main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
